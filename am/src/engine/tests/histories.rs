//! Random histories from a seed: losses, delays, duplicates, messages from the dead, clocks that jump. After every event the
//! promises are checked; at the end everything heals and the job must come to its end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lapwing_container::rng::Rng;
use proptest::prelude::*;

use super::*;

const LARGE: u64 = 1 << 20;
/// As in the engine: enough on their way at once.
const CREDITS: usize = 4;

/// Processes, wires and the aggregator, as the engine's commands make them.
struct World {
    bench: Bench,
    rules: Rules,
    rng: Rng,
    /// What each process that is not yet released has said, in order, and nobody has heard yet.
    wires: BTreeMap<Seat, VecDeque<Event>>,
    /// Everything workers ever said: any of it may come again.
    said: Vec<Event>,
    released: BTreeSet<Seat>,
    in_memory: BTreeMap<Seat, BTreeSet<u32>>,
    answer: Option<Event>,
    round: Option<Round>,
    asked: BTreeMap<Node, Seat>,
    offered: BTreeMap<Node, Seat>,
    granted: BTreeSet<Node>,
    merged: BTreeSet<u32>,
    /// Large partial sums, as they rest in the aggregator.
    resting: lapwing_container::merge_tree::Partials<u64>,
    losses: Vec<u32>,
    end: Option<End>,
}

impl World {
    fn new(rules: Rules, rng: Rng) -> Self {
        let tree = Tree::new(rules.seats.last().map_or(0, |seat| seat.end));
        let losses = vec![0; rules.seats.len()];
        let mut world = Self {
            bench: Bench::new(rules.clone()),
            rules,
            rng,
            wires: BTreeMap::new(),
            said: Vec::new(),
            released: BTreeSet::new(),
            in_memory: BTreeMap::new(),
            answer: None,
            round: None,
            asked: BTreeMap::new(),
            offered: BTreeMap::new(),
            granted: BTreeSet::new(),
            merged: BTreeSet::new(),
            resting: lapwing_container::merge_tree::Partials::new(tree),
            losses,
            end: None,
        };
        world.give(Event::Start);
        world
    }

    fn tree(&self) -> Tree {
        self.bench.engine.tree
    }

    fn give(&mut self, event: Event) {
        let commands = self.bench.give(event.clone());
        for command in commands {
            self.obey(&event, command);
        }
    }

    fn say(&mut self, seat: Seat, event: Event) {
        self.wires.get_mut(&seat).expect("only the living speak").push_back(event.clone());
        self.said.push(event);
    }

    fn obey(&mut self, cause: &Event, command: Command) {
        assert_eq!(self.end, None, "{command:?} after the end");
        match command {
            Command::Launch(seat) => {
                let former = Seat { incarnation: seat.incarnation.wrapping_sub(1), ..seat };
                assert!(seat.incarnation == 0 || self.released.contains(&former), "{seat:?} before its turn");
                assert!(self.wires.insert(seat, VecDeque::new()).is_none(), "{seat:?} was launched twice");
                self.say(seat, Event::Hello(seat, Holding::default()));
            }
            Command::Release(seat) => {
                if self.wires.remove(&seat).is_some() {
                    self.losses[seat.worker as usize] += 1;
                }
                self.released.insert(seat);
            }
            Command::Load(seat, splits, _) => {
                assert_eq!(splits, self.rules.seats[seat.worker as usize]);
                for split in splits {
                    self.say(seat, Event::Loaded(seat, loaded(split)));
                }
            }
            Command::Initialise(summary) => {
                assert_eq!(summary.rows, u64::from(self.tree().splits(self.tree().root()).end) * ROWS);
                self.answer = Some(Event::Initialised);
            }
            Command::Broadcast(round, calls) => self.broadcast(round, calls),
            Command::Credit(seat, round, node) => {
                assert_eq!(Some(round), self.round);
                assert_eq!(self.asked.get(&node), Some(&seat), "a credit for what nobody owes: {node:?}");
                assert!(self.granted.insert(node), "a second credit for {node:?}");
                self.credit(seat, round, node);
            }
            Command::Merge(node) => self.merge(cause, node),
            Command::Step { round, splits_covered, rows_covered, .. } => {
                assert_eq!(Some(round), self.round);
                assert_eq!(splits_covered as usize, self.merged.len());
                assert_eq!(rows_covered, u64::from(splits_covered) * ROWS);
                assert!(splits_covered > 0, "a step from nothing");
                if self.rules.on_loss == OnLoss::Restart || round.kind == RoundKind::Evaluate {
                    assert_eq!(splits_covered, self.bench.engine.summary.splits, "not all is covered");
                }
                let (done, objective) = (self.rng.below(8) == 0, self.rng.below(8) > 0);
                self.answer = Some(Event::Stepped { done, objective });
            }
            Command::Write => self.answer = Some(Event::Written),
            Command::Note(_) | Command::Keep(..) => {}
            Command::Fetch(..) | Command::Unload(..) | Command::Reuse(_) => unreachable!(),
            Command::End(end) => self.end = Some(end),
        }
    }

