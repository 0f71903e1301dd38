//! The round at hand: which nodes of the merge tree it waits for, from whom and for how long, and which large updates may be sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use lapwing_container::algorithm::OnLoss;
use lapwing_container::merge_tree::{Node, Partials, Tree};
use lapwing_container::wire::message::{Round, RoundKind};
use lapwing_container::worker::CREDIT_BYTES;

use super::fleet::Fleet;
#[cfg(test)]
use super::tests::simulation::bugs::{Bug, planted};
use super::{Command, Rules, Seat};

/// Large updates on their way at once: enough to keep the network busy, few enough to bound memory.
const CREDITS: usize = 4;

/// A process that missed so many deadlines in a row is stuck.
pub(super) const DEADLINES: u32 = 3;

/// Nobody is late before this.
const PROMPT: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Current {
    tree: Tree,
    round: Round,
    policy: OnLoss,
    begun: Duration,
    /// When the quorum was there.
    quorum: Option<Duration>,
    budget: u64,
    /// Bytes of the largest update so far, of earlier rounds too; 0 while all were small.
    largest: u64,
    /// Nodes not yet here, by their first split.
    owed: BTreeMap<u32, Debt>,
    received: Vec<Node>,
    /// Nodes for which an update of an earlier pass stands in.
    stale: Vec<Node>,
    /// Workers that have the state, and when something was last asked of them.
    called: BTreeMap<Seat, Duration>,
    /// Large updates ready at their workers, by the first split under their node: the order of the tree.
    offers: BTreeMap<u32, Offer>,
    /// Updates that came and wait to be merged, in their order, with their sizes.
    merging: VecDeque<(Node, u64)>,
    /// Sizes of the partial sums as they rest in the aggregator.
    resting: Partials<u64>,
}

