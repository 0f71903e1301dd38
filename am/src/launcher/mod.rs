//! How the master starts and ends workers, and whom it tells what happens: as child processes of the user's own process, or
//! as containers of a cluster.

pub(crate) mod local;
pub(crate) mod yarn;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::engine::Seat;
use crate::error::Failure;
use crate::report::{JobReport, PassReport};

/// How a job ended.
pub(crate) type Outcome = Result<Box<JobReport>, Failure>;

/// Something that happened to a process of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Happening {
    /// A worker's process was started, on this node.
    Started(Seat, String),
    /// A worker's process ended; how, as the rest of a sentence ("was killed by signal 9").
    Ended(Seat, String),
    /// A worker's process will be ended; why.
    Doomed(Seat, String),
    /// Another attempt takes this one's place: everything is to be left as it is.
    Superseded(String),
    /// The master cannot go on: nobody launches anything for it any more, or never will.
    Over(Failure),
}

/// What the user is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum News {
    /// The job is under way, perhaps not for the first time.
    Begun {
        /// Passes at the most.
        passes: u32,
        /// Workers asked for.
        workers: u32,
        /// Splits to load.
        splits: u32,
    },
    /// So many splits are in memory.
    Loaded(u32),
    /// A pass is complete.
    Pass(PassReport),
    /// Something worth knowing.
    Note(String),
    /// The end.
    End(Outcome),
}

/// Where workers come from.
pub(crate) trait Launcher {
    /// Workers that a master before this one started and that live, with their nodes where those are known.
    fn survivors(&self) -> Vec<(Seat, String)>;
    /// The right to write.
    fn lease(&self) -> Arc<Lease>;
    /// Starts a worker process for this seat.
    fn launch(&mut self, seat: Seat);
    /// Ends the process of this seat, whatever it does.
    fn release(&mut self, seat: Seat);
    /// Passes news on to the user.
    fn tell(&mut self, news: News);
    /// The next thing that happened. Safe to cancel.
    fn next(&mut self) -> impl Future<Output = Happening>;
    /// Tells the end, and ends what is left.
    fn end(self, outcome: Outcome) -> impl Future<Output = ()>;
}

/// A master's right to write. One that has been out of touch for half the time after which the cluster replaces it has none: the
/// next master may be at work.
#[derive(Debug)]
pub(crate) struct Lease {
    renewed: Mutex<Instant>,
    length: Duration,
}

impl Lease {
    /// For so long after each renewal.
    pub(crate) fn new(length: Duration) -> Self {
        Self { renewed: Mutex::new(Instant::now()), length }
    }

    /// Whoever gave it has answered to what was said at that moment.
    pub(crate) fn renew(&self, said: Instant) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = said;
    }

    /// Whether it is still good.
    pub(crate) fn holds(&self) -> bool {
        self.renewed.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < self.length
    }
}