    fn broadcast(&mut self, round: Round, calls: Vec<(Seat, Vec<Node>)>) {
        if self.round != Some(round) {
            assert!(self.round < Some(round), "{round:?} after {:?}", self.round);
            self.round = Some(round);
            self.asked.clear();
            self.offered.clear();
            self.granted.clear();
            self.merged.clear();
            self.resting = lapwing_container::merge_tree::Partials::new(self.tree());
        }
        for (seat, nodes) in calls {
            for node in nodes {
                let splits = self.tree().splits(node);
                let held = self.in_memory.get(&seat);
                assert!(
                    splits.clone().all(|split| held.is_some_and(|held| held.contains(&split))),
                    "{seat:?} is asked for {node:?} and does not hold it"
                );
                assert!(
                    splits.clone().all(|split| !self.merged.contains(&split)),
                    "{node:?} is here already"
                );
                self.asked.insert(node, seat);
                self.offered.remove(&node);
                self.granted.remove(&node);
                if self.rng.below(2) == 0 {
                    self.say(seat, Event::Offered(seat, round, node, LARGE));
                } else {
                    self.say(seat, Event::Updated(seat, round, node));
                }
            }
        }
    }

    /// A credit comes in answer to an offer, or ahead of it, with the state: then the offer may be on its way nevertheless.
    fn credit(&mut self, seat: Seat, round: Round, node: Node) {
        let ahead = self.offered.get(&node) != Some(&seat);
        let wire = self.wires.get_mut(&seat).expect("only the living get credit");
        let offer = wire.iter().position(|event| matches!(event, Event::Offered(_, _, of, _) if *of == node));
        let update = Event::Updated(seat, round, node);
        match offer {
            _ if !ahead => self.say(seat, update),
            Some(place) if self.rng.below(2) == 0 => {
                wire[place] = update.clone();
                self.said.push(update);
                self.offered.insert(node, seat);
            }
            Some(_) => {
                self.say(seat, update);
                self.offered.insert(node, seat);
            }
            // It is small this time, and comes as it would have come.
            None => {}
        }
    }

    fn merge(&mut self, cause: &Event, node: Node) {
        let Event::Updated(seat, round, of) = cause else { panic!("{node:?} is merged without an update") };
        assert_eq!((Some(*round), *of), (self.round, node));
        assert_eq!(self.asked.get(&node), Some(seat));
        for split in self.tree().splits(node) {
            assert!(self.merged.insert(split), "split {split} is merged twice");
        }
        let bytes = if self.offered.remove(&node).is_some() { LARGE } else { 0 };
        self.granted.remove(&node);
        self.resting.insert(node, bytes, |into, other| *into = (*into).max(other));
    }

    /// Large updates at rest or on their way: those that fit the budget, and a chain of partial sums of the tree.
    fn check_memory(&self) {
        // What was granted to the dead does not come.
        let living = |node: &&Node| self.offered.get(*node).is_some_and(|seat| self.wires.contains_key(seat));
        let on_their_way = self.granted.iter().filter(living).count();
        assert!(on_their_way <= CREDITS + 1, "{on_their_way} large updates on their way");
        let resting: u64 = self.resting.values().sum();
        let height = u64::from(self.tree().root().level);
        let bound = self.rules.update_budget + (height + 2) * LARGE;
        assert!(resting + on_their_way as u64 * LARGE <= bound, "{resting} bytes rest");
    }

