//! What a master knows beyond the state, as two workers keep it for the master after it (the commit rule), and the two together:
//! all that the job is, but for the data.

use rkyv::{Archive, Deserialize, Serialize};

use crate::wire::message::{Round, RoundKind, Summary};

/// What a master knows at the beginning of a round, beyond the state that it broadcasts.
///
/// The lines of the report grow with the passes, so a keeper that has the earlier ones gets the new ones alone.
#[derive(Debug, Clone, PartialEq, Archive, Serialize, Deserialize)]
pub struct Record {
    /// The pass of the round.
    pub pass: u32,
    /// Its kind.
    pub kind: RoundKind,
    /// The whole input.
    pub summary: Summary,
    /// The algorithm's memory, encoded; empty on its way to a keeper, who gets a [`Patch`](crate::pieces::Patch) beside it.
    pub memory: Vec<u8>,
    /// Objective and rows covered of the pass before, for `--tolerance`.
    pub last: Option<(f64, u64)>,
    /// How many lines of the report come before [`lines`](Self::lines).
    pub known_lines: u32,
    /// Lines of the report, one for each pass behind.
    pub lines: Vec<String>,
    /// The master's notes for the summary, in a form of its own.
    pub notes: String,
}

/// A job between two passes: what a new master goes on from, and what a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Archive, Serialize, Deserialize)]
pub struct Snapshot {
    /// The state, encoded.
    pub state: Vec<u8>,
    /// The rest, with all lines.
    pub record: Record,
}

impl Record {
    /// The round at whose beginning this was so.
    pub fn round(&self) -> Round {
        Round { pass: self.pass, kind: self.kind }
    }
}
