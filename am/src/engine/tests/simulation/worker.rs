//! A worker's process: after the real one's shelf and computing thread, without user code, bytes and threads.

use std::collections::VecDeque;
use std::ops::Range;

use super::content::{Begun, LARGE, Line, Record, Update, pass};
use super::*;

/// What travels from a worker to the master, with its payload.
#[derive(Debug, Clone)]
pub(super) enum Said {
    Word(Event),
    Update(Event, Update),
    Snapshot(Event, Snapshot),
}

impl Said {
    pub(super) fn seat(&self) -> Seat {
        let (Self::Word(event) | Self::Update(event, _) | Self::Snapshot(event, _)) = self;
        match event {
            Event::Hello(seat, _)
            | Event::Loaded(seat, _)
            | Event::Kept(seat, _)
            | Event::Fetched(seat, _) => *seat,
            Event::Offered(seat, ..) | Event::Updated(seat, ..) | Event::Failed(seat, ..) => *seat,
            other => unreachable!("a worker does not say {other:?}"),
        }
    }
}

/// All that a job is at the beginning of a round, but for the data.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) round: Round,
    pub(super) begun: Begun,
    pub(super) lines: Vec<Line>,
}

/// What travels the other way.
#[derive(Debug, Clone)]
pub(super) enum Message {
    Load(Range<u32>, bool),
    Unload(Range<u32>),
    State { round: Round, nodes: Vec<Node>, state: u64, safe: u32 },
    Credit(Round, Node),
    Keep(Record),
    Fetch(Round),
}

/// What the computing thread is asked for.
enum Order {
    Load(Range<u32>, bool),
    Unload(Range<u32>),
    Pass(Round, u64, Vec<Node>),
}

pub(super) struct Worker {
    pub(super) seat: Seat,
    pub(super) host: u32,
    /// The process runs.
    pub(super) alive: bool,
    /// It runs and does nothing any more, not even give signs of life.
    pub(super) frozen: bool,
    /// The present master has sent it away, but its node has not heard of that.
    pub(super) orphan: bool,
    /// It has a connection, and the master has heard its introduction.
    pub(super) connected: bool,
    pub(super) introduced: bool,
    pub(super) said: VecDeque<Said>,
    pub(super) inbox: VecDeque<Message>,
    orders: VecDeque<Order>,
    /// Under way: nodes still to compute.
    task: Option<(Round, u64, VecDeque<Node>)>,
    /// Splits that the computing thread holds, and those that the shelf speaks of: a bit each.
    resident: u64,
    pub(super) loaded: u64,
    going: u64,
    /// It has room for its own splits only.
    small: bool,
    pub(super) rounds: Vec<(Round, Held)>,
    pub(super) newest: Option<Round>,
    /// Credits for a state that is still on its way.
    early: Vec<(Round, Node)>,
    pub(super) records: Vec<(Round, Begun)>,
    lines: Vec<Line>,
    /// It cannot go on.
    failed: bool,
}

pub(super) struct Held {
    pub(super) state: u64,
    begun: Vec<(Node, Option<Update>)>,
    asked: Vec<Node>,
    pub(super) granted: Vec<Node>,
}

impl Worker {
    pub(super) fn new(seat: Seat, host: u32, small: bool) -> Self {
        Self {
            seat,
            host,
            alive: true,
            frozen: false,
            orphan: false,
            connected: false,
            introduced: false,
            said: VecDeque::new(),
            inbox: VecDeque::new(),
            orders: VecDeque::new(),
            task: None,
            resident: 0,
            loaded: 0,
            going: 0,
            small,
            rounds: Vec::new(),
            newest: None,
            early: Vec::new(),
            records: Vec::new(),
            lines: Vec::new(),
            failed: false,
        }
    }

    /// Calls a master.
    pub(super) fn connect(&mut self) {
        self.connected = true;
        self.early.clear();
        for (_, held) in &mut self.rounds {
            held.asked.clear();
            held.granted.clear();
        }
        let holding = Holding {
            host: self.host.to_string(),
            loaded: (0..64).filter(|split| self.loaded >> split & 1 == 1).map(loaded).collect(),
            records: self.records.iter().map(|(round, _)| *round).collect(),
            newest: self.newest,
        };
        self.say(Event::Hello(self.seat, holding));
        if self.failed {
            self.fail();
        }
    }

    /// Something goes wrong with what it computes: it will never be done, and every master hears of it.
    pub(super) fn fail(&mut self) {
        (self.failed, self.task) = (true, None);
        self.say(Event::Failed(self.seat, Fault::System, None, "no disk".to_owned()));
    }

