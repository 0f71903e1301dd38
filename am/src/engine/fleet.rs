//! Seats and the processes in them: who is launched, loading, ready; who was lost and how often.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use lapwing_container::wire::message::{Loaded, Summary};

use super::{Command, Rules, Seat};

/// A split whose workers died so often ends the job: it is likely that it kills them.
const SPLIT_FAILURES: u32 = 3;

#[derive(Debug)]
pub(super) struct Fleet {
    workers: Vec<Worker>,
    /// What the first load of each split gave; a later load gives the same.
    loaded: Vec<Option<Loaded>>,
    split_failures: Vec<u32>,
    failures: u32,
    max_failures: u32,
    start_timeout: Duration,
    silence: Duration,
}

#[derive(Debug)]
struct Worker {
    splits: Range<u32>,
    incarnation: u32,
    stage: Stage,
    heard: Duration,
}

#[derive(Debug, PartialEq)]
enum Stage {
    Launched,
    Loading { missing: BTreeSet<u32> },
    Ready,
}

/// What a loss led to.
pub(super) enum Loss {
    /// Nothing: it was an older process of the seat.
    Stale,
    /// A new process is on its way.
    Replaced,
    /// The job cannot go on.
    TooMany(String),
}

impl Fleet {
    pub(super) fn new(rules: &Rules) -> Self {
        let splits = rules.seats.last().map_or(0, |seat| seat.end) as usize;
        let worker = |splits: &Range<u32>| Worker {
            splits: splits.clone(),
            incarnation: 0,
            stage: Stage::Launched,
            heard: Duration::ZERO,
        };
        Self {
            workers: rules.seats.iter().map(worker).collect(),
            loaded: vec![None; splits],
            split_failures: vec![0; splits],
            failures: 0,
            max_failures: rules.max_failures,
            start_timeout: rules.start_timeout,
            silence: rules.silence,
        }
    }

    pub(super) fn launch_all(&mut self, now: Duration, out: &mut Vec<Command>) {
        for (worker, seat) in (0..).zip(&mut self.workers) {
            seat.heard = now;
            out.push(Command::Launch(Seat { worker, incarnation: 0 }));
        }
    }

    pub(super) fn hello(&mut self, now: Duration, seat: Seat, out: &mut Vec<Command>) {
        let Some(worker) = self.present(seat) else {
            // An orphan of an earlier incarnation: it holds nothing that anyone waits for.
            return out.push(Command::Release(seat));
        };
        if worker.stage == Stage::Launched {
            worker.heard = now;
            worker.stage = Stage::Loading { missing: worker.splits.clone().collect() };
            out.push(Command::Load(seat, worker.splits.clone()));
        }
    }

    /// Notes a sign of life; false when it is of a process that no longer counts.
    pub(super) fn heard(&mut self, now: Duration, seat: Seat) -> bool {
        self.present(seat).map(|worker| worker.heard = now).is_some()
    }

    /// True when this was the last split that the worker was to load.
    pub(super) fn loaded(
        &mut self,
        now: Duration,
        seat: Seat,
        loaded: Loaded,
        out: &mut Vec<Command>,
    ) -> bool {
        let Some(worker) = self.present(seat) else { return false };
        worker.heard = now;
        let Stage::Loading { missing } = &mut worker.stage else { return false };
        // Told twice or not its own: that brings the rest no nearer.
        if !missing.remove(&loaded.split) {
            return false;
        }
        let ready = missing.is_empty();
        if ready {
            worker.stage = Stage::Ready;
            if seat.incarnation > 0 {
                out.push(Command::Note(format!("worker {} is back, its splits loaded again", seat.worker)));
            }
        }
        self.loaded[loaded.split as usize] = Some(loaded);
        ready
    }

    pub(super) fn all_ready(&self) -> bool {
        self.workers.iter().all(|worker| worker.stage == Stage::Ready)
    }

    /// Every seat with the splits it stands for, and whether its process can pass over them now.
    pub(super) fn seats(&self) -> impl Iterator<Item = (Seat, Range<u32>, bool)> {
        (0..).zip(&self.workers).map(|(worker, state)| {
            let seat = Seat { worker, incarnation: state.incarnation };
            (seat, state.splits.clone(), state.stage == Stage::Ready)
        })
    }

    pub(super) fn summary(&self, columns: Option<u32>) -> Summary {
        let mut summary = Summary { splits: self.loaded.len() as u32, ..Summary::default() };
        for loaded in self.loaded.iter().flatten() {
            summary.rows += loaded.rows;
            summary.stored += loaded.stored;
            summary.columns = summary.columns.max(loaded.columns);
        }
        summary.columns = columns.unwrap_or(summary.columns);
        summary
    }

    /// How many splits these are, and how many rows they hold.
    pub(super) fn coverage(&self, splits: impl Iterator<Item = u32>) -> (u32, u64) {
        splits.fold((0, 0), |(count, rows), split| {
            (count + 1, rows + self.loaded[split as usize].map_or(0, |loaded| loaded.rows))
        })
    }

    /// Takes a process out of its seat and asks for the next one; the old one is released before that.
    pub(super) fn lost(&mut self, now: Duration, seat: Seat, why: &str, out: &mut Vec<Command>) -> Loss {
        let Some(worker) = self.present(seat) else { return Loss::Stale };
        worker.incarnation += 1;
        worker.stage = Stage::Launched;
        worker.heard = now;
        let (splits, next) = (worker.splits.clone(), Seat { incarnation: seat.incarnation + 1, ..seat });
        out.push(Command::Release(seat));
        self.failures += 1;
        let told = format!("worker {} {why}", seat.worker);
        for split in splits {
            self.split_failures[split as usize] += 1;
            if self.split_failures[split as usize] >= SPLIT_FAILURES {
                return Loss::TooMany(format!("{told}; split {split} has now lost {SPLIT_FAILURES} workers"));
            }
        }
        if self.failures > self.max_failures {
            let (failures, limit) = (self.failures, self.max_failures);
            return Loss::TooMany(format!(
                "{told}; {failures} workers were lost, --max-failures allows {limit}"
            ));
        }
        out.push(Command::Note(format!("{told}; starting another")));
        out.push(Command::Launch(next));
        Loss::Replaced
    }

    /// Processes that should have been heard of by now.
    pub(super) fn overdue(&self, now: Duration) -> Vec<(Seat, String)> {
        let silent = |(worker, state): (u32, &Worker)| {
            let quiet = now.saturating_sub(state.heard);
            let (limit, what) = match state.stage {
                Stage::Launched => (self.start_timeout, "did not report"),
                Stage::Loading { .. } | Stage::Ready => (self.silence, "gave no sign of life"),
            };
            let seat = Seat { worker, incarnation: state.incarnation };
            (quiet > limit).then(|| (seat, format!("{what} for {} s", quiet.as_secs())))
        };
        (0..).zip(&self.workers).filter_map(silent).collect()
    }

    fn present(&mut self, seat: Seat) -> Option<&mut Worker> {
        self.workers.get_mut(seat.worker as usize).filter(|worker| worker.incarnation == seat.incarnation)
    }
}
