//! Faults on order, for users and tests: `kill:w1@pass2` and the like, each fired once, in the first process of its worker.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A script of faults, separated by commas.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Script {
    faults: Vec<Kill>,
}

/// When a worker dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Point {
    /// When it is told to load, one split being loaded if it has several.
    Load,
    /// In the middle of this pass.
    Pass(u32),
    /// After it replied in this pass, before the next.
    Step(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Kill {
    worker: u32,
    point: Point,
}

impl Script {
    /// The highest number of a worker that the script names.
    pub fn last_worker(&self) -> Option<u32> {
        self.faults.iter().map(|fault| fault.worker).max()
    }

    /// Dies by SIGKILL, as by the kernel's out-of-memory killer, if the script says so for this process and point.
    pub fn fire(&self, worker: u32, incarnation: u32, point: Point) {
        if incarnation == 0 && self.faults.contains(&Kill { worker, point }) {
            let own = rustix::process::getpid();
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
        }
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let faults = text.split(',').filter(|part| !part.trim().is_empty()).map(|part| parse(part.trim()));
        Ok(Self { faults: faults.collect::<Result<_, _>>()? })
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Kill { worker, point }) in self.faults.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            match point {
                Point::Load => write!(f, "{comma}kill:w{worker}@load")?,
                Point::Pass(pass) => write!(f, "{comma}kill:w{worker}@pass{pass}")?,
                Point::Step(pass) => write!(f, "{comma}kill:w{worker}@step{pass}")?,
            }
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Kill, String> {
    let wrong = || format!("{text:?} is no fault: expected kill:wN@load, kill:wN@passP or kill:wN@stepP");
    let (worker, point) =
        text.strip_prefix("kill:w").and_then(|rest| rest.split_once('@')).ok_or_else(wrong)?;
    let number = |digits: &str| digits.parse().map_err(|_| wrong());
    let point = match (point, point.strip_prefix("pass"), point.strip_prefix("step")) {
        ("load", ..) => Point::Load,
        (_, Some(pass), _) => Point::Pass(number(pass)?),
        (_, _, Some(pass)) => Point::Step(number(pass)?),
        _ => return Err(wrong()),
    };
    Ok(Kill { worker: number(worker)?, point })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_and_prints() {
        let text = "kill:w3@pass2,kill:w1@load,kill:w0@step5";
        assert_eq!(text.parse::<Script>().unwrap().to_string(), text);
        assert_eq!(text.parse::<Script>().unwrap().last_worker(), Some(3));
        assert!("kill:3@pass2".parse::<Script>().unwrap_err().contains("expected kill:wN@load"));
    }
}
