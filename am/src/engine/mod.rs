//! The master's decisions as a pure machine: events in, commands out. It knows no clock, socket, thread or user type, so every
//! history can be replayed in a test.
//!
//! Workers are seats with numbers, each with a fixed contiguous range of splits; processes come and go in a seat and are told
//! apart by their incarnation. A round is over when every node of the merge tree that it waits for has come.

mod command;
mod event;
mod fleet;
mod keepers;
mod recover;
mod round;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lapwing_container::algorithm::OnLoss;
use lapwing_container::merge_tree::{Node, Tree};
use lapwing_container::wire::message::{Fault, Round, RoundKind, Summary};

pub(crate) use command::{Command, End, Seat};
pub(crate) use event::{Event, Holding, Rules};
use fleet::{Fleet, Loss};
use keepers::Keepers;
use round::Current;
#[cfg(test)]
use tests::simulation::bugs::{Bug, planted};

/// The machine.
#[derive(Debug)]
pub(crate) struct Engine {
    rules: Rules,
    tree: Tree,
    fleet: Fleet,
    keepers: Keepers,
    phase: Phase,
    summary: Summary,
    /// Bytes of the largest update that had to ask for credit.
    largest: u64,
    /// Nodes of which the aggregator has an update, for `approximate`.
    known: BTreeSet<Node>,
    /// What workers kept for a master that takes over.
    records: BTreeMap<Seat, Vec<Round>>,
    newest: Option<Round>,
    since: Duration,
}

#[derive(Debug)]
enum Phase {
    /// A new master waits for the workers of the old one.
    Gathering,
    /// One of them sends what it keeps of this round.
    Fetching(Seat, Round),
    /// The aggregator takes it over.
    Restoring,
    Loading,
    Initialising,
    Round(Box<Current>),
    Stepping(Round),
    /// This round begins when the record of the one before is kept.
    Securing(Round),
    Writing,
    Over,
}

impl Engine {
    /// An engine for these rules.
    pub(crate) fn new(mut rules: Rules) -> Self {
        let splits = rules.seats.last().map_or(0, |seat| seat.end);
        rules.training = rules.training.min(splits);
        Self {
            tree: Tree::new(splits),
            fleet: Fleet::new(&rules),
            keepers: Keepers::default(),
            phase: Phase::Loading,
            summary: Summary { splits: rules.training, ..Summary::default() },
            largest: 0,
            known: BTreeSet::new(),
            records: BTreeMap::new(),
            newest: None,
            since: Duration::ZERO,
            rules,
        }
    }

    /// The newest pass from which a master could be replaced whatever single worker is lost with it; 0 before there is one.
    pub(crate) fn safe(&self) -> u32 {
        self.keepers.safe()
    }

    /// The round under way, or about to be.
    pub(crate) fn round(&self) -> Option<Round> {
        match &self.phase {
            Phase::Round(current) => Some(current.round()),
            Phase::Securing(round) => Some(*round),
            _ => None,
        }
    }

    /// Takes in one event at this time since the start and says what follows from it.
    pub(crate) fn handle(&mut self, now: Duration, event: Event) -> Vec<Command> {
        let mut out = Vec::new();
        if matches!(self.phase, Phase::Over) {
            return out;
        }
        match event {
            Event::Start => self.fleet.launch(now, &[], &mut out),
            Event::TakeOver(survivors) => self.take_over(now, &survivors, &mut out),
            Event::Hello(seat, holding) => self.hello(now, seat, &holding, &mut out),
            Event::Started(seat) => self.fleet.started(now, seat),
            Event::Heard(seat) => {
                self.fleet.heard(now, seat);
            }
            Event::Loaded(seat, loaded) => {
                if self.fleet.loaded(now, seat, loaded, &mut out) {
                    self.ready(now, &mut out);
                }
            }
            Event::Initialised => {
                if matches!(self.phase, Phase::Initialising) {
                    self.begin(now, Round { pass: 1, kind: RoundKind::Train }, &mut out);
                }
            }
            Event::Fetched(seat, round) => self.fetched(now, seat, round, &mut out),
            Event::Restored(round, summary) => self.restored(now, round, summary, &mut out),
            Event::Kept(seat, round) => {
                if self.fleet.heard(now, seat) {
                    self.keepers.kept(seat, round);
                    self.secured(now, &mut out);
                }
            }
            Event::Offered(seat, round, node, bytes) => {
                if self.fleet.heard(now, seat)
                    && let Phase::Round(current) = &mut self.phase
                {
                    current.offered(seat, (round, node), bytes, &mut out);
                }
            }
            Event::Updated(seat, round, node, bytes) => {
                #[cfg(test)]
                let seat =
                    if planted(Bug::OldIncarnation) { self.fleet.seat(seat.worker as usize) } else { seat };
                if self.fleet.heard(now, seat)
                    && let Phase::Round(current) = &mut self.phase
                    && current.updated(seat, (round, node), bytes, &mut out)
                {
                    self.fleet.kept_up(seat);
                    self.close(&mut out);
                }
            }
            Event::Merged => {
                if let Phase::Round(current) = &mut self.phase {
                    current.merged(&mut out);
                }
            }
            Event::Stepped { done, objective } => self.stepped(now, done, objective, &mut out),
            Event::Written => self.end(End::Done, &mut out),
            Event::Doomed(seat, why) => {
                if self.fleet.doom(seat, why) && !matches!(self.phase, Phase::Round(_)) {
                    self.drain(now, &mut out);
                }
            }
            Event::Lost(seat, why) => self.lost(now, seat, &why, &mut out),
            Event::Failed(seat, fault, split, text) => self.failed(now, seat, fault, split, &text, &mut out),
            Event::UserFailed(text) => self.end(End::User(text), &mut out),
            Event::Tick => self.tick(now, &mut out),
        }
        out
    }

