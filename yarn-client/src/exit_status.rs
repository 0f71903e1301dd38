//! How a container ended, told as a sentence and judged: whose fault was it?

use std::fmt;

/// The exit status of a container (`org.apache.hadoop.yarn.api.records.ContainerExitStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExitStatus {
    /// 0: the process ended well.
    Success,
    /// 1 to 255: the process's own exit code. 128 + n means that signal n ended it.
    Exited(u8),
    /// -1000: there was no process. As a rule one of its files could not be fetched; the diagnostics say which.
    NeverRan,
    /// -100: released, or its node was lost, or its attempt ended, or it was never started in time.
    Aborted,
    /// -101: the node's disks are bad.
    DisksFailed,
    /// -102: the scheduler took it for another queue.
    Preempted,
    /// -103: it used more virtual memory than its node allows.
    VirtualMemoryExceeded,
    /// -104: it used more memory than it asked for.
    MemoryExceeded,
    /// -105: stopped by its application master, or by the clean-up after one.
    KilledByMaster,
    /// -106: killed by the ResourceManager.
    KilledByResourceManager,
    /// -107: killed because the application was over.
    KilledAfterApplication,
    /// -108: pushed out of its node's queue (opportunistic containers only).
    KilledByScheduler,
    /// -109: it wrote more logs than the cluster allows.
    TooMuchLog,
    /// A number that Hadoop 3.5 does not know.
    Other(i32),
}

use ExitStatus::*;

/// All but the process's own codes.
const CODES: [(ExitStatus, i32); 12] = [
    (Success, 0),
    (NeverRan, -1000),
    (Aborted, -100),
    (DisksFailed, -101),
    (Preempted, -102),
    (VirtualMemoryExceeded, -103),
    (MemoryExceeded, -104),
    (KilledByMaster, -105),
    (KilledByResourceManager, -106),
    (KilledAfterApplication, -107),
    (KilledByScheduler, -108),
    (TooMuchLog, -109),
];

impl ExitStatus {
    /// YARN's number.
    pub fn code(self) -> i32 {
        match self {
            Exited(code) => code.into(),
            Other(code) => code,
            known => CODES.iter().find(|(status, _)| *status == known).map_or(-1000, |(_, code)| *code),
        }
    }

    /// Whether the process itself is to blame: the same command on another machine may well end the same way.
    pub fn is_fault_of_process(self) -> bool {
        matches!(self, Exited(_) | VirtualMemoryExceeded | MemoryExceeded | TooMuchLog)
    }
}

