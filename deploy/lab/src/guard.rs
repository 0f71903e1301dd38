//! Who holds a lab, and what ends it when nobody does.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{net, process};

/// A holder's part of a lab's life. The lab lives for as long as anybody has its file `held` locked, and the kernel
/// takes a holder's lock away however it ends; then a small shell script, the guardian, ends all that the lab runs.
#[derive(Debug)]
pub(crate) struct Guard {
    dir: PathBuf,
    held: File,
    /// Only in the process that started the lab.
    guardian: Option<Child>,
}

impl Guard {
    /// Makes a new lab's folder, already held, and starts its guardian. `run` is a cargo process that keeps the lab
    /// alive between two holders.
    pub(crate) fn found(run: Option<u32>) -> Result<(Self, PathBuf, String)> {
        possible()?;
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
        Ok((Self { dir: dir.clone(), held, guardian: Some(guardian) }, dir, id))
    }

    /// Holds a lab that another process has started, unless it is ending.
    pub(crate) fn join(dir: &Path) -> Option<Self> {
        let held = File::open(dir.join("held")).ok()?;
        held.try_lock_shared().ok()?;
        // The lock of a file that was removed meanwhile means nothing.
        dir.join("held").exists().then_some(Self { dir: dir.to_owned(), held, guardian: None })
    }

    /// Lets go. In the process that started the lab this is its end, whatever cargo still does, and it waits until the
    /// guardian has cleared up.
    pub(crate) fn release(&mut self) {
        if let Some(mut guardian) = self.guardian.take() {
            let _ = fs::write(self.dir.join("end"), "");
            let _ = self.held.unlock();
            let _ = guardian.wait();
            // It has done this, unless somebody killed it.
            if !self.dir.join("keep").exists() && self.dir.exists() {
                let id = self.dir.file_name().unwrap_or_default().to_string_lossy();
                let _ = process::sweep(&id).map(|()| fs::remove_dir_all(&self.dir));
            }
        }
    }
}

/// Whether this machine can run a guardian.
pub(crate) fn possible() -> Result<()> {
    match Command::new("flock").arg("--version").output() {
        Ok(_) => Ok(()),
        Err(_) => {
            bail!("flock is missing: install util-linux, so that a lab ends with the tests that use it")
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
        if name.starts_with("shared-") && !is_recent(&dir) {
            let _ = fs::remove_file(&dir);
        }
        let Ok(held) = File::open(dir.join("held")) else { continue };
        if name.starts_with('.') || held.try_lock().is_err() || is_recent(&dir.join("keep")) {
            continue;
        }
        if process::sweep(&name).is_ok() {
            let _ = fs::remove_dir_all(&dir);
        }
    }
}

/// Whether there is a file of less than a day: that long the logs of a failed test stay.
fn is_recent(file: &Path) -> bool {
    let age = |file: fs::Metadata| file.modified().ok()?.elapsed().ok();
    fs::metadata(file).ok().and_then(age).is_some_and(|age| age.as_secs() < 24 * 3600)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::time::{Duration, Instant};

    use super::*;

    /// A process that carries a lab's mark, as its daemons do.
    fn daemon(id: &str) -> Child {
        Command::new("sleep").arg("1000").env(process::MARK, id).spawn().unwrap()
    }

    fn ends(mut daemon: Child, within: Duration) {
        let begin = Instant::now();
        while daemon.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < within, "the guardian left a process");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_lab_ends_with_its_last_holder() {
        let (mut first, dir, id) = Guard::found(None).unwrap();
        let mut daemon = daemon(&id);
        let second = Guard::join(&dir).unwrap();
        first.held.unlock().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        assert!(daemon.try_wait().unwrap().is_none(), "it has another holder");
        drop(second);
        first.release();
        assert!(!dir.exists());
        assert!(Guard::join(&dir).is_none());
        ends(daemon, Duration::from_secs(1));
    }

    #[test]
    fn a_lab_outlives_its_holders_while_cargo_runs() {
        let folder = tempfile::tempdir().unwrap();
        let cargo = folder.path().join("cargo-look-alike");
        std::os::unix::fs::symlink("/bin/sleep", &cargo).unwrap();
        let mut cargo = Command::new(cargo).arg("1000").spawn().unwrap();
        let (mut guard, _, id) = Guard::found(Some(cargo.id())).unwrap();
        let mut daemon = daemon(&id);
        guard.held.unlock().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        assert!(daemon.try_wait().unwrap().is_none(), "the run goes on");
        cargo.kill().unwrap();
        cargo.wait().unwrap();
        ends(daemon, Duration::from_secs(10));
        guard.release();
    }

    #[test]
    fn a_lab_ends_when_its_holder_is_killed() {
        let program = std::env::current_exe().unwrap();
        let mut holder = Command::new(program)
            .args(["--ignored", "--exact", "guard::tests::holder", "--nocapture"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        let id = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("holds ")?.to_owned()))
            .unwrap();
        let daemon = daemon(&id);
        holder.kill().unwrap();
        holder.wait().unwrap();
        ends(daemon, Duration::from_secs(10));
    }

    /// Not a test: the process that the test before kills.
    #[test]
    #[ignore = "it is started by another test"]
    #[expect(clippy::print_stdout, reason = "the other test reads it")]
    fn holder() {
        let (_guard, _, id) = Guard::found(None).unwrap();
        println!("\nholds {id}");
        std::thread::sleep(Duration::from_secs(1000));
    }
}
