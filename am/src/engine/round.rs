//! The round at hand: which nodes of the merge tree it waits for, from whom, and which large updates may be sent.

use std::collections::BTreeMap;

use lapwing_container::merge_tree::{Node, Partials, Tree};
use lapwing_container::wire::message::Round;

use super::fleet::Fleet;
use super::{Command, Seat};

/// Large updates on their way at once: enough to keep the network busy, few enough to bound memory.
const CREDITS: usize = 4;

#[derive(Debug)]
pub(super) struct Current {
    tree: Tree,
    round: Round,
    ignore: bool,
    budget: u64,
    /// Bytes of the largest update so far, of earlier rounds too; 0 while all were small.
    largest: u64,
    /// Nodes not yet here, by worker.
    owed: BTreeMap<u32, Vec<Node>>,
    received: Vec<Node>,
    /// Large updates ready at their workers, by the first split under their node: the order of the tree.
    offers: BTreeMap<u32, Offer>,
    /// Sizes of the partial sums as they rest in the aggregator.
    resting: Partials<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Offer {
    seat: Seat,
    node: Node,
    bytes: u64,
    granted: bool,
}

impl Current {
    /// Begins a round with the workers that are ready: all of them, or under `ignore` those that can.
    pub(super) fn new(
        tree: Tree,
        round: Round,
        ignore: bool,
        (budget, largest): (u64, u64),
        fleet: &Fleet,
        out: &mut Vec<Command>,
    ) -> Self {
        let mut current = Self {
            tree,
            round,
            ignore,
            budget,
            largest,
            owed: BTreeMap::new(),
            received: Vec::new(),
            offers: BTreeMap::new(),
            resting: Partials::new(tree),
        };
        current.call(fleet, ignore, out);
        current.grant_ahead(fleet, out);
        current
    }

    /// Bytes of the largest update so far.
    pub(super) fn largest(&self) -> u64 {
        self.largest
    }

    pub(super) fn round(&self) -> Round {
        self.round
    }

    pub(super) fn complete(&self) -> bool {
        self.owed.is_empty()
    }

    /// The splits whose updates are here.
    pub(super) fn covered(&self) -> impl Iterator<Item = u32> {
        self.received.iter().flat_map(|&node| self.tree.splits(node))
    }

    /// A worker became ready: if this round waits for it, it gets the state.
    pub(super) fn joined(&mut self, seat: Seat, out: &mut Vec<Command>) {
        if let Some(nodes) = self.owed.get(&seat.worker) {
            out.push(Command::Broadcast(self.round, vec![(seat, nodes.clone())]));
        }
    }

    pub(super) fn offered(
        &mut self,
        seat: Seat,
        round: Round,
        node: Node,
        bytes: u64,
        out: &mut Vec<Command>,
    ) {
        if round == self.round && self.owes(seat.worker, node) {
            self.largest = self.largest.max(bytes);
            // Told twice, or after its credit went out with the state, it is the same offer: a credit that was granted stays
            // counted, for the bytes that are now known.
            let offer = Offer { seat, node, bytes, granted: false };
            self.offers.entry(self.tree.splits(node).start).or_insert(offer).bytes = bytes;
            self.grant(out);
        }
    }

    /// Takes an update once; anything else about it is stale and dropped.
    pub(super) fn updated(&mut self, seat: Seat, round: Round, node: Node, out: &mut Vec<Command>) {
        if round != self.round || !self.owes(seat.worker, node) {
            return;
        }
        let offer = self.offers.remove(&self.tree.splits(node).start);
        let bytes = offer.map_or(0, |offer| offer.bytes);
        self.resting.insert(node, bytes, |into, other| *into = (*into).max(other));
        self.received.push(node);
        let owed = self.owed.entry(seat.worker).or_default();
        owed.retain(|&other| other != node);
        if owed.is_empty() {
            self.owed.remove(&seat.worker);
        }
        out.push(Command::Merge(node));
        self.grant(out);
    }

    /// A worker is gone. Under `ignore` nothing is owed by it any more; but a round that would stand on nothing waits for all.
    pub(super) fn lost(&mut self, seat: Seat, fleet: &Fleet, out: &mut Vec<Command>) {
        self.offers.retain(|_, offer| offer.seat.worker != seat.worker);
        if self.ignore {
            self.owed.remove(&seat.worker);
            if self.owed.is_empty() && self.received.is_empty() {
                self.ignore = false;
                self.call(fleet, false, out);
            }
        }
        self.grant(out);
    }

    /// Where updates were large before they will be so again: the leftmost get their credit with the state, without asking.
    fn grant_ahead(&mut self, fleet: &Fleet, out: &mut Vec<Command>) {
        let bytes = self.largest;
        let room = self.budget.checked_div(bytes).unwrap_or(0).min(CREDITS as u64) as usize;
        let ready = fleet.seats().filter(|&(_, _, ready)| ready);
        let owed = ready.flat_map(|(seat, ..)| {
            self.owed.get(&seat.worker).into_iter().flatten().map(move |&node| (seat, node))
        });
        let ahead: Vec<_> = owed.take(room).collect();
        for (seat, node) in ahead {
            self.offers.insert(self.tree.splits(node).start, Offer { seat, node, bytes, granted: true });
            out.push(Command::Credit(seat, self.round, node));
        }
    }

    fn call(&mut self, fleet: &Fleet, ignore: bool, out: &mut Vec<Command>) {
        let ignore = ignore && fleet.seats().any(|(_, _, ready)| ready);
        let mut calls = Vec::new();
        for (seat, splits, ready) in fleet.seats().filter(|&(_, _, ready)| ready || !ignore) {
            let nodes = self.tree.cover(splits);
            self.owed.insert(seat.worker, nodes.clone());
            if ready {
                calls.push((seat, nodes));
            }
        }
        out.push(Command::Broadcast(self.round, calls));
    }

    fn owes(&self, worker: u32, node: Node) -> bool {
        self.owed.get(&worker).is_some_and(|nodes| nodes.contains(&node))
    }

    /// Lets large updates come, from the left, while there is room for them. The leftmost node that is owed may always come:
    /// it merges at once, so that memory at rest stays O(log splits) and nothing can wait for ever.
    fn grant(&mut self, out: &mut Vec<Command>) {
        let leftmost = self.owed.values().flatten().map(|&node| self.tree.splits(node).start).min();
        let granted = || self.offers.values().filter(|offer| offer.granted);
        let mut credits = CREDITS.saturating_sub(granted().count());
        let mut bytes = self.resting.values().sum::<u64>() + granted().map(|offer| offer.bytes).sum::<u64>();
        for (&start, offer) in self.offers.iter_mut().filter(|(_, offer)| !offer.granted) {
            let room = credits > 0 && bytes.saturating_add(offer.bytes) <= self.budget;
            if !room && Some(start) != leftmost {
                return;
            }
            offer.granted = true;
            credits = credits.saturating_sub(1);
            bytes = bytes.saturating_add(offer.bytes);
            out.push(Command::Credit(offer.seat, self.round, offer.node));
        }
    }
}
