//! The master's decisions as a pure machine: events in, commands out. It knows no clock, socket, thread or user type, so every
//! history can be replayed in a test.
//!
//! Workers are seats with numbers, each with a fixed contiguous range of splits; processes come and go in a seat and are told
//! apart by their incarnation. A round is over when every node of the merge tree that it waits for has come.

mod fleet;
mod round;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use lapwing_container::algorithm::OnLoss;
use lapwing_container::merge_tree::{Node, Tree};
use lapwing_container::wire::message::{Fault, Loaded, Round, RoundKind, Summary};

use serde::{Deserialize, Serialize};

use fleet::Fleet;
use round::Current;

/// What the engine needs to know of a job.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// The splits of each worker: contiguous, in order, none empty, together the whole input.
    pub seats: Vec<Range<u32>>,
    /// Passes at the most.
    pub passes: u32,
    /// What a lost worker means for the pass.
    pub on_loss: OnLoss,
    /// More lost workers than this end the job.
    pub max_failures: u32,
    /// A process that has not reported so long after its launch counts as lost.
    pub start_timeout: Duration,
    /// A worker silent for so long counts as lost.
    pub silence: Duration,
    /// Bytes of updates that may rest in the master at once, beyond what tree order demands.
    pub update_budget: u64,
    /// The number of columns if the user fixed it.
    pub columns: Option<u32>,
}

/// What happened. Events of a worker carry its incarnation: those of a dead process are dropped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The job begins.
    Start,
    /// A worker introduced itself.
    Hello(Seat),
    /// A worker gave a sign of life.
    Heard(Seat),
    /// A worker has a split in memory.
    Loaded(Seat, Loaded),
    /// The first state is there.
    Initialised,
    /// A worker has a large update ready.
    Offered(Seat, Round, Node, u64),
    /// A worker's update arrived whole.
    Updated(Seat, Round, Node),
    /// The master's step is done; whether the algorithm wants no further pass, and whether it has an objective.
    Stepped {
        /// No further pass.
        done: bool,
        /// The objective is a number.
        objective: bool,
    },
    /// The model is written.
    Written,
    /// A worker's process or connection ended.
    Lost(Seat, String),
    /// A worker says that it cannot go on.
    Failed(Seat, Fault, Option<u32>, String),
    /// User code failed in the master.
    UserFailed(String),
    /// Time passed.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// Start a process for this seat.
    Launch(Seat),
    /// End the process of this seat, whatever it does.
    Release(Seat),
    /// Tell a worker to load its splits.
    Load(Seat, Range<u32>),
    /// Compute the first state.
    Initialise(Summary),
    /// Send the current state to these workers and ask for these nodes.
    Broadcast(Round, Vec<(Seat, Vec<Node>)>),
    /// Let a worker send a large update.
    Credit(Seat, Round, Node),
    /// Merge the update that has just come.
    Merge(Node),
    /// All that the round waits for is merged: step.
    Step {
        /// The round.
        round: Round,
        /// Splits in the merged update.
        splits_covered: u32,
        /// Their rows.
        rows_covered: u64,
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
    /// The user's code failed.
    User(String),
}

/// The machine.
#[derive(Debug)]
pub(crate) struct Engine {
    rules: Rules,
    tree: Tree,
    fleet: Fleet,
    phase: Phase,
    summary: Summary,
    /// Bytes of the largest update that had to ask for credit.
    largest: u64,
}

#[derive(Debug)]
enum Phase {
    Loading,
    Initialising,
    Round(Current),
    Stepping(Round),
    Writing,
    Over,
}

impl Engine {
    /// An engine for these rules.
    pub(crate) fn new(rules: Rules) -> Self {
        let splits = rules.seats.last().map_or(0, |seat| seat.end);
        let fleet = Fleet::new(&rules);
        let summary = Summary { splits, ..Summary::default() };
        Self { tree: Tree::new(splits), fleet, phase: Phase::Loading, summary, largest: 0, rules }
    }

