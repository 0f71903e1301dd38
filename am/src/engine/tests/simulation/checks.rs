//! What must hold whatever happens, checked at every command and after every event.

use super::content::{Begun, LARGE, Line, undisturbed};
use super::worker::{Worker, bits};
use super::world::World;
use super::*;

/// As in the engine: enough on their way at once.
const CREDITS: usize = 4;

/// What is known from outside of the attempt at hand, and of those before it.
#[derive(Default)]
pub(super) struct Checks {
    /// The lines that a job without any trouble has.
    undisturbed: Vec<Line>,
    /// Every seat ever launched: no two processes are of one.
    launched: BTreeSet<Seat>,
    /// Processes of which this master knows, and has not sent away.
    present: BTreeSet<Seat>,
    /// Those from before that have not called yet.
    awaited: BTreeSet<Seat>,
    heard: BTreeSet<Seat>,
    /// The cluster wants these back.
    doomed: BTreeSet<Seat>,
    round: Option<Round>,
    asked: BTreeMap<Node, Seat>,
    called: BTreeSet<Seat>,
    fresh: u64,
    stale: u64,
    /// Nodes of which this master has had an update in an earlier pass.
    known: BTreeSet<Node>,
    failures: u32,
    /// What came about, for a look at how far histories get.
    seen: BTreeSet<&'static str>,
}

impl Checks {
    pub(super) fn new(rules: &Rules, tree: Tree) -> Self {
        let rows = u64::from(tree.splits(tree.root()).end) * ROWS;
        Self { undisturbed: undisturbed(tree, rows, rules.passes), ..Self::default() }
    }

    pub(super) fn take_over(&mut self, told: &[Seat]) {
        // Of two processes in one slot the older counts for nothing.
        let newest = |seat: &&Seat| told.iter().all(|of| of.worker != seat.worker || of <= *seat);
        let present: BTreeSet<Seat> = told.iter().filter(newest).copied().collect();
        *self = Self {
            undisturbed: std::mem::take(&mut self.undisturbed),
            launched: std::mem::take(&mut self.launched),
            awaited: present.clone(),
            present,
            seen: std::mem::take(&mut self.seen),
            ..Self::default()
        };
    }

    pub(super) fn seen(&self) -> impl Iterator<Item = &'static str> {
        self.seen.iter().copied()
    }

    pub(super) fn saw(&mut self, what: &'static str) {
        self.seen.insert(what);
    }

    pub(super) fn merged(&self) -> u64 {
        self.fresh | self.stale
    }
}

impl World {
    /// Before a command is done.
    pub(super) fn check(&mut self, cause: &Event, command: &Command) {
        match command {
            Command::Load(.., true) => self.checks.saw("adopted"),
            Command::Unload(..) => self.checks.saw("handed back"),
            Command::Reuse(_) => self.checks.saw("reused"),
            Command::Credit(..) => self.checks.saw("credit"),
            Command::Fetch(..) => self.checks.saw("fetched"),
            Command::Initialise(_) if self.rules.attempt > 1 => self.checks.saw("begun anew"),
            Command::Note(text) if text.contains("the spare worker") => self.checks.saw("spare"),
            Command::Note(text) if text.contains("gives its container back") => self.checks.saw("drained"),
            _ => {}
        }
        match command {
            Command::Launch(seat) => {
                let checks = &mut self.checks;
                assert!(checks.launched.insert(*seat), "{seat:?} is launched twice");
                let other = checks.present.iter().find(|of| of.worker == seat.worker);
                assert_eq!(other, None, "{seat:?} is launched before that is released");
                checks.present.insert(*seat);
            }
            Command::Release(seat) => self.check_release(cause, *seat),
            Command::Load(seat, ..) => assert!(self.checks.present.contains(seat), "{seat:?} is to load"),
            Command::Initialise(summary) => {
                assert_eq!(summary.rows, u64::from(summary.splits) * ROWS);
                let keeper = self.keepers().find(|worker| self.checks.heard.contains(&worker.seat));
                assert!(
                    keeper.is_none(),
                    "it begins anew though {:?} keeps a record",
                    keeper.map(|of| of.seat)
                );
            }
            Command::Fetch(seat, round) => self.check_fetch(*seat, *round),
            Command::Broadcast(round, calls) => self.check_broadcast(*round, calls),
            Command::Credit(seat, round, node) => {
                assert_eq!(Some(*round), self.checks.round);
                assert_eq!(
                    self.checks.asked.get(node),
                    Some(seat),
                    "a credit for what it does not owe: {node:?}"
                );
            }
            Command::Merge(node) => self.check_merge(cause, *node),
            Command::Reuse(node) => {
                assert_eq!(self.rules.on_loss, OnLoss::Approximate);
                assert!(self.checks.known.contains(node), "{node:?} was never here");
                let splits = bits(&self.tree.splits(*node));
                assert_eq!(self.checks.merged() & splits, 0, "{node:?} is here already");
                self.checks.stale |= splits;
            }
            Command::Step { round, splits_covered, rows_covered, splits_stale, rows_stale } => {
                let Checks { fresh, stale, .. } = self.checks;
                assert_eq!(Some(*round), self.checks.round);
                assert_eq!((*splits_covered, *splits_stale), (fresh.count_ones(), stale.count_ones()));
                assert_eq!(*rows_covered, u64::from(fresh.count_ones()) * ROWS);
                assert_eq!(*rows_stale, u64::from(stale.count_ones()) * ROWS);
                assert!(*splits_covered > 0, "a step from nothing new");
                if self.rules.on_loss == OnLoss::Restart || round.kind == RoundKind::Evaluate {
                    assert_eq!(fresh, bits(&self.tree.splits(self.tree.root())), "not all is covered");
                }
            }
            Command::Note(text) => {
                let lost = text.ends_with("starting another") && !text.contains("gives its container back");
                self.checks.failures += u32::from(lost);
                assert!(self.checks.failures <= self.rules.max_failures, "{text}");
            }
            Command::End(end) => self.check_end(end),
            Command::Keep(seat, round) => {
                assert!(
                    self.checks.called.contains(seat),
                    "{seat:?} is to keep {round:?} and has not the state"
                );
            }
            Command::Unload(..) | Command::Write | Command::Restore => {}
        }
    }

