//! Faults on order, for users and tests: `kill:w3@pass2,kill:master@pass5+1,hang:w1@load,slow:w2:10x` and the like. Each fires
//! once, in the first process of its target, at the same place in every run.

use std::fmt;
use std::str::FromStr;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

/// A script of faults, separated by commas.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Script {
    faults: Vec<Fault>,
}

/// Whom a fault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// The worker with this number.
    Worker(u32),
    /// The master.
    Master,
}

/// What becomes of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// It dies by SIGKILL, as by the kernel's out-of-memory killer.
    Kill,
    /// It stands still (SIGSTOP): alive, and silent.
    Hang,
    /// It loses its connection to the master.
    Drop,
    /// It loses the [`Local`](crate::algorithm::Algorithm::Local) of all its splits.
    Forget,
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Point {
    /// A worker: when it is told to load. The master: when the first split is in memory.
    Load,
    /// A worker: in the middle of this pass. The master: once it has broadcast the pass.
    Pass(u32),
    /// After so many updates of this pass, sent or received.
    After(u32, u32),
    /// A worker: after it replied in this pass, before the next. The master: before its step.
    Step(u32),
    /// The master: with the output written, but not yet named.
    Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Fault {
    At(Action, Target, Point),
    /// A worker's passes take so many times as long.
    Slow(u32, f64),
}

impl Script {
    /// The highest number of a worker that the script names.
    pub fn last_worker(&self) -> Option<u32> {
        let worker = |fault: &Fault| match fault {
            Fault::At(_, Target::Worker(worker), _) | Fault::Slow(worker, _) => Some(*worker),
            Fault::At(_, Target::Master, _) => None,
        };
        self.faults.iter().filter_map(worker).max()
    }

    /// Whether the script says this of a target at this point.
    pub fn says(&self, action: Action, target: Target, point: Point) -> bool {
        self.faults.contains(&Fault::At(action, target, point))
    }

    /// Dies or stands still, if the script says so for this target and point.
    pub fn fire(&self, target: Target, point: Point) {
        for (action, signal) in [(Action::Kill, Signal::KILL), (Action::Hang, Signal::STOP)] {
            if self.says(action, target, point) {
                let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
            }
        }
    }

    /// How many times as long a worker's passes take; 1 unless the script says more.
    pub fn slowness(&self, worker: u32) -> f64 {
        let of = |fault: &Fault| match fault {
            Fault::Slow(slow, factor) if *slow == worker => Some(*factor),
            _ => None,
        };
        self.faults.iter().find_map(of).unwrap_or(1.0)
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
        for (i, fault) in self.faults.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            match fault {
                Fault::Slow(worker, factor) => write!(f, "slow:w{worker}:{factor}x")?,
                Fault::At(action, target, point) => {
                    let action = format!("{action:?}").to_lowercase();
                    match target {
                        Target::Worker(worker) => write!(f, "{action}:w{worker}@")?,
                        Target::Master => write!(f, "{action}:master@")?,
                    }
                    match point {
                        Point::Load => f.write_str("load")?,
                        Point::Pass(pass) => write!(f, "pass{pass}")?,
                        Point::After(pass, updates) => write!(f, "pass{pass}+{updates}")?,
                        Point::Step(pass) => write!(f, "step{pass}")?,
                        Point::Output => f.write_str("output")?,
                    }
                }
            }
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Fault, String> {
    let wrong = || {
        format!(
            "{text:?} is no fault: expected kill|hang|drop|forget:wN|master@load|passP|passP+K|stepP|output, or slow:wN:10x"
        )
    };
    let number = |digits: &str| digits.parse::<u32>().map_err(|_| wrong());
    let (action, rest) = text.split_once(':').ok_or_else(wrong)?;
    if action == "slow" {
        let (worker, factor) =
            rest.strip_prefix('w').and_then(|rest| rest.split_once(':')).ok_or_else(wrong)?;
        let factor: f64 = factor.strip_suffix('x').unwrap_or(factor).parse().map_err(|_| wrong())?;
        let factor = Some(factor).filter(|factor| (1.0..=1e6).contains(factor)).ok_or_else(wrong)?;
        return Ok(Fault::Slow(number(worker)?, factor));
    }
    let (target, point) = rest.split_once('@').ok_or_else(wrong)?;
    let target = match target.strip_prefix('w') {
        Some(worker) => Target::Worker(number(worker)?),
        None if target == "master" => Target::Master,
        None => return Err(wrong()),
    };
    let point = match (point, point.strip_prefix("pass"), point.strip_prefix("step")) {
        ("load", ..) => Point::Load,
        ("output", ..) => Point::Output,
        (_, Some(pass), _) => match pass.split_once('+') {
            Some((pass, updates)) => Point::After(number(pass)?, number(updates)?),
            None => Point::Pass(number(pass)?),
        },
        (_, _, Some(pass)) => Point::Step(number(pass)?),
        _ => return Err(wrong()),
    };
    let action = match (action, target, point) {
        // Only the master writes the output.
        (_, Target::Worker(_), Point::Output) => return Err(wrong()),
        ("kill", ..) => Action::Kill,
        ("hang", ..) => Action::Hang,
        ("drop", Target::Worker(_), Point::Pass(_)) => Action::Drop,
        ("forget", Target::Worker(_), Point::Pass(_)) => Action::Forget,
        _ => return Err(wrong()),
    };
    Ok(Fault::At(action, target, point))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_and_prints() {
        let text = "kill:w3@pass2,kill:master@pass5+1,hang:w1@load,slow:w2:10x,drop:w0@pass3,forget:w1@pass4,kill:w0@step5";
        let script: Script = text.parse().unwrap();
        assert_eq!(script.to_string(), text);
        assert_eq!((script.last_worker(), script.slowness(2), script.slowness(1)), (Some(3), 10.0, 1.0));
        assert!(script.says(Action::Drop, Target::Worker(0), Point::Pass(3)));
        assert!(script.says(Action::Kill, Target::Master, Point::After(5, 1)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            "kill:3@pass2",
            "kill:w1@output",
            "drop:w1@load",
            "drop:master@pass1",
            "slow:w1:0.5x",
            "slow:master:2x",
            "stop:w1@load",
            "kill:w1@pass",
        ] {
            assert!(wrong.parse::<Script>().unwrap_err().contains("is no fault: expected kill"), "{wrong}");
        }
    }
}
