//! Processes of a lab, found by a mark in their environment.
//!
//! A process id alone may by now be somebody else's; the mark is drawn at random for each lab and inherited by all
//! that its daemons start, so a process that carries it is the lab's own.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal};

/// Name of the environment variable that marks a lab's processes.
pub(crate) const MARK: &str = "LAPWING_LAB_ID";

/// Process ids of everything that a lab runs now: daemons, containers, and what containers started.
pub(crate) fn all(id: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| marked(*pid, id)).collect()
}

/// Whether a process runs and belongs to a lab. Dead ones that nobody has waited for have no environment.
pub(crate) fn belongs(pid: u32, id: &str) -> bool {
    // For a moment after its start a process has an empty one, too.
    for _ in 0..50 {
        match environment(pid) {
            Some(bytes) if bytes.is_empty() && !is_dead(pid) => std::thread::sleep(Duration::from_millis(2)),
            _ => break,
        }
    }
    marked(pid, id)
}

/// The value of an environment variable that a process was started with.
pub(crate) fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = environment(pid)?;
    let values = environment.split(|byte| *byte == 0).filter_map(|entry| std::str::from_utf8(entry).ok());
    values.filter_map(|entry| entry.strip_prefix(name)?.strip_prefix('=')).next().map(str::to_owned)
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
    let mut seen_none = 0;
    // Again and again: a container may be starting the next process while it is being killed, and for a moment after
    // its start a process does not show its mark.
    while seen_none < 2 {
        let left = all(id);
        seen_none = if left.is_empty() { seen_none + 1 } else { 0 };
        if begin.elapsed() > Duration::from_secs(20) {
            bail!("processes {left:?} survive SIGKILL")
        }
        left.into_iter().for_each(|pid| signal(pid, Signal::KILL));
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn marked(pid: u32, id: &str) -> bool {
    variable(pid, MARK).is_some_and(|mark| mark == id)
}

/// `None` if the process is gone or another user's.
fn environment(pid: u32) -> Option<Vec<u8>> {
    fs::read(format!("/proc/{pid}/environ")).ok()
}

fn is_dead(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    // The state stands after the name, which is in brackets and may hold anything.
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}