    /// The connection breaks; what is on its way is lost.
    pub(super) fn disconnect(&mut self) {
        (self.connected, self.introduced) = (false, false);
        self.said.clear();
        self.inbox.clear();
    }

    pub(super) fn die(&mut self) {
        self.disconnect();
        self.alive = false;
    }

    pub(super) fn say(&mut self, event: Event) {
        self.send(Said::Word(event));
    }

    /// The next thing that it has said comes out of its connection.
    pub(super) fn hear(&mut self, overtaking: bool) -> Option<Said> {
        next(&mut self.said, overtaking, |said| matches!(said, Said::Word(_)))
    }

    /// Reads the next message. False if there is none.
    pub(super) fn take(&mut self, overtaking: bool) -> bool {
        let small = |message: &Message| !matches!(message, Message::State { .. } | Message::Keep(_));
        let Some(message) = next(&mut self.inbox, overtaking, small) else { return false };
        match message {
            Message::Load(splits, adopted) => self.orders.push_back(Order::Load(splits, adopted)),
            Message::Unload(splits) => {
                // From now on nobody is told of them, though they go when their turn comes.
                self.loaded &= !bits(&splits);
                self.going |= bits(&splits);
                self.orders.push_back(Order::Unload(splits));
            }
            Message::State { round, nodes, state, safe } => self.begin(round, &nodes, state, safe),
            Message::Credit(round, node) => self.grant(round, node),
            Message::Keep(record) => self.keep(record),
            Message::Fetch(round) => self.fetch(round),
        }
        true
    }

    /// Does the next bit of work: a split, a node. False if there is none.
    pub(super) fn compute(&mut self, tree: Tree) -> bool {
        if let Some((round, state, mut nodes)) = self.task.take() {
            if let Some(node) = nodes.pop_front() {
                for split in tree.splits(node) {
                    assert!(
                        self.resident >> split & 1 == 1,
                        "{:?} is asked for {node:?} and does not hold it",
                        self.seat
                    );
                }
                self.ready((round, state), node, pass(tree, node, round, state));
                self.task = Some((round, state, nodes));
            }
            return true;
        }
        match self.orders.pop_front() {
            None => return false,
            Some(Order::Load(splits, adopted)) => self.load(splits, adopted),
            Some(Order::Unload(splits)) => {
                self.resident &= !bits(&splits);
                self.going &= !bits(&splits);
            }
            // Whatever it is asked for, it cannot.
            Some(Order::Pass(..)) if self.failed => {}
            Some(Order::Pass(round, state, nodes)) => match self.orders.front() {
                // The master went on without this worker.
                Some(Order::Pass(newer, ..)) if *newer != round => {
                    if let Some(held) = self.held(round).filter(|held| held.state == state) {
                        held.begun.retain(|(node, update)| update.is_some() || !nodes.contains(node));
                    }
                }
                _ => self.task = Some((round, state, nodes.into())),
            },
        }
        true
    }

    /// Large updates that the master must find room for: sent, or to be sent as soon as they are there.
    pub(super) fn on_their_way(&self, round: Round, merged: u64, tree: Tree) -> usize {
        let open = |node: Node| merged & bits(&tree.splits(node)) == 0;
        let sent = self.said.iter().filter(|said| {
            matches!(said, Said::Update(Event::Updated(_, of, node, _), update) if *of == round && update.bytes > 0 && open(*node))
        });
        let held = self.rounds.iter().find(|(of, _)| *of == round).map(|(_, held)| held);
        let coming = held.map_or(0, |held| {
            let unready =
                |node: &&Node| held.begun.iter().any(|(of, update)| of == *node && update.is_none());
            held.granted
                .iter()
                .filter(unready)
                .filter(|node| pass(tree, **node, round, held.state).bytes > 0)
                .count()
        });
        sent.count() + coming
    }

    fn load(&mut self, splits: Range<u32>, adopted: bool) {
        if adopted && self.small {
            let text = "no room".to_owned();
            return self.say(Event::Failed(self.seat, Fault::NoRoom, Some(splits.start), text));
        }
        // One split at a time, so that much can happen in between.
        let Some(split) = splits.clone().find(|split| self.resident >> split & 1 == 0) else { return };
        self.resident |= 1 << split;
        if self.going >> split & 1 == 0 {
            self.loaded |= 1 << split;
            self.say(Event::Loaded(self.seat, loaded(split)));
        }
        self.orders.push_front(Order::Load(splits, adopted));
    }