/// A node that is waited for.
#[derive(Debug, Clone, Copy)]
struct Debt {
    node: Node,
    place: usize,
    /// The process that was asked for it, on the connection that it has.
    asked: Option<Seat>,
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
        rules: &Rules,
        largest: u64,
        (now, fleet): (Duration, &Fleet),
        known: &BTreeSet<Node>,
        out: &mut Vec<Command>,
    ) -> Self {
        // Only training may go on without some splits; what is said of the final model is said of all rows.
        let policy = if round.kind == RoundKind::Train { rules.on_loss } else { OnLoss::Restart };
        let mut current = Self {
            tree,
            round,
            policy,
            begun: now,
            quorum: None,
            budget: rules.update_budget,
            largest,
            owed: BTreeMap::new(),
            received: Vec::new(),
            stale: Vec::new(),
            called: BTreeMap::new(),
            offers: BTreeMap::new(),
            merging: VecDeque::new(),
            resting: Partials::new(tree),
        };
        current.call(now, fleet, out);
        current.grant_ahead(out);
        current.stand_in(fleet, known, out);
        current
    }

    /// Bytes of the largest update so far.
    pub(super) fn largest(&self) -> u64 {
        self.largest
    }

    pub(super) fn round(&self) -> Round {
        self.round
    }

    pub(super) fn called(&self) -> impl Iterator<Item = Seat> {
        self.called.keys().copied()
    }

    pub(super) fn complete(&self) -> bool {
        self.owed.is_empty()
    }

    /// The splits whose updates of this pass are here.
    pub(super) fn covered(&self) -> impl Iterator<Item = u32> {
        self.received.iter().flat_map(|&node| self.tree.splits(node))
    }

    /// The splits for which updates of an earlier pass stand in.
    pub(super) fn stale(&self) -> impl Iterator<Item = u32> {
        self.stale.iter().flat_map(|&node| self.tree.splits(node))
    }

    /// Nodes whose updates of this pass are here.
    pub(super) fn received(&self) -> &[Node] {
        &self.received
    }

    /// A worker called again: whatever was on its way to it or from it is lost, credits too.
    pub(super) fn cut(&mut self, seat: Seat, out: &mut Vec<Command>) {
        #[cfg(test)]
        let offers = self.offers.clone();
        self.forget(seat);
        #[cfg(test)]
        if planted(Bug::LostCredit) {
            self.offers = offers;
        }
        self.grant(out);
    }

    /// A worker has all its splits: what this round waits for from it is asked for with the state.
    pub(super) fn joined(&mut self, now: Duration, fleet: &Fleet, out: &mut Vec<Command>) {
        let calls = self.ask(now, fleet);
        if !calls.is_empty() {
            out.push(Command::Broadcast(self.round, calls));
        }
    }

    pub(super) fn offered(
        &mut self,
        seat: Seat,
        (round, node): (Round, Node),
        bytes: u64,
        out: &mut Vec<Command>,
    ) {
        if round == self.round && self.owes(seat, node) {
            self.largest = self.largest.max(bytes);
            // Told twice, or after its credit went out with the state, it is the same offer: a credit that was granted stays
            // counted, for the bytes that are now known.
            let offer = Offer { seat, node, bytes, granted: false };
            self.offers.entry(self.tree.splits(node).start).or_insert(offer).bytes = bytes;
            self.grant(out);
        }
    }

    /// Takes an update once; anything else about it is stale and dropped.
    pub(super) fn updated(
        &mut self,
        seat: Seat,
        (round, node): (Round, Node),
        bytes: u64,
        out: &mut Vec<Command>,
    ) -> bool {
        if round != self.round || !self.owes(seat, node) {
            return false;
        }
        let start = self.tree.splits(node).start;
        self.offers.remove(&start);
        if bytes > CREDIT_BYTES {
            self.largest = self.largest.max(bytes);
        }
        self.merging.push_back((node, bytes));
        self.received.push(node);
        self.owed.remove(&start);
        out.push(Command::Merge(node));
        self.grant(out);
        true
    }

    /// The first of the updates that came and were not yet merged is.
    pub(super) fn merged(&mut self, out: &mut Vec<Command>) {
        if let Some((node, bytes)) = self.merging.pop_front() {
            self.resting.insert(node, bytes, |into, other| *into = (*into).max(other));
            self.grant(out);
        }
    }

    /// A worker is gone. A spare may have taken its places. Otherwise, but under `restart`, nothing is owed by it any more; yet a
    /// round that would stand on nothing new waits for all.
    pub(super) fn lost(
        &mut self,
        now: Duration,
        seat: Seat,
        fleet: &Fleet,
        known: &BTreeSet<Node>,
        out: &mut Vec<Command>,
    ) {
        self.forget(seat);
        self.joined(now, fleet, out);
        if self.policy != OnLoss::Restart {
            let someone = self.owed.values().any(|debt| fleet.server(debt.place).1);
            if someone || !self.received.is_empty() {
                self.forgive(|place| !fleet.server(place).1, known, out);
            } else {
                self.policy = OnLoss::Restart;
                self.call(now, fleet, out);
            }
        }
        self.grant(out);
    }

    /// Whether the rest is late: some time after the quorum, or at the deadline. Then those who owe something are told; the
    /// round is complete if the policy lets it be.
    pub(super) fn late(
        &mut self,
        now: Duration,
        rules: &Rules,
        (fleet, rows): (&Fleet, u64),
        known: &BTreeSet<Node>,
        out: &mut Vec<Command>,
    ) -> Option<Late> {
        let took = now.saturating_sub(self.begun);
        let deadline = rules.pass_deadline.unwrap_or(Duration::MAX);
        // Who was asked later, having been loaded again, has his time from then on. Where nothing has come at all it is more
        // likely that the deadline is short than that everyone is stuck.
        let patience = match self.policy {
            OnLoss::Restart => Some(deadline),
            _ => self.received.is_empty().then(|| deadline.saturating_mul(DEADLINES)),
        };
        if let Some(patience) = patience {
            let debtors = self.debtors(fleet, |since| now.saturating_sub(since) > patience);
            return (!debtors.is_empty()).then_some(Late { debtors, forgiven: false, overdue: true });
        }
        if let Some(share) = rules.quorum
            && self.quorum.is_none()
            && fleet.coverage(self.covered()).1 as f64 >= share * rows as f64
        {
            self.quorum = Some(took);
        }
        // As long again as the quorum took: whoever is a little slower is still waited for.
        let enough = self.quorum.is_some_and(|quorum| took > (quorum * 2).max(quorum + PROMPT));
        let overdue = took > deadline;
        if !(overdue || enough) {
            return None;
        }
        let debtors = self.debtors(fleet, |_| true);
        self.forgive(|_| true, known, out);
        Some(Late { debtors, forgiven: true, overdue })
    }

    /// Those that were asked, so long ago, and have not replied.
    fn debtors(&self, fleet: &Fleet, late: impl Fn(Duration) -> bool) -> BTreeSet<Seat> {
        let asked = |debt: &Debt| debt.asked.filter(|seat| fleet.server(debt.place).0 == *seat);
        let debtors = self.owed.values().filter_map(asked);
        debtors.filter(|seat| self.called.get(seat).is_some_and(|&since| late(since))).collect()
    }

    /// What is owed by these places is owed no more; under `approximate` what they sent last stands in for it.
    fn forgive(&mut self, places: impl Fn(usize) -> bool, known: &BTreeSet<Node>, out: &mut Vec<Command>) {
        let gone = self.owed.extract_if(.., |_, debt| places(debt.place)).collect::<Vec<_>>();
        for (start, Debt { node, .. }) in gone {
            self.offers.remove(&start);
            self.reuse(node, known, out);
        }
    }

    /// Places that nobody can pass over at the beginning of a round are not owed; the same goes for them.
    fn stand_in(&mut self, fleet: &Fleet, known: &BTreeSet<Node>, out: &mut Vec<Command>) {
        if self.policy == OnLoss::Approximate {
            for (_, splits, _) in fleet.seats().filter(|&(_, _, ready)| !ready) {
                for node in self.tree.cover(splits) {
                    // Unless nobody is there at all: then everything is waited for.
                    let owed = self.owed.contains_key(&self.tree.splits(node).start);
                    #[cfg(test)]
                    let owed = owed && !planted(Bug::Twice);
                    if !owed {
                        self.reuse(node, known, out);
                    }
                }
            }
        }
    }

    fn reuse(&mut self, node: Node, known: &BTreeSet<Node>, out: &mut Vec<Command>) {
        if self.policy == OnLoss::Approximate && known.contains(&node) {
            self.stale.push(node);
            self.resting.insert(node, 0, |into, other| *into = (*into).max(other));
            out.push(Command::Reuse(node));
        }
    }

    /// Where updates were large before they will be so again: the leftmost get their credit with the state, without asking.
    fn grant_ahead(&mut self, out: &mut Vec<Command>) {
        let bytes = self.largest;
        let room = self.budget.checked_div(bytes).unwrap_or(0).min(CREDITS as u64) as usize;
        let asked = self.owed.values().filter_map(|debt| Some((debt.asked?, debt.node)));
        let ahead: Vec<_> = asked.take(room).collect();
        for (seat, node) in ahead {
            self.offers.insert(self.tree.splits(node).start, Offer { seat, node, bytes, granted: true });
            out.push(Command::Credit(seat, self.round, node));
        }
    }

    /// All places are owed, or under `ignore` those that can be.
    fn call(&mut self, now: Duration, fleet: &Fleet, out: &mut Vec<Command>) {
        let go_on = self.policy != OnLoss::Restart && fleet.seats().any(|(_, _, ready)| ready);
        for (place, (_, splits, ready)) in fleet.seats().enumerate() {
            if ready || !go_on {
                let here = |node: &Node| self.stale.contains(node);
                for node in self.tree.cover(splits).into_iter().filter(|node| !here(node)) {
                    let debt = Debt { node, place, asked: None };
                    self.owed.entry(self.tree.splits(node).start).or_insert(debt);
                }
            }
        }
        out.push(Command::Broadcast(self.round, self.ask(now, fleet)));
    }

    /// Whoever can be asked for what nobody was asked for yet.
    fn ask(&mut self, now: Duration, fleet: &Fleet) -> Vec<(Seat, Vec<Node>)> {
        let mut calls: BTreeMap<Seat, Vec<Node>> = BTreeMap::new();
        for debt in self.owed.values_mut().filter(|debt| debt.asked.is_none()) {
            let (seat, ready) = fleet.server(debt.place);
            if ready {
                debt.asked = Some(seat);
                calls.entry(seat).or_default().push(debt.node);
            }
        }
        self.called.extend(calls.keys().map(|&seat| (seat, now)));
        calls.into_iter().collect()
    }

    /// Nothing comes on this process's connection any more.
    fn forget(&mut self, seat: Seat) {
        self.called.remove(&seat);
        self.offers.retain(|_, offer| offer.seat != seat);
        #[cfg(test)]
        if planted(Bug::LostSplit) {
            return;
        }
        self.owed.values_mut().filter(|debt| debt.asked == Some(seat)).for_each(|debt| debt.asked = None);
    }

    fn owes(&self, seat: Seat, node: Node) -> bool {
        let debt = self.owed.get(&self.tree.splits(node).start);
        debt.is_some_and(|debt| debt.node == node && debt.asked == Some(seat))
    }

    /// Lets large updates come, from the left, while there is room for them. The leftmost node that is owed may come without,
    /// beside one that is being merged: in tree order memory at rest stays O(log splits), and nothing can wait for ever.
    fn grant(&mut self, out: &mut Vec<Command>) {
        let leftmost = self.owed.keys().next().copied().filter(|_| self.merging.len() <= 1);
        let granted = || self.offers.values().filter(|offer| offer.granted);
        let merging = self.merging.iter().map(|(_, bytes)| bytes);
        let mut credits = CREDITS.saturating_sub(granted().count());
        let mut bytes = self.resting.values().chain(merging).sum::<u64>()
            + granted().map(|offer| offer.bytes).sum::<u64>();
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

/// Workers that were waited for long enough.
#[derive(Debug)]
pub(super) struct Late {
    /// Who has not replied.
    pub debtors: BTreeSet<Seat>,
    /// The round goes on without what they owe.
    pub forgiven: bool,
    /// The deadline has passed, not just the quorum's patience.
    pub overdue: bool,
}
