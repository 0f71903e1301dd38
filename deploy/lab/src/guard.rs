//! Who holds a lab, and what ends it when nobody does.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::{net, process};

/// A holder's part of a lab's life. The lab lives for as long as anybody has its file `held` locked, and the kernel
/// takes a holder's lock away however it ends; then a small shell script, the guardian, ends all that the lab runs.
#[derive(Debug)]
pub(crate) struct Guard {
    held: File,
    /// Only in the process that started the lab.
    guardian: Option<Child>,
}

impl Guard {
    /// Makes a new lab's folder, already held, and starts its guardian. `run` is a cargo process that keeps the lab
    /// alive between two holders.
    pub(crate) fn found(run: Option<u32>) -> Result<(Self, PathBuf, String)> {
        let root = root()?;
        clear_leftovers(&root);
        let id = format!("{:016x}", net::random());
        // Under a name that nobody looks at until the lock is taken, or another lab's start would clear it away.
        let hidden = root.join(format!(".{id}"));
        let dir = root.join(&id);
        fs::create_dir(&hidden)?;
        let held = File::create(hidden.join("held"))?;
        held.lock_shared()?;
        fs::write(hidden.join("guardian.sh"), include_str!("guardian.sh"))?;
        if std::env::var_os("LAPWING_LAB_KEEP").is_some() {
            fs::write(hidden.join("keep"), "")?;
        }
        fs::rename(&hidden, &dir)?;
        let guardian = guardian(&dir, &id, run)?;
        Ok((Self { held, guardian: Some(guardian) }, dir, id))
    }

    /// Holds a lab that another process has started, unless it is ending.
    pub(crate) fn join(dir: &Path) -> Option<Self> {
        let held = File::open(dir.join("held")).ok()?;
        held.try_lock_shared().ok()?;
        // The lock of a file that was removed meanwhile means nothing.
        dir.join("held").exists().then_some(Self { held, guardian: None })
    }

    /// Lets go, and waits until the guardian has cleared up if this process started it.
    pub(crate) fn release(&mut self) {
        let _ = self.held.unlock();
        if let Some(mut guardian) = self.guardian.take() {
            let _ = guardian.wait();
        }
    }
}

/// The folder of this user's labs.
pub(crate) fn root() -> Result<PathBuf> {
    let user = rustix::process::getuid().as_raw();
    let root = match std::env::var_os("LAPWING_LAB_ROOT") {
        Some(root) => root.into(),
        None => std::env::temp_dir().join(format!("lapwing-lab-{user}")),
    };
    fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
    Ok(std::path::absolute(root)?)
}

fn guardian(dir: &Path, id: &str, run: Option<u32>) -> Result<Child> {
    let run = run.map(|pid| pid.to_string()).unwrap_or_default();
    Command::new("sh")
        .arg(dir.join("guardian.sh"))
        .arg(dir)
        .args([id, &run])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Of its own group, so that what ends the holder does not end it too.
        .process_group(0)
        .spawn()
        .context("sh does not run")
}

/// Ends labs whose holders and guardian are all gone: somebody killed even the guardian, or the machine went down.
fn clear_leftovers(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let dir = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Ok(held) = File::open(dir.join("held")) else { continue };
        if name.starts_with('.') || held.try_lock().is_err() || recently_kept(&dir) {
            continue;
        }
        if process::sweep(&name).is_ok() {
            let _ = fs::remove_dir_all(&dir);
        }
    }
}

/// Logs of a failed test stay for a day.
fn recently_kept(dir: &Path) -> bool {
    let age = |kept: fs::Metadata| kept.modified().ok()?.elapsed().ok();
    fs::metadata(dir.join("keep")).ok().and_then(age).is_some_and(|age| age.as_secs() < 24 * 3600)
}
