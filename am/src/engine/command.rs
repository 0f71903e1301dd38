//! What comes out of the engine.

use std::ops::Range;

use lapwing_container::merge_tree::Node;
use lapwing_container::wire::message::{Round, Summary};
use serde::{Deserialize, Serialize};

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// Start a process for this seat.
    Launch(Seat),
    /// End the process of this seat, whatever it does.
    Release(Seat),
    /// Tell a worker to load splits; whether they are another's that did not come.
    Load(Seat, Range<u32>, bool),
    /// Tell a worker that these splits are another's again.
    Unload(Seat, Range<u32>),
    /// Compute the first state.
    Initialise(Summary),
    /// Have a worker send the state and record of a round.
    Fetch(Seat, Round),
    /// Go on from what has just come.
    Restore,
    /// Send the current state to these workers and ask for these nodes.
    Broadcast(Round, Vec<(Seat, Vec<Node>)>),
    /// Send a worker the record of the round that was broadcast.
    Keep(Seat, Round),
    /// Let a worker send a large update.
    Credit(Seat, Round, Node),
    /// Merge the update that has just come.
    Merge(Node),
    /// Merge the update of an earlier pass in place of one that does not come.
    Reuse(Node),
    /// All that the round waits for is merged: step.
    Step {
        /// The round.
        round: Round,
        /// Splits whose updates of this round are in the merged one.
        splits_covered: u32,
        /// Their rows.
        rows_covered: u64,
        /// Splits for which an update of an earlier pass stands in.
        splits_stale: u32,
        /// Their rows.
        rows_stale: u64,
    },
    /// Write the model.
    Write,
    /// Tell the user, and note it in the report.
    Note(String),
    /// The job is over; release everything.
    End(End),
}

/// A process in a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Seat {
    /// The worker's number.
    pub worker: u32,
    /// Which process in this seat, from 0.
    pub incarnation: u32,
}

/// How a job ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The model is written.
    Done,
    /// The input is not what it should be.
    BadInput(String),
    /// Workers were lost beyond the policy.
    WorkersLost(String),
    /// What came of the workers cannot hold the input.
    NoRoom(String),
    /// The user's code failed.
    User(String),
}
