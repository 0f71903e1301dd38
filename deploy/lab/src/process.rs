//! Processes of a lab, found by a mark in their environment.
//!
//! A process id alone may by now be somebody else's; the mark is drawn at random for each lab and inherited by all
//! that its daemons start, so a process that carries it is the lab's own.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal};

/// Name of the environment variable that marks a lab's processes.
pub(crate) const MARK: &str = "LAPWING_LAB_ID";

/// Process ids of everything that a lab runs now: daemons, containers, and what containers started.
pub(crate) fn all(id: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| belongs(*pid, id)).collect()
}

/// Whether a process runs and belongs to a lab. Dead ones that nobody has waited for have no environment.
pub(crate) fn belongs(pid: u32, id: &str) -> bool {
    has_variable(pid, MARK, id)
}

/// Whether a process was given this environment variable.
pub(crate) fn has_variable(pid: u32, name: &str, value: &str) -> bool {
    let environment = fs::read(Path::new("/proc").join(pid.to_string()).join("environ")).unwrap_or_default();
    let entry = format!("{name}={value}");
    environment.split(|byte| *byte == 0).any(|found| found == entry.as_bytes())
}

/// Sends a signal; a process that has gone meanwhile is fine.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Kills everything that a lab runs and waits until it is gone.
pub(crate) fn sweep(id: &str) -> Result<()> {
    let begin = Instant::now();
    // Again and again: a container may be starting the next process while it is being killed.
    loop {
        let left = all(id);
        if left.is_empty() {
            return Ok(());
        }
        if begin.elapsed() > Duration::from_secs(20) {
            bail!("processes {left:?} survive SIGKILL")
        }
        left.into_iter().for_each(|pid| signal(pid, Signal::KILL));
        std::thread::sleep(Duration::from_millis(20));
    }
}
