//! One file per scenario: events go in by hand, the exact commands that follow are compared.

#![allow(clippy::single_range_in_vec_init, reason = "a single seat is a list of one range")]

mod adopting;
mod approximate;
mod back;
mod coverage;
mod credits;
mod doomed;
mod ignore;
mod keepers;
mod limits;
mod load;
mod quorum;
mod restart;
mod rounds;
mod silence;
pub(in crate::engine) mod simulation;
mod spares;
mod stale;
mod takeover;

use std::ops::Range;

use lapwing_container::wire::message::Loaded;

use super::*;

/// Rows of every split in these tests.
const ROWS: u64 = 10;

/// An engine and a clock that only the test moves.
struct Bench {
    engine: Engine,
    now: Duration,
}

impl Bench {
    fn new(rules: Rules) -> Self {
        Self { engine: Engine::new(rules), now: Duration::ZERO }
    }

    /// All workers have loaded their splits and the first pass is under way.
    fn in_pass_1(rules: Rules) -> Self {
        let seats = rules.seats.clone();
        let mut bench = Self::new(rules);
        bench.give(Event::Start);
        for (worker, splits) in (0..).zip(seats) {
            bench.arrive(seat(worker, 0), splits);
        }
        bench.give(Event::Initialised);
        bench
    }

    /// What follows from an event. Records are kept at once and without further words: `keepers.rs` is about them.
    fn give(&mut self, event: Event) -> Vec<Command> {
        let mut commands = self.engine.handle(self.now, event);
        let keeps: Vec<Command> =
            commands.extract_if(.., |command| matches!(command, Command::Keep(..))).collect();
        for keep in keeps {
            if let Command::Keep(seat, round) = keep {
                commands.extend(self.engine.handle(self.now, Event::Kept(seat, round)));
            }
        }
        commands
    }

    /// What follows from an event, word for word.
    fn word(&mut self, event: Event) -> Vec<Command> {
        self.engine.handle(self.now, event)
    }

    /// A second master, to which these are known to live.
    fn second(rules: Rules, survivors: &[Seat]) -> Self {
        let mut bench = Self::new(Rules { attempt: 2, ..rules });
        bench.give(Event::TakeOver(survivors.to_vec()));
        bench
    }

    fn lose(&mut self, seat: Seat) -> Vec<Command> {
        self.give(Event::Lost(seat, "was killed".to_owned()))
    }

    fn after(&mut self, seconds: u64, event: Event) -> Vec<Command> {
        self.now += Duration::from_secs(seconds);
        self.give(event)
    }

    /// A process reports and loads its splits; what the last of them leads to.
    fn arrive(&mut self, seat: Seat, splits: Range<u32>) -> Vec<Command> {
        let mut last = self.give(Event::Hello(seat, Holding::default()));
        for split in splits {
            last = self.give(Event::Loaded(seat, loaded(split)));
        }
        last
    }

    fn update(&mut self, seat: Seat, round: Round, node: Node) -> Vec<Command> {
        self.give(Event::Updated(seat, round, node, 100))
    }
}

/// Two workers with two splits each.
fn rules() -> Rules {
    Rules {
        seats: vec![0..2, 2..4],
        training: u32::MAX,
        passes: 3,
        spares: 0,
        attempt: 1,
        on_loss: OnLoss::Restart,
        max_failures: 100,
        start_timeout: Duration::from_secs(60),
        patient: false,
        quorum: None,
        pass_deadline: None,
        min_coverage: 0.0,
        silence: Duration::from_secs(30),
        update_budget: 1 << 30,
        columns: None,
    }
}

/// A worker that calls with these splits, the records of these rounds, and the newest of them as the newest state.
fn holding(splits: Range<u32>, records: &[Round]) -> Holding {
    let loaded = splits.map(loaded).collect();
    Holding { loaded, records: records.to_vec(), newest: records.iter().max().copied(), host: String::new() }
}

fn replaced(lost: Seat, next: Seat) -> [Command; 3] {
    let told = format!("worker {} was killed; starting another", lost.worker);
    [Command::Release(lost), note(&told), Command::Launch(next)]
}

fn seat(worker: u32, incarnation: u32) -> Seat {
    Seat { worker, incarnation }
}

fn node(level: u32, index: u32) -> Node {
    Node { level, index }
}

fn train(pass: u32) -> Round {
    Round { pass, kind: RoundKind::Train }
}

fn look(pass: u32) -> Round {
    Round { pass, kind: RoundKind::Evaluate }
}

fn loaded(split: u32) -> Loaded {
    Loaded { split, rows: ROWS, columns: 7 + split, stored: 100, ..Loaded::default() }
}

fn step(round: Round, splits: u32) -> Command {
    let rows_covered = u64::from(splits) * ROWS;
    Command::Step { round, splits_covered: splits, rows_covered, splits_stale: 0, rows_stale: 0 }
}

fn stepped(done: bool) -> Event {
    Event::Stepped { done, objective: true }
}

fn note(text: &str) -> Command {
    Command::Note(text.to_owned())
}