    fn hello(&mut self, now: Duration, seat: Seat, holding: &Holding, out: &mut Vec<Command>) {
        if !self.fleet.hello(now, seat, holding, out) {
            return;
        }
        self.newest = self.newest.max(holding.newest);
        self.records.insert(seat, holding.records.clone());
        match &mut self.phase {
            Phase::Round(current) => current.cut(seat, out),
            // What it was asked for went to the connection that broke.
            #[cfg(test)]
            Phase::Fetching(..) if planted(Bug::LostFetch) => {}
            Phase::Fetching(keeper, _) if *keeper == seat => self.phase = Phase::Gathering,
            // It comes late, but nothing has been begun without it.
            Phase::Loading if !holding.records.is_empty() => self.phase = Phase::Gathering,
            _ => {}
        }
        self.keepers.back(seat, holding.newest, &self.fleet, out);
        if self.fleet.is_ready(seat) {
            self.ready(now, out);
        }
        self.secured(now, out);
        self.gather(now, out);
    }

    /// A worker has all its splits: the first time round that may complete the load, later it may owe a round's nodes.
    fn ready(&mut self, now: Duration, out: &mut Vec<Command>) {
        match &mut self.phase {
            Phase::Loading => self.loaded(out),
            Phase::Round(current) => {
                current.joined(now, &self.fleet, out);
                self.keepers.begin(current.round(), current.called(), &self.fleet, out);
            }
            _ => {}
        }
    }

    /// The first state is asked for when all is loaded.
    fn loaded(&mut self, out: &mut Vec<Command>) {
        if !self.fleet.all_ready() {
            return;
        }
        self.fleet.hand_back(out);
        self.summary = self.fleet.summary(self.rules.columns);
        if self.summary.rows == 0 {
            return self.end(End::BadInput("the input holds no rows".to_owned()), out);
        }
        out.push(Command::Initialise(self.summary));
        self.phase = Phase::Initialising;
    }

    fn begin(&mut self, now: Duration, round: Round, out: &mut Vec<Command>) {
        self.fleet.hand_back(out);
        // Who gives its container back may have been a keeper.
        self.phase = Phase::Securing(round);
        for seat in self.fleet.drain(now, out) {
            self.records.remove(&seat);
            self.keepers.lost(seat, &self.fleet, out);
        }
        if !self.keepers.is_safe() {
            return;
        }
        let (fleet, known) = (&self.fleet, &self.known);
        let current = Current::new(self.tree, round, &self.rules, self.largest, (now, fleet), known, out);
        self.keepers.begin(round, current.called(), fleet, out);
        self.phase = Phase::Round(Box::new(current));
    }

    /// Steps once nothing is outstanding.
    fn close(&mut self, out: &mut Vec<Command>) {
        let Phase::Round(current) = &self.phase else { return };
        if !current.complete() {
            return;
        }
        let round = current.round();
        let (splits_covered, rows_covered) = self.fleet.coverage(current.covered());
        let (splits_stale, rows_stale) = self.fleet.coverage(current.stale());
        self.largest = self.largest.max(current.largest());
        if self.rules.on_loss == OnLoss::Approximate {
            self.known.extend(current.received());
        }
        if rows_covered + rows_stale == 0 {
            return self.end(End::WorkersLost(format!("pass {} covered none of the rows", round.pass)), out);
        }
        let share = rows_covered as f64 / self.summary.rows.max(1) as f64;
        if share < self.rules.min_coverage {
            let (covered, least) = (share * 100.0, self.rules.min_coverage * 100.0);
            let text = format!(
                "pass {} covered {covered:.1}% of the rows, --min-coverage asks for {least}%",
                round.pass
            );
            return self.end(End::WorkersLost(text), out);
        }
        out.push(Command::Step { round, splits_covered, rows_covered, splits_stale, rows_stale });
        self.phase = Phase::Stepping(round);
    }