    /// Takes in one event at this time since the start and says what follows from it.
    pub(crate) fn handle(&mut self, now: Duration, event: Event) -> Vec<Command> {
        let mut out = Vec::new();
        if matches!(self.phase, Phase::Over) {
            return out;
        }
        match event {
            Event::Start => self.fleet.launch_all(now, &mut out),
            Event::Hello(seat) => self.fleet.hello(now, seat, &mut out),
            Event::Heard(seat) => {
                self.fleet.heard(now, seat);
            }
            Event::Loaded(seat, loaded) => {
                if self.fleet.loaded(now, seat, loaded, &mut out) {
                    self.ready(seat, &mut out);
                }
            }
            Event::Initialised => self.begin(Round { pass: 1, kind: RoundKind::Train }, &mut out),
            Event::Offered(seat, round, node, bytes) => {
                if self.fleet.heard(now, seat)
                    && let Phase::Round(current) = &mut self.phase
                {
                    current.offered(seat, round, node, bytes, &mut out);
                }
            }
            Event::Updated(seat, round, node) => {
                if self.fleet.heard(now, seat)
                    && let Phase::Round(current) = &mut self.phase
                {
                    current.updated(seat, round, node, &mut out);
                    self.close(&mut out);
                }
            }
            Event::Stepped { done, objective } => self.stepped(done, objective, &mut out),
            Event::Written => self.end(End::Done, &mut out),
            Event::Lost(seat, why) => self.lost(now, seat, &why, &mut out),
            Event::Failed(seat, fault, split, text) => self.failed(now, seat, fault, split, &text, &mut out),
            Event::UserFailed(text) => self.end(End::User(text), &mut out),
            Event::Tick => {
                for (seat, why) in self.fleet.overdue(now) {
                    // The loss of one may end the job; the next is nobody's business then.
                    if !matches!(self.phase, Phase::Over) {
                        self.lost(now, seat, &why, &mut out);
                    }
                }
            }
        }
        out
    }

    /// A worker has all its splits: the first time round that may complete the load, later it may owe a round's nodes.
    fn ready(&mut self, seat: Seat, out: &mut Vec<Command>) {
        match &mut self.phase {
            Phase::Loading if self.fleet.all_ready() => {
                self.summary = self.fleet.summary(self.rules.columns);
                if self.summary.rows == 0 {
                    return self.end(End::BadInput("the input holds no rows".to_owned()), out);
                }
                out.push(Command::Initialise(self.summary));
                self.phase = Phase::Initialising;
            }
            Phase::Round(current) => current.joined(seat, out),
            _ => {}
        }
    }

    fn begin(&mut self, round: Round, out: &mut Vec<Command>) {
        // Only training may go on without some splits; what is said of the final model is said of all rows.
        let ignore = self.rules.on_loss == OnLoss::Ignore && round.kind == RoundKind::Train;
        let current = Current::new(
            self.tree,
            round,
            ignore,
            (self.rules.update_budget, self.largest),
            &self.fleet,
            out,
        );
        self.phase = Phase::Round(current);
    }

    /// Steps once nothing is outstanding.
    fn close(&mut self, out: &mut Vec<Command>) {
        let Phase::Round(current) = &self.phase else { return };
        if !current.complete() {
            return;
        }
        let (round, splits) = (current.round(), current.covered());
        let (splits_covered, rows_covered) = self.fleet.coverage(splits);
        self.largest = self.largest.max(current.largest());
        out.push(Command::Step { round, splits_covered, rows_covered });
        self.phase = Phase::Stepping(round);
    }

    fn stepped(&mut self, done: bool, objective: bool, out: &mut Vec<Command>) {
        let Phase::Stepping(round) = self.phase else { return };
        let next = Round { pass: round.pass + 1, kind: RoundKind::Train };
        match round.kind {
            RoundKind::Train if !done && round.pass < self.rules.passes => self.begin(next, out),
            RoundKind::Train if objective => self.begin(Round { kind: RoundKind::Evaluate, ..next }, out),
            _ => {
                out.push(Command::Write);
                self.phase = Phase::Writing;
            }
        }
    }

    fn lost(&mut self, now: Duration, seat: Seat, why: &str, out: &mut Vec<Command>) {
        match self.fleet.lost(now, seat, why, out) {
            fleet::Loss::Stale => {}
            fleet::Loss::TooMany(text) => self.end(End::WorkersLost(text), out),
            fleet::Loss::Replaced => {
                if let Phase::Round(current) = &mut self.phase {
                    current.lost(seat, &self.fleet, out);
                    self.close(out);
                }
            }
        }
    }

    fn failed(
        &mut self,
        now: Duration,
        seat: Seat,
        fault: Fault,
        split: Option<u32>,
        text: &str,
        out: &mut Vec<Command>,
    ) {
        if !self.fleet.heard(now, seat) {
            return;
        }
        let place = split.map_or(String::new(), |split| format!(" in split {split}"));
        match fault {
            Fault::BadInput => self.end(End::BadInput(text.to_owned()), out),
            Fault::User => self.end(End::User(format!("the algorithm failed{place}: {text}")), out),
            Fault::System => self.lost(now, seat, &format!("could not go on{place}: {text}"), out),
        }
    }

    fn end(&mut self, end: End, out: &mut Vec<Command>) {
        out.push(Command::End(end));
        self.phase = Phase::Over;
    }
}
