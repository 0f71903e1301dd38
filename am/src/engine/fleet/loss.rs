//! What becomes of a slot whose process is lost, silent, late, or wanted back by the cluster.

use std::time::Duration;

use super::{ATTEMPT, Fleet, Slot, Stage};
use crate::engine::round::DEADLINES;
#[cfg(test)]
use crate::engine::tests::simulation::bugs::{Bug, planted};
use crate::engine::{Command, Seat};

/// A split whose workers died so often ends the job: it is likely that it kills them.
const SPLIT_FAILURES: u32 = 3;

/// What a loss led to.
pub(in crate::engine) enum Loss {
    /// Nothing: it was an older process of the slot.
    Stale,
    /// A new process is on its way.
    Replaced,
    /// The job cannot go on.
    TooMany(String),
}

impl Fleet {
    /// Takes a process out of its slot and asks for the next one; the old one is released before that. If a spare has its
    /// splits, the spare serves them from now on, and the next process becomes the spare.
    pub(in crate::engine) fn lost(
        &mut self,
        now: Duration,
        seat: Seat,
        why: &str,
        out: &mut Vec<Command>,
    ) -> Loss {
        if self.present(seat).is_none() {
            return Loss::Stale;
        }
        let slot = seat.worker as usize;
        let splits = self.wanted(slot);
        out.push(Command::Release(seat));
        self.failures += 1;
        let mut told = format!("worker {} {why}", seat.worker);
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
        if let Some(spare) = self.stand_in(slot) {
            told = format!("{told}; the spare worker {spare} takes over");
        }
        out.push(Command::Note(format!("{told}; starting another")));
        self.relaunch(now, slot, out);
        Loss::Replaced
    }

    /// The cluster will take this process's container, and says why.
    pub(in crate::engine) fn doom(&mut self, seat: Seat, why: String) -> bool {
        self.present(seat).is_some_and(|slot| slot.doomed.replace(why).is_none())
    }

    /// A pass boundary: containers that the cluster wants back are given back, before they are taken in the middle of a pass.
    pub(in crate::engine) fn drain(&mut self, now: Duration, out: &mut Vec<Command>) -> Vec<Seat> {
        let doomed = |(_, slot): &(usize, &Slot)| slot.doomed.is_some();
        let slots: Vec<usize> = self.slots.iter().enumerate().filter(doomed).map(|(slot, _)| slot).collect();
        let mut gone = Vec::new();
        for slot in slots {
            let (seat, why) = (self.seat(slot), self.slots[slot].doomed.take().unwrap_or_default());
            out.push(Command::Release(seat));
            let spare = self
                .stand_in(slot)
                .map_or(String::new(), |spare| format!("; the spare worker {spare} takes over"));
            out.push(Command::Note(format!(
                "worker {slot} gives its container back: {why}{spare}; starting another"
            )));
            self.relaunch(now, slot, out);
            gone.push(seat);
        }
        gone
    }

    /// A process was not waited for any longer; true once it counts as stuck.
    pub(in crate::engine) fn missed(&mut self, seat: Seat) -> bool {
        self.present(seat).is_some_and(|slot| {
            slot.missed += 1;
            slot.missed >= DEADLINES
        })
    }

    /// A process replied in time.
    pub(in crate::engine) fn kept_up(&mut self, seat: Seat) {
        if let Some(slot) = self.present(seat) {
            slot.missed = 0;
        }
    }

    /// Processes that should have been heard of by now.
    pub(in crate::engine) fn overdue(&self, now: Duration) -> Vec<(Seat, String)> {
        let silent = |(slot, state): (usize, &Slot)| {
            let quiet = now.saturating_sub(state.heard);
            let (limit, what) = match state.stage {
                Stage::Launched if state.awaited => (self.silence, "did not come back to the new master"),
                // Containers come when there is room for them.
                Stage::Launched if self.patient && !state.started => return None,
                Stage::Launched => (self.start_timeout, "did not report"),
                Stage::Loading | Stage::Ready => (self.silence, "gave no sign of life"),
            };
            (quiet > limit).then(|| (self.seat(slot), format!("{what} for {} s", quiet.as_secs())))
        };
        self.slots.iter().enumerate().filter_map(silent).collect()
    }

    /// The places of a slot go to ready slots that serve none and hold the splits. The last of those slots, if there was one.
    pub(super) fn stand_in(&mut self, slot: usize) -> Option<usize> {
        let mut last = None;
        for place in 0..self.places.len() {
            if self.places[place].server != slot {
                continue;
            }
            let splits = self.places[place].splits.clone();
            let holds = |other: &usize| {
                let state = &self.slots[*other];
                let idle = self.places.iter().all(|place| place.server != *other);
                *other != slot
                    && idle
                    && state.stage == Stage::Ready
                    && splits.clone().all(|split| state.held.contains(&split))
            };
            if let Some(spare) = (0..self.slots.len()).find(holds) {
                self.places[place].server = spare;
                last = Some(spare);
            }
        }
        last
    }

    fn relaunch(&mut self, now: Duration, slot: usize, out: &mut Vec<Command>) {
        let state = &mut self.slots[slot];
        #[cfg(test)]
        let attempt = if planted(Bug::SameNumber) { 1 } else { self.attempt };
        #[cfg(not(test))]
        let attempt = self.attempt;
        // The number with which this attempt began may belong to a process that was sent away for a survivor's sake.
        state.incarnation = state.incarnation.max((attempt - 1) * ATTEMPT) + 1;
        (state.stage, state.heard) = (Stage::Launched, now);
        (state.awaited, state.started, state.missed, state.doomed) = (false, false, 0, None);
        state.held.clear();
        state.missing.clear();
        state.given.clear();
        out.push(Command::Launch(self.seat(slot)));
    }
}