impl From<i32> for ExitStatus {
    fn from(code: i32) -> Self {
        match (CODES.iter().find(|(_, known)| *known == code), u8::try_from(code)) {
            (Some((status, _)), _) => *status,
            (None, Ok(code)) => Exited(code),
            (None, Err(_)) => Other(code),
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code().fmt(f)
    }
}

/// A container's end as a sentence without a subject: "was killed for using 4.2 of 4 GiB".
pub fn explain(exit_status: ExitStatus, diagnostics: &str) -> String {
    let why = reason(diagnostics);
    let with_reason = |text: &str| if why.is_empty() { text.to_owned() } else { format!("{text}: {why}") };
    match exit_status {
        Success => "ended well".into(),
        Exited(127) => "could not find its command, or could not run it (exit code 127)".into(),
        Exited(137) => "was killed (signal 9): by hand, or for using more memory than it asked for".into(),
        Exited(143) => "was asked to end (signal 15)".into(),
        Exited(code @ 129..=159) => format!("was ended by signal {}", code - 128),
        Exited(code) => format!("failed with exit code {code}"),
        NeverRan => with_reason("could not be started"),
        Aborted if diagnostics.contains("lost") => "was lost with its node".into(),
        Aborted => with_reason("was given up"),
        DisksFailed => "was on a node whose disks failed".into(),
        Preempted => "was taken away by the scheduler for another queue or user".into(),
        VirtualMemoryExceeded => memory(diagnostics, "virtual memory used")
            .map_or("was killed for using too much virtual memory".into(), |used| {
                format!("was killed for using {used} of virtual memory")
            }),
        MemoryExceeded => memory(diagnostics, "physical memory used")
            .map_or("was killed for using more memory than it asked for".into(), |used| {
                format!("was killed for using {used}")
            }),
        KilledByMaster => "was stopped by its application master".into(),
        KilledByResourceManager => with_reason("was killed by the ResourceManager"),
        KilledAfterApplication => "was killed because the application had ended".into(),
        KilledByScheduler => "was pushed out by containers with a guarantee".into(),
        TooMuchLog => "was killed for writing too much to its logs".into(),
        Other(code) => with_reason(&format!("ended with status {code}")),
    }
}

/// The first line that tells something: YARN often begins with an empty one or a time.
fn reason(diagnostics: &str) -> String {
    let line = diagnostics.lines().map(without_time).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(300).collect()
}

/// YARN writes `[2026-01-31 12:00:00.000]` before its messages.
fn without_time(line: &str) -> &str {
    let rest = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    rest.filter(|(time, _)| time.starts_with(|c: char| c.is_ascii_digit()))
        .map_or(line, |(_, rest)| rest)
        .trim()
}

/// "714.2 of 256 MiB" from "Current usage: 714.2 MB of 256 MB physical memory used;".
fn memory(diagnostics: &str, what: &str) -> Option<String> {
    let end = diagnostics.find(what)?;
    let mut words = diagnostics[..end].split_ascii_whitespace().rev();
    let (limit_unit, limit) = (words.next()?, words.next()?);
    let of = words.next()?;
    let (used_unit, used) = (words.next()?, words.next()?);
    let is_figure = |word: &str| word.parse::<f64>().is_ok();
    if of != "of" || !is_figure(limit) || !is_figure(used) {
        return None;
    }
    let limit = limit.strip_suffix(".0").unwrap_or(limit);
    let used_unit = if used_unit == limit_unit { String::new() } else { format!(" {}", binary(used_unit)?) };
    Some(format!("{used}{used_unit} of {limit} {}", binary(limit_unit)?))
}

/// Hadoop writes KB, MB, GB and means powers of 1024.
fn binary(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "B" => "bytes",
        "KB" => "KiB",
        "MB" => "MiB",
        "GB" => "GiB",
        "TB" => "TiB",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MONITOR: &str = "[2026-01-31 12:00:00.123]Container [pid=7,containerID=container_1_0001_01_000002] is running \
        480247808B beyond the 'PHYSICAL' memory limit. Current usage: 714.2 MB of 256 MB physical memory used; 2.6 GB of \
        537.6 MB virtual memory used. Killing container.";

    #[test]
    fn it_names_the_figures() {
        assert_eq!(explain(MemoryExceeded, MONITOR), "was killed for using 714.2 of 256 MiB");
        assert_eq!(
            explain(VirtualMemoryExceeded, MONITOR),
            "was killed for using 2.6 GiB of 537.6 MiB of virtual memory"
        );
        assert_eq!(
            explain(MemoryExceeded, "4.2 GB of 4.0 GB physical memory used"),
            "was killed for using 4.2 of 4 GiB"
        );
        assert_eq!(explain(MemoryExceeded, "?"), "was killed for using more memory than it asked for");
    }

    #[test]
    fn it_quotes_the_first_line_that_says_something() {
        let text = "\n[2026-01-31 12:00:00.123]File does not exist: hdfs://nn/x\nat a.b.C";
        assert_eq!(explain(NeverRan, text), "could not be started: File does not exist: hdfs://nn/x");
        assert_eq!(explain(Aborted, "Container released on a *lost* node"), "was lost with its node");
        assert_eq!(
            explain(Aborted, "Container released by application"),
            "was given up: Container released by application"
        );
        assert_eq!(explain(139.into(), ""), "was ended by signal 11");
    }

    #[test]
    fn blame_is_the_process_s_only_where_it_is() {
        assert!(ExitStatus::from(1).is_fault_of_process() && ExitStatus::from(-104).is_fault_of_process());
        for code in [0, -100, -101, -102, -105, -106, -1000, -12345] {
            assert!(!ExitStatus::from(code).is_fault_of_process(), "{code}");
        }
    }

    proptest! {
        #[test]
        fn numbers_round_trip(code: i32) {
            prop_assert_eq!(ExitStatus::from(code).code(), code);
        }

        #[test]
        fn any_diagnostics_can_be_explained(code in -110..260i32, text in "(.{0,20} MB of .{0,9} )?(physical memory used)?.{0,40}") {
            let _ = explain(code.into(), &text);
        }
    }
}
