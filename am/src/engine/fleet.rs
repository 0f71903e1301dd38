//! Slots and the processes in them, and places: who is launched, loading, ready; whose splits are whose; who was lost how often.
//!
//! A place is a fixed contiguous range of splits, and one slot serves it. As many slots as places are at home there; the others
//! are spares, which load a place and serve none until its server is lost. Under need a slot serves places beside its own.

mod loss;

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use lapwing_container::wire::message::{Loaded, Summary};

use super::{Command, Holding, Rules, Seat};

pub(super) use loss::Loss;

/// Processes of a later attempt of the master do not share their numbers with those of an earlier one, of whom it may not know.
const ATTEMPT: u32 = 1000;

#[derive(Debug)]
pub(super) struct Fleet {
    slots: Vec<Slot>,
    places: Vec<Place>,
    /// What the first load of each split gave; a later load gives the same.
    loaded: Vec<Option<Loaded>>,
    training: u32,
    split_failures: Vec<u32>,
    failures: u32,
    max_failures: u32,
    attempt: u32,
    start_timeout: Duration,
    patient: bool,
    silence: Duration,
}

#[derive(Debug, Clone)]
struct Place {
    splits: Range<u32>,
    /// The slot whose process passes over them.
    server: usize,
}

#[derive(Debug)]
struct Slot {
    /// The place that it loads in any case.
    home: usize,
    incarnation: u32,
    stage: Stage,
    held: BTreeSet<u32>,
    missing: BTreeSet<u32>,
    /// Splits that it was told to unload: what it says of them is from before.
    given: BTreeSet<u32>,
    /// When it last gave a sign of life, or was launched.
    heard: Duration,
    /// A process of the attempt before, which has not yet called.
    awaited: bool,
    /// Its container runs: from now on it is the process that is waited for.
    started: bool,
    /// The cluster wants its container back.
    doomed: Option<String>,
    /// Deadlines that it missed in a row.
    missed: u32,
    host: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Launched,
    Loading,
    Ready,
}

impl Fleet {
    pub(super) fn new(rules: &Rules) -> Self {
        let splits = rules.seats.last().map_or(0, |seat| seat.end) as usize;
        let place = |(server, splits): (usize, &Range<u32>)| Place { splits: splits.clone(), server };
        let places: Vec<_> = rules.seats.iter().enumerate().map(place).collect();
        let slot = |slot: usize| Slot {
            home: slot % places.len(),
            incarnation: (rules.attempt - 1) * ATTEMPT,
            stage: Stage::Launched,
            held: BTreeSet::new(),
            missing: BTreeSet::new(),
            given: BTreeSet::new(),
            heard: Duration::ZERO,
            awaited: false,
            started: false,
            doomed: None,
            missed: 0,
            host: String::new(),
        };
        Self {
            slots: (0..places.len() + rules.spares as usize).map(slot).collect(),
            places,
            loaded: vec![None; splits],
            training: rules.training,
            split_failures: vec![0; splits],
            failures: 0,
            max_failures: rules.max_failures,
            attempt: rules.attempt,
            start_timeout: rules.start_timeout,
            patient: rules.patient,
            silence: rules.silence,
        }
    }

    /// Launches a process in every slot but those of the survivors of an earlier attempt, who are expected to call.
    pub(super) fn launch(&mut self, now: Duration, survivors: &[Seat], out: &mut Vec<Command>) {
        for seat in survivors {
            if let Some(slot) = self.slots.get_mut(seat.worker as usize) {
                // Of two processes in one slot the older is an orphan.
                slot.incarnation =
                    if slot.awaited { slot.incarnation.max(seat.incarnation) } else { seat.incarnation };
                (slot.awaited, slot.started) = (true, true);
            }
        }
        for (worker, slot) in (0..).zip(&mut self.slots) {
            slot.heard = now;
            if !slot.awaited {
                out.push(Command::Launch(Seat { worker, incarnation: slot.incarnation }));
            }
        }
    }

    /// A process introduced itself, for the first time or anew. False if it is one that no longer counts.
    pub(super) fn hello(
        &mut self,
        now: Duration,
        seat: Seat,
        holding: &Holding,
        out: &mut Vec<Command>,
    ) -> bool {
        let attempt = self.attempt;
        let Some(slot) = self.slots.get_mut(seat.worker as usize) else {
            out.push(Command::Release(seat));
            return false;
        };
        if slot.incarnation != seat.incarnation {
            let unheard = slot.stage == Stage::Launched && slot.incarnation == (attempt - 1) * ATTEMPT;
            if attempt == 1 || !unheard || holding.loaded.is_empty() {
                // An orphan of an earlier incarnation: it holds nothing that anyone waits for.
                out.push(Command::Release(seat));
                return false;
            }
            // A survivor of which the cluster did not speak in time: it has what its successor would have to load.
            out.push(Command::Release(Seat { incarnation: slot.incarnation, ..seat }));
            slot.incarnation = seat.incarnation;
        }
        (slot.heard, slot.awaited, slot.started) = (now, false, true);
        slot.host.clone_from(&holding.host);
        slot.held.clear();
        let mut given = BTreeSet::new();
        for loaded in &holding.loaded {
            if let Some(known) = self.loaded.get_mut(loaded.split as usize) {
                *known = Some(*loaded);
                let gives = slot.given.contains(&loaded.split);
                if gives { &mut given } else { &mut slot.held }.insert(loaded.split);
            }
        }
        // It may not have been told before its connection broke.
        out.extend(runs(&given).into_iter().map(|splits| Command::Unload(seat, splits)));
        self.order(seat.worker as usize, out);
        true
    }