    /// The next thing that a process has said arrives.
    fn deliver(&mut self, seat: Seat) {
        let Some(event) = self.wires.get_mut(&seat).and_then(VecDeque::pop_front) else { return };
        match &event {
            Event::Loaded(seat, loaded) => {
                self.in_memory.entry(*seat).or_default().insert(loaded.split);
            }
            Event::Offered(seat, round, node, _) if Some(*round) == self.round => {
                self.offered.insert(*node, *seat);
            }
            _ => {}
        }
        self.give(event);
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        (!from.is_empty()).then(|| from[self.rng.below(from.len() as u64) as usize])
    }

    fn anything_happens(&mut self) {
        let living: Vec<Seat> = self.wires.keys().copied().collect();
        let seat = self.pick(&living).expect("there is a process in every seat");
        match self.rng.below(40) {
            0..=25 => self.deliver(seat),
            26..=29 => {
                if let Some(answer) = self.answer.take() {
                    self.give(answer);
                }
            }
            30..=34 => {
                // A message that comes twice, however old; what it says has been said by its process.
                let index = self.rng.below(self.said.len() as u64) as usize;
                let again = self.said[index].clone();
                if !self.wires.values().flatten().any(|waiting| *waiting == again) {
                    self.give(again);
                }
            }
            35 => self.give(Event::Lost(seat, "was killed".to_owned())),
            36 => self.give(Event::Failed(seat, Fault::System, None, "no room".to_owned())),
            37 => {
                let dead = Seat { incarnation: seat.incarnation.wrapping_sub(1), ..seat };
                self.give(Event::Failed(dead, Fault::User, Some(0), "a late word".to_owned()));
            }
            _ => {
                self.bench.now += Duration::from_secs(self.rng.below(12));
                self.give(Event::Tick);
            }
        }
    }

    /// Nothing is lost any more and everything arrives: the job must end.
    fn heal(&mut self) {
        while self.end.is_none() {
            let waiting = self.wires.iter().find(|(_, wire)| !wire.is_empty()).map(|(&seat, _)| seat);
            if let Some(seat) = waiting {
                self.deliver(seat);
            } else if let Some(answer) = self.answer.take() {
                self.give(answer);
            } else {
                panic!("stuck in {:?}", self.bench.engine.phase);
            }
            self.check_memory();
        }
    }
}

fn random_rules(rng: &mut Rng) -> Rules {
    let workers = 1 + rng.below(5) as u32;
    let mut end = 0;
    let mut widen = |_| {
        let start = end;
        end += 1 + rng.below(5) as u32;
        start..end
    };
    let seats = (0..workers).map(&mut widen).collect();
    let on_loss = if rng.below(2) == 0 { OnLoss::Restart } else { OnLoss::Ignore };
    let max_failures = if rng.below(4) == 0 { rng.below(3) as u32 } else { 100 };
    let update_budget = [1, 3 * LARGE, 1 << 40][rng.below(3) as usize];
    Rules { seats, on_loss, max_failures, update_budget, passes: 1 + rng.below(5) as u32, ..rules() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_the_promises_hold_and_the_job_ends(seed in any::<u64>(), troubles in 0u32..400) {
        let mut rng = Rng::new(&[seed]);
        let rules = random_rules(&mut rng);
        let mut world = World::new(rules, rng);
        for _ in 0..troubles {
            if world.end.is_some() {
                break;
            }
            world.anything_happens();
            world.check_memory();
        }
        world.heal();
        let beyond = world.losses.iter().any(|&losses| losses >= 3)
            || world.losses.iter().sum::<u32>() > world.rules.max_failures;
        match world.end {
            Some(End::Done) => prop_assert!(!beyond, "the limits were not held"),
            Some(End::WorkersLost(text)) => prop_assert!(beyond, "{}", text),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