    fn begin(&mut self, round: Round, nodes: &[Node], state: u64, safe: u32) {
        self.newest = Some(round);
        self.rounds
            .retain(|(of, held)| of.pass >= safe && *of <= round && (*of != round || held.state == state));
        self.records.retain(|(of, _)| of.pass >= safe && *of <= round);
        if self.held(round).is_none() {
            self.rounds
                .push((round, Held { state, begun: Vec::new(), asked: Vec::new(), granted: Vec::new() }));
        }
        self.early.retain(|(of, _)| *of >= round);
        let early: Vec<_> = self.early.extract_if(.., |(of, _)| *of == round).collect();
        let held = self.held(round).expect("it is there now");
        held.granted.extend(early.into_iter().map(|(_, node)| node));
        let (mut wanted, mut ready) = (Vec::new(), Vec::new());
        for &node in nodes {
            held.asked.push(node);
            match held.begun.iter().find(|(of, _)| *of == node) {
                None => {
                    held.begun.push((node, None));
                    wanted.push(node);
                }
                Some((_, None)) => {}
                Some((_, Some(update))) => ready.push((node, *update)),
            }
        }
        ready.into_iter().for_each(|(node, update)| self.offer(round, node, update));
        if !wanted.is_empty() {
            self.orders.push_back(Order::Pass(round, state, wanted));
        }
    }

    fn ready(&mut self, (round, state): (Round, u64), node: Node, update: Update) {
        let Some(held) = self.held(round).filter(|held| held.state == state) else { return };
        held.begun.retain(|(of, _)| *of != node);
        held.begun.push((node, Some(update)));
        if held.asked.contains(&node) {
            self.offer(round, node, update);
        }
    }

    fn offer(&mut self, round: Round, node: Node, update: Update) {
        if update.bytes == 0 || self.held(round).is_some_and(|held| held.granted.contains(&node)) {
            self.send(Said::Update(Event::Updated(self.seat, round, node, update.bytes), update));
        } else {
            self.say(Event::Offered(self.seat, round, node, LARGE));
        }
    }

    fn grant(&mut self, round: Round, node: Node) {
        let Some(held) = self.held(round).filter(|held| held.asked.contains(&node)) else {
            return self.early.push((round, node));
        };
        if held.granted.contains(&node) {
            return;
        }
        held.granted.push(node);
        if let Some(&(_, Some(update))) = held.begun.iter().find(|(of, _)| *of == node)
            && update.bytes > 0
        {
            self.send(Said::Update(Event::Updated(self.seat, round, node, update.bytes), update));
        }
    }

    fn keep(&mut self, record: Record) {
        let Record { round, begun, known_lines, lines } = record;
        if self.held(round).is_none() || known_lines > self.lines.len() {
            return;
        }
        self.lines.truncate(known_lines);
        self.lines.extend(lines);
        self.records.retain(|(of, _)| *of != round);
        self.records.push((round, begun));
        self.say(Event::Kept(self.seat, round));
    }

    fn fetch(&mut self, round: Round) {
        let begun = self.records.iter().find(|(of, _)| *of == round).map(|(_, begun)| *begun);
        let lines = self.lines.get(..round.pass as usize - 1).map(<[Line]>::to_vec);
        match (self.held(round).is_some(), begun, lines) {
            (true, Some(begun), Some(lines)) => {
                self.send(Said::Snapshot(Event::Fetched(self.seat, round), Snapshot { round, begun, lines }));
            }
            _ => {
                let text = "it keeps nothing of that".to_owned();
                self.say(Event::Failed(self.seat, Fault::System, None, text));
            }
        }
    }

    fn send(&mut self, said: Said) {
        if self.connected {
            self.said.push_back(said);
        }
    }

    fn held(&mut self, round: Round) -> Option<&mut Held> {
        self.rounds.iter_mut().find(|(of, _)| *of == round).map(|(_, held)| held)
    }
}

/// The next message; a small one may overtake the chunks of those with a payload.
fn next<T>(queue: &mut VecDeque<T>, overtaking: bool, small: impl Fn(&T) -> bool) -> Option<T> {
    let first = if overtaking { queue.iter().position(small) } else { None };
    queue.remove(first.unwrap_or(0))
}

/// A bit for each split.
pub(super) fn bits(splits: &Range<u32>) -> u64 {
    splits.clone().fold(0, |bits, split| bits | 1 << split)
}