    /// Notes a sign of life; false when it is of a process that no longer counts.
    pub(super) fn heard(&mut self, now: Duration, seat: Seat) -> bool {
        self.present(seat).map(|slot| slot.heard = now).is_some()
    }

    /// The container of a process runs.
    pub(super) fn started(&mut self, now: Duration, seat: Seat) {
        if let Some(slot) = self.present(seat) {
            (slot.heard, slot.started) = (now, true);
        }
    }

    /// True when this was the last split that the worker was to load.
    pub(super) fn loaded(
        &mut self,
        now: Duration,
        seat: Seat,
        loaded: Loaded,
        out: &mut Vec<Command>,
    ) -> bool {
        if loaded.split as usize >= self.loaded.len() {
            return false;
        }
        let Some(slot) = self.present(seat) else { return false };
        slot.heard = now;
        if slot.given.contains(&loaded.split) {
            return false;
        }
        // A master before this one may have asked for it.
        slot.held.insert(loaded.split);
        // Told twice or not its own: that brings the rest no nearer.
        let ready = slot.missing.remove(&loaded.split) && slot.missing.is_empty();
        if ready {
            slot.stage = Stage::Ready;
            if seat.incarnation > 0 {
                out.push(Command::Note(format!("worker {} is back, its splits loaded again", seat.worker)));
            }
        }
        self.loaded[loaded.split as usize] = Some(loaded);
        ready
    }

    /// Whether these splits are still wanted of this process.
    pub(super) fn wants(&self, seat: Seat, split: Option<u32>) -> bool {
        let slot = seat.worker as usize;
        split.is_none_or(|split| self.is_present(seat) && self.wanted(slot).contains(&split))
    }

    /// Places whose process is not ready go to those that hold their splits, from before there was this master.
    pub(super) fn settle(&mut self, out: &mut Vec<Command>) {
        for place in 0..self.places.len() {
            let Place { splits, server } = self.places[place].clone();
            let holds = |slot: &usize| {
                let Slot { stage, held, .. } = &self.slots[*slot];
                *stage == Stage::Ready && splits.clone().all(|split| held.contains(&split))
            };
            if self.slots[server].stage != Stage::Ready
                && let Some(holder) = (0..self.slots.len()).find(holds)
            {
                self.places[place].server = holder;
                self.give(server, place, out);
            }
        }
    }

    /// Whether every place has a process that can pass over it.
    pub(super) fn all_ready(&self) -> bool {
        self.places.iter().all(|place| self.slots[place.server].stage == Stage::Ready)
    }

    /// Whether processes of the attempt before are still expected to call.
    pub(super) fn awaits(&self) -> bool {
        self.slots.iter().any(|slot| slot.awaited)
    }

    /// Every place: the process that serves it, its splits, and whether the process can pass over them now.
    pub(super) fn seats(&self) -> impl Iterator<Item = (Seat, Range<u32>, bool)> {
        self.places.iter().map(|place| {
            let slot = &self.slots[place.server];
            (self.seat(place.server), place.splits.clone(), slot.stage == Stage::Ready)
        })
    }

    /// The process that serves a place, and whether it is ready.
    pub(super) fn server(&self, place: usize) -> (Seat, bool) {
        let slot = self.places[place].server;
        (self.seat(slot), self.slots[slot].stage == Stage::Ready)
    }

    /// Whether this is the present process of its slot, and has all its splits.
    pub(super) fn is_ready(&self, seat: Seat) -> bool {
        let slot = self.slots.get(seat.worker as usize);
        slot.is_some_and(|slot| slot.incarnation == seat.incarnation && slot.stage == Stage::Ready)
    }

    /// Whether this is the present process of its slot, and has called.
    pub(super) fn is_present(&self, seat: Seat) -> bool {
        let slot = self.slots.get(seat.worker as usize);
        slot.is_some_and(|slot| slot.incarnation == seat.incarnation && slot.stage != Stage::Launched)
    }

    /// The machine of a process that has called.
    pub(super) fn host(&self, seat: Seat) -> &str {
        self.slots.get(seat.worker as usize).map_or("", |slot| &slot.host)
    }

    pub(super) fn summary(&self, columns: Option<u32>) -> Summary {
        let mut summary = Summary { splits: self.training, ..Summary::default() };
        for loaded in self.loaded.iter().take(self.training as usize).flatten() {
            summary.rows += loaded.rows;
            summary.stored += loaded.stored;
            summary.columns = summary.columns.max(loaded.columns);
        }
        summary.columns = columns.unwrap_or(summary.columns);
        summary
    }

