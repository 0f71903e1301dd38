use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::guard::Guard;
use crate::plan::Plan;
use crate::{Options, archive, net, node, process, ready, site};

/// Time for the whole lab to come up. A loaded machine with two cores needs a minute.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// A running Hadoop. Dropping it ends all its processes and removes its folder.
///
/// It also ends when the process that holds it is killed: see the crate's documentation. If a test that holds it fails,
/// the folder's `logs` stay for a day.
#[derive(Debug)]
pub struct Lab {
    pub(crate) plan: Plan,
    pub(crate) conf: PathBuf,
    pub(crate) nodes: Vec<node::Node>,
    /// None for a lab that outlives this process.
    guard: Option<Guard>,
}

impl Lab {
    /// Starts a lab for the caller alone and waits until it is of use.
    pub fn start(options: Options) -> Result<Self> {
        Self::start_guarded(options, None)
    }

    /// Starts a lab that ends with the process `run`, or with its last holder if that is later.
    pub(crate) fn start_guarded(options: Options, run: Option<u32>) -> Result<Self> {
        let (guard, dir, id) = Guard::found(run)?;
        let lab = Self::of(Plan::new(&dir, id, options)?, Some(guard));
        // The error names a log, which must still be there when it is read.
        lab.bring_up().inspect_err(|_| lab.keep_logs())?;
        Ok(lab)
    }

    /// Starts a lab in a folder of the caller's choice. It outlives the caller and ends by [`Lab::down`].
    pub fn up(dir: &Path, options: Options) -> Result<Self> {
        clear_for(dir)?;
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let plan = Plan::new(dir, format!("{:016x}", net::random()), options);
        // Empty as it still is: without Java there should be no trace of a lab.
        let lab = Self::of(plan.inspect_err(|_| drop(fs::remove_dir(dir)))?, None);
        // As cargo does with its own: the folder may lie in somebody's repository.
        fs::write(dir.join(".gitignore"), "*\n")?;
        lab.bring_up().inspect_err(|_| {
            let _ = process::sweep(&lab.plan.id);
        })?;
        Ok(lab)
    }

    /// The lab in a folder, started by [`Lab::up`] in whatever process.
    pub fn open(dir: &Path) -> Result<Self> {
        Ok(Self::of(Plan::read(dir)?, None))
    }

    /// Ends the lab in a folder, started by [`Lab::up`] in whatever process, with all its containers, and removes the
    /// folder.
    pub fn down(dir: &Path) -> Result<()> {
        process::sweep(&Plan::read_id(dir)?)?;
        fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))
    }

    /// Holds a guarded lab that another process has started.
    pub(crate) fn join(dir: &Path) -> Option<Self> {
        let guard = Guard::join(dir)?;
        Some(Self::of(Plan::read(dir).ok()?, Some(guard)))
    }

    /// Starts whatever daemon does not run.
    pub(crate) fn heal(&self) -> Result<()> {
        let dead = self.plan.roles().into_iter().filter(|role| self.pid(*role).is_none());
        dead.into_iter().try_for_each(|role| self.launch(role))?;
        self.wait_ready()
    }

    fn of(plan: Plan, guard: Option<Guard>) -> Self {
        Self { conf: plan.conf(), nodes: node::all(&plan), plan, guard }
    }

    fn bring_up(&self) -> Result<()> {
        for folder in ["logs", "classes", "tmp"] {
            fs::create_dir_all(self.plan.dir.join(folder))?;
        }
        site::write_all(&self.plan)?;
        self.plan.write()?;
        ready::bring_up(&self.plan, PATIENCE)?;
        // Only speed depends on it.
        let _ = archive::make(&self.plan);
        Ok(())
    }

    fn keep_logs(&self) {
        let _ = fs::write(self.plan.dir.join("keep"), "");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.guard.is_some() && std::thread::panicking() {
            self.keep_logs();
        }
        if let Some(guard) = &mut self.guard {
            guard.release();
        }
    }
}

/// Makes sure that removing the folder later removes nothing but the lab. What a dead lab left may go at once.
fn clear_for(dir: &Path) -> Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    if let Ok(id) = Plan::read_id(dir) {
        ensure!(process::all(&id).is_empty(), "a lab runs in {} already", dir.display());
        return Lab::down(dir);
    }
    if fs::read_dir(dir)?.next().is_some() {
        bail!("{} holds something that is no lab", dir.display())
    }
    Ok(())
}
