//! The messages between a worker and the master, in the order in which a job sends them.

#![allow(
    missing_docs,
    reason = "the derives give the archived twins of these types fields without documentation"
)]

use rkyv::{Archive, Deserialize, Serialize};

use crate::merge_tree::Node;

/// No state and no update is longer than this, in bytes; a message that claims more is refused before memory is taken for it.
pub const PAYLOAD_CAP: u64 = 1 << 30;

/// What a round asks of the workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub enum RoundKind {
    /// A pass that trains.
    Train,
    /// A look at a state that changes nothing: the final objective.
    Evaluate,
}

/// One round, named by its pass (in the message's tag) and its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Archive, Serialize, Deserialize)]
pub struct Round {
    /// The pass, from 1.
    pub pass: u32,
    /// Train or evaluate.
    pub kind: RoundKind,
}

/// Why a worker cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Fault {
    /// The input is not what it should be: the same on any machine.
    BadInput,
    /// The user's code returned an error or panicked: the same on any machine.
    User,
    /// This machine or its surroundings: another one may succeed.
    System,
    /// There is no room for splits that were to be adopted.
    NoRoom,
}

/// What loading one split gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Archive, Serialize, Deserialize)]
pub struct Loaded {
    /// The split.
    pub split: u32,
    /// Rows in it.
    pub rows: u64,
    /// One more than the highest column seen.
    pub columns: u32,
    /// Numbers stored.
    pub stored: u64,
    /// Bytes held in memory.
    pub resident_bytes: u64,
    /// Bytes read from the input.
    pub bytes_read: u64,
    /// Nanoseconds it took.
    pub nanos: u64,
}

/// All that the input turned out to be, known after the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Archive, Serialize, Deserialize, serde::Serialize)]
pub struct Summary {
    /// Splits of the input.
    pub splits: u32,
    /// Rows of all splits.
    pub rows: u64,
    /// Columns: one more than the highest index of any split, or `--columns`.
    pub columns: u32,
    /// Numbers stored in all splits.
    pub stored: u64,
}

/// A control message; those with a `payload` are followed by so many bytes in chunks.
#[derive(Debug, Clone, PartialEq, Archive, Serialize, Deserialize)]
pub enum Message {
    /// Worker to master, first: who is calling. What it holds follows ([`Message::Loaded`] for each split), and
    /// [`Message::Holding`] ends the introduction.
    Hello {
        /// The worker's number, from 0.
        worker: u32,
        /// How many processes had this number before it.
        incarnation: u32,
        /// Its machine.
        host: String,
        /// Its process.
        pid: u32,
    },
    /// Worker to master: the end of the introduction, with what a master that takes over must know.
    Holding {
        /// The rounds whose [`Record`](crate::record::Record) it keeps.
        records: Vec<(u32, RoundKind)>,
        /// The newest round whose state it has seen; none in a new process.
        newest: Option<(u32, RoundKind)>,
    },
    /// Master to worker: load these splits.
    Load {
        /// The first.
        first: u32,
        /// One past the last.
        end: u32,
        /// They are another worker's, which did not come: to be refused if there is no room for them.
        adopted: bool,
    },
    /// Master to worker: these splits are another worker's from now on.
    Unload {
        /// The first.
        first: u32,
        /// One past the last.
        end: u32,
    },
    /// Worker to master: a split is in memory.
    Loaded {
        /// What it holds.
        split: Loaded,
    },
    /// Master to worker: the state of a round. A worker that has one round's nodes already may be asked for more.
    State {
        /// Train or evaluate.
        kind: RoundKind,
        /// The nodes of the merge tree to reply with; all their splits are loaded in this worker.
        nodes: Vec<Node>,
        /// The whole input, the same for every worker.
        summary: Summary,
        /// The newest pass that a master lost now could be replaced from: what belongs to older ones is of no use any more.
        safe: u32,
        /// Of the state: updates made from the same one still count.
        digest: u128,
        /// Bytes of the state.
        payload: u64,
    },
    /// Master to worker, behind the state of this round: keep what the master knows beyond it.
    Keep {
        /// Of which round.
        kind: RoundKind,
        /// Of its state.
        digest: u128,
        /// Bytes of the [`Record`](crate::record::Record) without the algorithm's memory, and of a
        /// [`Patch`](crate::pieces::Patch) that makes it.
        payload: u64,
    },
    /// Worker to master: state and record of this round are kept.
    Kept {
        /// Of which round.
        kind: RoundKind,
    },
    /// Master to worker: send what you keep of this round.
    Fetch {
        /// Of which round.
        kind: RoundKind,
    },
    /// Worker to master: a [`Snapshot`](crate::record::Snapshot).
    Snapshot {
        /// Of which round.
        kind: RoundKind,
        /// Its bytes.
        payload: u64,
    },
    /// Worker to master: an update is ready and waits for a credit, being large.
    Offer {
        /// Of which round.
        kind: RoundKind,
        /// The node it stands for.
        node: Node,
        /// Its bytes.
        bytes: u64,
    },
    /// Master to worker: send the update of this node.
    Credit {
        /// Of which round.
        kind: RoundKind,
        /// The node.
        node: Node,
    },
    /// Worker to master: the update over all splits of a node.
    Update {
        /// Of which round.
        kind: RoundKind,
        /// The node.
        node: Node,
        /// Nanoseconds from the state's arrival to the end of this node's last pass or merge.
        nanos: u64,
        /// Bytes of the update.
        payload: u64,
    },
    /// Worker to master: this job, or this worker, cannot go on.
    Failed {
        /// Whose fault it is.
        fault: Fault,
        /// The split it happened in, if one.
        split: Option<u32>,
        /// What happened.
        text: String,
    },
    /// Either way, while nothing else is to say: still here.
    Heartbeat {
        /// Resident bytes of the sender.
        resident_bytes: u64,
    },
    /// Master to worker: the job is over.
    Stop,
}

impl Message {
    /// How many bytes follow in chunks.
    pub fn payload(&self) -> u64 {
        match self {
            Message::State { payload, .. }
            | Message::Keep { payload, .. }
            | Message::Snapshot { payload, .. }
            | Message::Update { payload, .. } => *payload,
            _ => 0,
        }
    }
}