    /// After every event.
    pub(super) fn check_always(&mut self) {
        let Some(round) = self.checks.round else { return };
        let flying = |worker: &Worker| worker.on_their_way(round, self.checks.merged(), self.tree);
        let flying: usize = self.workers.values().filter(|worker| worker.introduced).map(flying).sum();
        assert!(flying <= CREDITS + 1, "{flying} large updates on their way");
        let height = u64::from(self.tree.root().level);
        let bound = self.rules.update_budget.saturating_add((height + 2) * LARGE);
        let bytes = self.resting() + flying as u64 * LARGE;
        assert!(bytes <= bound, "{bytes} bytes rest");
    }

    /// A step was made: under `restart` always with the same outcome.
    pub(super) fn check_step(&self, round: Round, next: Begun) {
        let line = (round.pass, next.state);
        if self.rules.on_loss == OnLoss::Restart {
            assert_eq!(self.checks.undisturbed.get(round.pass as usize - 1), Some(&line), "other bits");
        }
    }

    /// Before an event is given: what it says of processes.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::Hello(seat, _) => {
                if !self.checks.heard.insert(*seat) {
                    self.checks.saw("called again");
                }
                self.checks.awaited.remove(seat);
            }
            Event::Doomed(seat, _) => {
                self.checks.doomed.insert(*seat);
            }
            _ => {}
        }
    }

    /// Nobody is sent away without a reason.
    fn check_release(&mut self, cause: &Event, seat: Seat) {
        let checks = &mut self.checks;
        let present = checks.present.remove(&seat);
        checks.called.remove(&seat);
        checks.awaited.remove(&seat);
        checks.heard.remove(&seat);
        let reason = match cause {
            Event::Lost(of, _) | Event::Failed(of, Fault::System, ..) => *of == seat,
            // Sent away is an orphan, or the process launched in place of one that has come after all.
            Event::Hello(of, _) if !present => *of == seat,
            Event::Hello(of, _) => of.worker == seat.worker && *of != seat,
            Event::Tick => {
                let worker = self.workers.get(&seat);
                let well = worker.is_some_and(|worker| worker.introduced && !worker.frozen);
                !well || self.rules.pass_deadline.is_some()
            }
            _ => false,
        };
        assert!(reason || checks.doomed.remove(&seat), "{seat:?} is released at {cause:?}");
        if let Event::Hello(of, _) = cause
            && present
        {
            checks.present.insert(*of);
        }
    }

    /// The newest record of those that have called; and none from before the floor, but for want of anything better.
    fn check_fetch(&self, seat: Seat, round: Round) {
        let newest = |worker: &Worker| worker.records.iter().map(|(of, _)| *of).max();
        for worker in self.keepers() {
            let better = newest(worker) > Some(round) && self.checks.heard.contains(&worker.seat);
            assert!(!better, "{round:?} is fetched from {seat:?} though {:?} has a newer one", worker.seat);
        }
        let heard = self.workers.values().filter(|worker| self.checks.heard.contains(&worker.seat));
        let known = heard.filter_map(|worker| worker.newest).max().map_or(0, |newest| newest.pass);
        assert!(
            round.pass + 1 >= known || self.checks.awaited.is_empty(),
            "it goes back to {round:?} without waiting for {:?}, though pass {known} was under way",
            self.checks.awaited
        );
    }

    fn check_broadcast(&mut self, round: Round, calls: &[(Seat, Vec<Node>)]) {
        if self.checks.round != Some(round) {
            assert!(self.checks.round < Some(round), "{round:?} after {:?}", self.checks.round);
            if let Some(before) = self.checks.round {
                self.check_commit(before);
            }
            self.checks.known.extend(self.checks.asked.keys().copied().filter(|node| {
                let splits = bits(&self.tree.splits(*node));
                self.checks.fresh & splits == splits
            }));
            self.checks.round = Some(round);
            self.checks.asked.clear();
            self.checks.called.clear();
            (self.checks.fresh, self.checks.stale) = (0, 0);
        }
        assert_eq!(self.master.lines.len() as u32, round.pass - 1, "a line for each pass behind");
        for (seat, nodes) in calls {
            assert!(self.checks.present.contains(seat), "{seat:?} is called and is not there");
            self.checks.called.insert(*seat);
            for node in nodes {
                let splits = self.tree.splits(*node);
                let there = self
                    .workers
                    .get(seat)
                    .is_none_or(|worker| !worker.introduced || self.holds(*seat, &splits));
                assert!(there, "{seat:?} is asked for {node:?} and does not hold it");
                assert_eq!(self.checks.merged() & bits(&splits), 0, "{node:?} is here already");
                self.checks.asked.insert(*node, *seat);
            }
        }
    }

    /// The commit rule: the record of the round before is kept by two, or by as many as could.
    fn check_commit(&self, before: Round) {
        let has = |worker: &&Worker| worker.rounds.iter().any(|(of, _)| *of == before);
        let present = || self.workers.values().filter(|worker| self.checks.present.contains(&worker.seat));
        let called = |worker: &&Worker| self.checks.called.contains(&worker.seat) && worker.introduced;
        let able = present().filter(called).filter(has).count();
        let keep = present().filter(|worker| worker.records.iter().any(|(of, _)| *of == before)).count();
        assert!(keep >= able.min(2), "{keep} of {able} keep {before:?}");
    }

    fn check_merge(&mut self, cause: &Event, node: Node) {
        let Event::Updated(seat, round, of, _) = cause else {
            panic!("{node:?} is merged without an update")
        };
        assert_eq!((Some(*round), *of), (self.checks.round, node));
        assert_eq!(self.checks.asked.get(&node), Some(seat), "an update of a process that was not asked");
        let splits = bits(&self.tree.splits(node));
        assert_eq!(self.checks.merged() & splits, 0, "{node:?} is merged twice");
        self.checks.fresh |= splits;
    }

    fn check_end(&self, end: &End) {
        match end {
            End::Done => {
                let lines = &self.master.lines;
                assert!(lines.iter().map(|(pass, _)| *pass).eq(1..=lines.len() as u32), "{lines:?}");
                if self.rules.on_loss == OnLoss::Restart {
                    assert_eq!(*lines, self.checks.undisturbed);
                }
            }
            End::WorkersLost(text) if text.contains("--min-coverage") => {
                let all = bits(&self.tree.splits(self.tree.root())).count_ones();
                let share = f64::from(self.checks.fresh.count_ones()) / f64::from(all);
                assert!(share < self.rules.min_coverage, "{text}");
            }
            End::WorkersLost(text) if text.contains("--max-failures") => {
                assert_eq!(self.checks.failures, self.rules.max_failures, "{text}");
            }
            End::WorkersLost(text) => assert!(self.checks.failures >= 2, "{text}"),
            End::NoRoom(text) => assert!(self.small && self.rules.patient, "{text}"),
            End::BadInput(text) | End::User(text) => panic!("{text}"),
        }
    }

    /// Processes that keep a record for whom this master knows.
    fn keepers(&self) -> impl Iterator<Item = &Worker> {
        let known =
            |worker: &&Worker| self.checks.present.contains(&worker.seat) && !worker.records.is_empty();
        self.workers.values().filter(known)
    }
}