    fn stepped(&mut self, now: Duration, done: bool, objective: bool, out: &mut Vec<Command>) {
        let Phase::Stepping(round) = self.phase else { return };
        let next = Round { pass: round.pass + 1, kind: RoundKind::Train };
        let next = match round.kind {
            RoundKind::Train if !done && round.pass < self.rules.passes => next,
            RoundKind::Train if objective => Round { kind: RoundKind::Evaluate, ..next },
            _ => {
                out.push(Command::Write);
                self.phase = Phase::Writing;
                return;
            }
        };
        self.phase = Phase::Securing(next);
        self.secured(now, out);
    }

    /// The commit rule: with this round's record on its way only, the next does not begin.
    fn secured(&mut self, now: Duration, out: &mut Vec<Command>) {
        if let Phase::Securing(next) = self.phase
            && self.keepers.is_safe()
        {
            self.begin(now, next, out);
        }
    }

    fn lost(&mut self, now: Duration, seat: Seat, why: &str, out: &mut Vec<Command>) {
        match self.fleet.lost(now, seat, why, out) {
            Loss::Stale => {}
            Loss::TooMany(text) => self.end(End::WorkersLost(text), out),
            Loss::Replaced => self.gone(now, seat, out),
        }
    }

    /// A worker that is no longer there owes nothing and keeps nothing.
    fn gone(&mut self, now: Duration, seat: Seat, out: &mut Vec<Command>) {
        self.records.remove(&seat);
        match &mut self.phase {
            Phase::Round(current) => {
                current.lost(now, seat, &self.fleet, &self.known, out);
                self.keepers.begin(current.round(), current.called(), &self.fleet, out);
                self.keepers.lost(seat, &self.fleet, out);
                self.close(out);
            }
            Phase::Fetching(keeper, _) if *keeper == seat => {
                self.phase = Phase::Gathering;
                self.gather(now, out);
            }
            Phase::Gathering => self.gather(now, out),
            _ => {
                self.keepers.lost(seat, &self.fleet, out);
                self.secured(now, out);
            }
        }
    }

    fn drain(&mut self, now: Duration, out: &mut Vec<Command>) {
        for seat in self.fleet.drain(now, out) {
            self.gone(now, seat, out);
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
            // Those whom they belong to have come meanwhile.
            Fault::NoRoom if !self.fleet.wants(seat, split) => {}
            Fault::NoRoom => {
                let text = format!(
                    "the workers that came do not hold the input: worker {} refuses splits: {text}; see --workers, --worker-memory and --start-timeout",
                    seat.worker
                );
                self.end(End::NoRoom(text), out);
            }
        }
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<Command>) {
        for (seat, why) in self.fleet.overdue(now) {
            // The loss of one may end the job; the next is nobody's business then.
            if !matches!(self.phase, Phase::Over) {
                self.lost(now, seat, &why, out);
            }
        }
        if matches!(self.phase, Phase::Over) {
            return;
        }
        if self.rules.patient {
            self.fleet.adopt(now, out);
            // Some have what they take over, and are not heard of again for that.
            self.ready(now, out);
        }
        self.gather(now, out);
        self.hurry(now, out);
    }

    /// Goes on without those that are late, as far as the policy lets it.
    fn hurry(&mut self, now: Duration, out: &mut Vec<Command>) {
        let Phase::Round(current) = &mut self.phase else { return };
        let (pass, whole) = (current.round().pass, (&self.fleet, self.summary.rows));
        let Some(late) = current.late(now, &self.rules, whole, &self.known, out) else { return };
        let seconds = self.rules.pass_deadline.unwrap_or_default().as_secs_f64();
        for seat in late.debtors {
            // Slow is not stuck: who merely comes after the quorum stays.
            if !late.forgiven || late.overdue && self.fleet.missed(seat) {
                let why = format!("did not finish pass {pass} within {seconds} s");
                self.lost(now, seat, &why, out);
                if matches!(self.phase, Phase::Over) {
                    return;
                }
            }
        }
        if late.forgiven {
            self.close(out);
        }
    }

    fn end(&mut self, end: End, out: &mut Vec<Command>) {
        out.push(Command::End(end));
        self.phase = Phase::Over;
    }
}