    /// How many splits these are, and how many rows they hold.
    pub(super) fn coverage(&self, splits: impl Iterator<Item = u32>) -> (u32, u64) {
        splits.filter(|&split| split < self.training).fold((0, 0), |(count, rows), split| {
            (count + 1, rows + self.loaded[split as usize].map_or(0, |loaded| loaded.rows))
        })
    }

    /// A pass boundary: places that were served by a neighbour go back to the process that has come and loaded them.
    pub(super) fn hand_back(&mut self, out: &mut Vec<Command>) {
        for place in 0..self.places.len() {
            let server = self.places[place].server;
            if self.slots[server].home != place && self.slots[place].stage == Stage::Ready {
                self.places[place].server = place;
                self.give(server, place, out);
                out.push(Command::Note(format!("worker {place} has come and takes over its splits")));
            }
        }
    }

    /// A place is another's now: unless the slot is at home there it is to unload the splits, and has not to load them any more.
    fn give(&mut self, slot: usize, place: usize, out: &mut Vec<Command>) {
        let (seat, splits) = (self.seat(slot), self.places[place].splits.clone());
        let slot = &mut self.slots[slot];
        if slot.home == place || slot.stage == Stage::Launched {
            return;
        }
        slot.held.retain(|split| !splits.contains(split));
        slot.missing.retain(|split| !splits.contains(split));
        slot.given.extend(splits.clone());
        if slot.missing.is_empty() {
            slot.stage = Stage::Ready;
        }
        out.push(Command::Unload(seat, splits));
    }

    /// Places whose process has had no container for too long go to those that are there. A list of whose went to whom.
    pub(super) fn adopt(&mut self, now: Duration, out: &mut Vec<Command>) {
        let absent = |slot: &Slot| {
            let late = now.saturating_sub(slot.heard) > self.start_timeout;
            slot.stage == Stage::Launched && !slot.started && late
        };
        let orphaned: Vec<usize> =
            (0..self.places.len()).filter(|&place| absent(&self.slots[self.places[place].server])).collect();
        for place in orphaned {
            let server = self.places[place].server;
            if let Some(spare) = self.stand_in(server) {
                out.push(Command::Note(format!(
                    "worker {server} got no container within {} s: the spare worker {spare} takes over",
                    self.start_timeout.as_secs()
                )));
                continue;
            }
            // The nearest: its own splits and these are likely to be one range.
            let serving = |slot: &usize| self.places.iter().any(|place| place.server == *slot);
            let heard = |slot: &usize| self.slots[*slot].stage != Stage::Launched;
            let near = |slot: &usize| (self.slots[*slot].home.abs_diff(place), *slot);
            let Some(adopter) = (0..self.slots.len()).filter(heard).filter(serving).min_by_key(near) else {
                return;
            };
            self.places[place].server = adopter;
            let seconds = self.start_timeout.as_secs();
            out.push(Command::Note(format!(
                "worker {server} got no container within {seconds} s: worker {adopter} takes its splits as well"
            )));
            self.order(adopter, out);
        }
    }

    /// Tells a process to load what it should have and has not: that of its own place, and what is adopted from others.
    fn order(&mut self, slot: usize, out: &mut Vec<Command>) {
        let seat = self.seat(slot);
        let wanted = self.wanted(slot);
        let slot = &mut self.slots[slot];
        let home = self.places[slot.home].splits.clone();
        slot.missing = wanted.difference(&slot.held).copied().collect();
        slot.given.retain(|split| !slot.missing.contains(split));
        slot.stage = if slot.missing.is_empty() { Stage::Ready } else { Stage::Loading };
        let (own, others): (BTreeSet<u32>, _) = slot.missing.iter().partition(|split| home.contains(split));
        for (splits, adopted) in [(own, false), (others, true)] {
            out.extend(runs(&splits).into_iter().map(|run| Command::Load(seat, run, adopted)));
        }
    }

    /// The splits of the place that a slot is at home in, and of those that it serves.
    fn wanted(&self, slot: usize) -> BTreeSet<u32> {
        let own = |(place, of): &(usize, &Place)| of.server == slot || self.slots[slot].home == *place;
        self.places.iter().enumerate().filter(own).flat_map(|(_, place)| place.splits.clone()).collect()
    }

    pub(super) fn seat(&self, slot: usize) -> Seat {
        Seat { worker: slot as u32, incarnation: self.slots[slot].incarnation }
    }

    fn present(&mut self, seat: Seat) -> Option<&mut Slot> {
        self.slots.get_mut(seat.worker as usize).filter(|slot| slot.incarnation == seat.incarnation)
    }
}

/// Consecutive numbers as ranges.
fn runs(splits: &BTreeSet<u32>) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for &split in splits {
        match runs.last_mut() {
            Some(run) if run.end == split => run.end += 1,
            _ => runs.push(split..split + 1),
        }
    }
    runs
}
