//! What goes into the engine: the rules of a job, and what happens in it.

use std::ops::Range;
use std::time::Duration;

use lapwing_container::algorithm::OnLoss;
use lapwing_container::merge_tree::Node;
use lapwing_container::wire::message::{Fault, Loaded, Round, Summary};

use super::Seat;

/// What the engine needs to know of a job.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// The splits of each worker: contiguous, in order, none empty, together the whole input.
    pub seats: Vec<Range<u32>>,
    /// The splits that are trained on; those behind them are scored, and count neither as rows nor as covered.
    pub training: u32,
    /// Workers beyond these, each of which loads the splits of one of them.
    pub spares: u32,
    /// The attempt of the master, from 1.
    pub attempt: u32,
    /// Passes at the most.
    pub passes: u32,
    /// What a lost worker means for the pass.
    pub on_loss: OnLoss,
    /// More lost workers than this end the job.
    pub max_failures: u32,
    /// A process that has not reported so long after its launch counts as lost.
    pub start_timeout: Duration,
    /// Launches wait for room in the cluster: after `start_timeout` others take over the splits.
    pub patient: bool,
    /// A worker silent for so long counts as lost.
    pub silence: Duration,
    /// Bytes of updates that may rest in the master at once, beyond what tree order demands.
    pub update_budget: u64,
    /// The number of columns if the user fixed it.
    pub columns: Option<u32>,
    /// Unless lost workers are waited for: a pass need not wait for those that are late once this share of the rows is here.
    pub quorum: Option<f64>,
    /// Nobody is waited for any longer than this in a pass.
    pub pass_deadline: Option<Duration>,
    /// A pass that covers a smaller share of the rows ends the job.
    pub min_coverage: f64,
}

/// What happened. Events of a worker carry its incarnation: those of a dead process are dropped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The job begins.
    Start,
    /// The job goes on under a new master: these processes of the old one live.
    TakeOver(Vec<Seat>),
    /// A worker introduced itself.
    Hello(Seat, Holding),
    /// The container of a worker runs.
    Started(Seat),
    /// A worker gave a sign of life.
    Heard(Seat),
    /// A worker has a split in memory.
    Loaded(Seat, Loaded),
    /// The first state is there.
    Initialised,
    /// What a worker kept of a round has arrived.
    Fetched(Seat, Round),
    /// The state of this round is there, from before.
    Restored(Round, Summary),
    /// A worker keeps the record of a round.
    Kept(Seat, Round),
    /// A worker has a large update ready.
    Offered(Seat, Round, Node, u64),
    /// A worker's update arrived whole, so many bytes.
    Updated(Seat, Round, Node, u64),
    /// The update that arrived first of those not yet merged is.
    Merged,
    /// The master's step is done; whether the algorithm wants no further pass, and whether it has an objective at all.
    Stepped {
        /// It, or `--tolerance`, says that this was the last pass.
        done: bool,
        /// The objective of this pass, or of one before, is a number.
        objective: bool,
    },
    /// The model is written.
    Written,
    /// The cluster is about to take a worker's container; why.
    Doomed(Seat, String),
    /// A worker's process or connection is gone; how, as the rest of a sentence.
    Lost(Seat, String),
    /// A worker cannot go on.
    Failed(Seat, Fault, Option<u32>, String),
    /// User code failed in the master.
    UserFailed(String),
    /// Time passed.
    Tick,
}

/// What a worker has when it calls; nothing at first.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Holding {
    /// Its machine.
    pub host: String,
    /// Splits in memory.
    pub loaded: Vec<Loaded>,
    /// Rounds whose state and record it keeps.
    pub records: Vec<Round>,
    /// The newest round that it took part in.
    pub newest: Option<Round>,
}
