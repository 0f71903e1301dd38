//! The commit rule: two workers keep what the master knows at the beginning of each round, and no round begins before the
//! record of the one before it is kept. So a master that is lost can be replaced from the last round or the one before, and
//! from any older one nothing is needed any more.

use std::collections::BTreeSet;

use lapwing_container::wire::message::Round;

use super::fleet::Fleet;
#[cfg(test)]
use super::tests::simulation::bugs::{Bug, planted};
use super::{Command, Seat};

/// Workers that keep a record, if there are as many.
const KEEPERS: usize = 2;

#[derive(Debug, Default)]
pub(super) struct Keepers {
    round: Option<Round>,
    /// Workers that have the state of the round.
    called: BTreeSet<Seat>,
    seats: Vec<Seat>,
    kept: BTreeSet<Seat>,
    /// The newest pass that is kept by all that are to keep it.
    safe: u32,
}

impl Keepers {
    /// The newest pass from which a master could be replaced whatever single worker is lost with it.
    pub(super) fn safe(&self) -> u32 {
        self.safe
    }

    /// A round begins, or goes on, with these workers.
    pub(super) fn begin(
        &mut self,
        round: Round,
        called: impl Iterator<Item = Seat>,
        fleet: &Fleet,
        out: &mut Vec<Command>,
    ) {
        let mut before = self.seats.clone();
        if self.round != Some(round) {
            self.round = Some(round);
            self.kept.clear();
            self.called.clear();
            before.clear();
        }
        self.called.extend(called);
        self.appoint(fleet);
        self.ask(&before, out);
    }

    /// A worker called again, and the newest state that it has is that of this round. If it has not got the state it can keep
    /// nothing; if it has, what it did not get is sent again.
    pub(super) fn back(&mut self, seat: Seat, newest: Option<Round>, fleet: &Fleet, out: &mut Vec<Command>) {
        let Some(round) = self.round.filter(|_| self.called.contains(&seat) && !self.kept.contains(&seat))
        else {
            return;
        };
        if newest != Some(round) {
            self.lost(seat, fleet, out);
        } else if self.seats.contains(&seat) {
            out.push(Command::Keep(seat, round));
        }
    }

    /// A worker is gone, and with it what it kept.
    pub(super) fn lost(&mut self, seat: Seat, fleet: &Fleet, out: &mut Vec<Command>) {
        self.called.remove(&seat);
        self.kept.remove(&seat);
        let before = self.seats.clone();
        self.seats.retain(|&keeper| keeper != seat);
        if self.seats.len() < before.len() {
            self.appoint(fleet);
            self.ask(&before, out);
        }
        self.settle();
    }

    /// A worker keeps the record of a round.
    pub(super) fn kept(&mut self, seat: Seat, round: Round) {
        if self.round == Some(round) && self.seats.contains(&seat) {
            self.kept.insert(seat);
            self.settle();
        }
    }

    /// Whether the record of the present round is kept by all that are to keep it.
    pub(super) fn is_safe(&self) -> bool {
        #[cfg(test)]
        if planted(Bug::Unsecured) {
            return true;
        }
        self.seats.iter().all(|seat| self.kept.contains(seat))
    }

    fn settle(&mut self) {
        if let Some(round) = self.round.filter(|_| !self.seats.is_empty() && self.is_safe()) {
            self.safe = round.pass;
        }
    }

    /// Those that keep go on keeping; who joins them is on another machine if there is one.
    fn appoint(&mut self, fleet: &Fleet) {
        self.seats.retain(|seat| self.called.contains(seat) && fleet.is_present(*seat));
        while self.seats.len() < KEEPERS {
            let free = || {
                self.called
                    .iter()
                    .copied()
                    .filter(|seat| !self.seats.contains(seat) && fleet.is_present(*seat))
            };
            let apart =
                |seat: &Seat| self.seats.iter().all(|keeper| fleet.host(*keeper) != fleet.host(*seat));
            match free().find(apart).or_else(|| free().next()) {
                Some(seat) => self.seats.push(seat),
                None => return,
            }
        }
    }

    fn ask(&self, before: &[Seat], out: &mut Vec<Command>) {
        let Some(round) = self.round else { return };
        out.extend(
            self.seats.iter().filter(|seat| !before.contains(seat)).map(|&seat| Command::Keep(seat, round)),
        );
    }
}
