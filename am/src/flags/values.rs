//! What stands behind the flags: sizes, times, places, and how each is written.

use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Master {
    /// On this machine, with so many workers; one per core if none is said.
    Local(Option<u32>),
    /// On a Hadoop cluster.
    Yarn,
    /// As iterated MapReduce on a Hadoop cluster.
    MapReduce,
}

/// When to do something that suits a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum When {
    /// If stderr is a terminal.
    Auto,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

/// A size in bytes, written as `64m`, `4g`, `4GiB` or `4096m`; units are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Bytes(pub u64);

/// One flag of the algorithm's and the values that it takes in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Axis {
    pub flag: String,
    pub values: Vec<String>,
}

/// A time, written as `30s`, `500ms`, `2m` or a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span(pub Duration);

/// A range of ports, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports(pub u16, pub u16);

/// One variable for all workers or one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerEnv {
    /// The worker it is for; all if none.
    pub worker: Option<u32>,
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// One of Hadoop's properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl FromStr for Master {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let workers = text.strip_prefix("local[").and_then(|rest| rest.strip_suffix(']'));
        match (text, workers) {
            ("local", _) | (_, Some("*")) => Ok(Self::Local(None)),
            ("yarn", _) => Ok(Self::Yarn),
            ("mapreduce", _) => Ok(Self::MapReduce),
            (_, Some(n)) => match n.parse() {
                Ok(n) if (1..=4096).contains(&n) => Ok(Self::Local(Some(n))),
                _ => Err(format!("local[{n}]: the number of workers must be from 1 to 4096")),
            },
            _ => Err("expected local, local[N], yarn or mapreduce".to_owned()),
        }
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(format!("unknown unit {unit:?}: expected a size such as 64m or 4g")),
        };
        let number: u64 = number.parse().map_err(|_| "expected a size such as 64m or 4g".to_owned())?;
        match number.checked_mul(1 << shift) {
            Some(bytes) if bytes > 0 => Ok(Self(bytes)),
            _ => Err("the size must be at least 1 byte and fit 64 bits".to_owned()),
        }
    }
}

/// Memory of a container: nobody means less than a mebibyte, but some leave the unit out.
pub(crate) fn memory(text: &str) -> Result<Bytes, String> {
    match text.parse()? {
        Bytes(bytes) if bytes < 1 << 20 => Err(format!(
            "{bytes} bytes are no memory to work in: expected a size with its unit, such as 512m or 4g"
        )),
        bytes => Ok(bytes),
    }
}

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            bytes if bytes >= 10 << 30 => write!(f, "{} GiB", bytes >> 30),
            bytes if bytes >= 10 << 20 => write!(f, "{} MiB", bytes >> 20),
            bytes if bytes >= 10 << 10 => write!(f, "{} KiB", bytes >> 10),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a flag and its values, such as rate=0.1,0.3,1".to_owned();
        let (flag, values) = text.split_once('=').ok_or_else(expected)?;
        let values: Vec<String> = values.split(',').map(str::to_owned).collect();
        let flag = flag.trim_start_matches('-').to_owned();
        if flag.is_empty() || values.iter().any(|value| value.is_empty() || value.contains('/')) {
            return Err(expected());
        }
        Ok(Self { flag, values })
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale = match unit {
            "ms" => 1e-3,
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(format!("unknown unit {unit:?}: expected a time such as 30s or 500ms")),
        };
        let seconds = number.parse().map(|number: f64| number * scale);
        match seconds {
            Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(Self(Duration::from_secs_f64(seconds))),
            _ => Err("expected a time such as 30s or 500ms, more than nothing".to_owned()),
        }
    }
}

/// A part of the whole.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse().map(|number: f64| number / whole);
    share
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or("expected a share such as 0.95 or 95%".to_owned())
}

/// One byte that can stand between fields.
pub(super) fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        &[byte] if byte == b'\t' || byte.is_ascii_graphic() || byte == b' ' => match byte {
            b'"' | b'.' | b'-' | b'+' => Err(format!("{text} cannot stand between numbers")),
            _ if byte.is_ascii_alphanumeric() => Err(format!("{text} cannot stand between numbers")),
            _ => Ok(byte),
        },
        _ => Err("expected one character of ASCII, or tab".to_owned()),
    }
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        match parts {
            // The master listens on one, its page is on another.
            Some((from, to)) if 0 < from && from < to => Ok(Self(from, to)),
            _ => Err("expected a range of two ports at least, such as 40000-40100".to_owned()),
        }
    }
}

impl FromStr for WorkerEnv {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (worker, rest) = match text.strip_prefix('w').and_then(|rest| rest.split_once(':')) {
            Some((number, rest)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
                (Some(number.parse().map_err(|_| format!("no worker has the number {number}"))?), rest)
            }
            _ => (None, text),
        };
        match rest.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { worker, key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected KEY=VALUE or wN:KEY=VALUE".to_owned()),
        }
    }
}

impl FromStr for Property {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected KEY=VALUE".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_spark_and_humans_write_them() {
        for (text, bytes) in
            [("64m", 64 << 20), ("4g", 4 << 30), ("4GiB", 4 << 30), ("4096m", 4 << 30), ("17", 17)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for wrong in ["", "m", "4x", "-1", "0", "99999999999999999999", "20000000t"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_and_shares() {
        for (text, millis) in [("30s", 30_000), ("500ms", 500), ("2m", 120_000), ("1.5", 1500)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
        for wrong in ["", "s", "-1s", "0", "nan", "3 weeks"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
        assert_eq!((share("0.95"), share("95%")), (Ok(0.95), Ok(0.95)));
        assert!(share("1.5").is_err() && share("nan").is_err() && share("-1%").is_err());
    }

    #[test]
    fn delimiters() {
        assert_eq!((delimiter(";"), delimiter("tab"), delimiter("\\t")), (Ok(b';'), Ok(b'\t'), Ok(b'\t')));
        for wrong in ["", "ab", "é", "\"", "1", ".", "e", "\n"] {
            assert!(delimiter(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn masters() {
        assert_eq!("local[4]".parse(), Ok(Master::Local(Some(4))));
        assert_eq!("local[*]".parse(), Ok(Master::Local(None)));
        assert!("local[0]".parse::<Master>().is_err() && "spark://x".parse::<Master>().is_err());
    }
}
