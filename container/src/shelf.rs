//! What a worker keeps until it is safe: states, the updates made from them, and perhaps the master's records.
//!
//! The computing thread puts updates here, and here they meet what the master wants: an update goes out when it was asked
//! for and, being large, has its credit, whichever comes first. All of it outlives the connection. A master that takes over
//! asks for the interrupted round again, and what was made from the same state is sent at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use crate::merge_tree::Node;
use crate::pieces::{Patch, Pieces};
use crate::record::{Record, Snapshot};
use crate::wire::connection::Outgoing;
use crate::wire::frame::Tag;
use crate::wire::message::{Fault, Loaded, Message, Round};
use crate::wire::{Buffer, recycle};
use crate::worker::CREDIT_BYTES;

/// Shared by the computing thread and the one that speaks with the master.
#[derive(Clone, Default)]
pub(crate) struct Shelf(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// The connection of the moment, and what stands on its messages.
    line: Option<(UnboundedSender<Outgoing>, Tag)>,
    /// Splits in memory.
    loaded: BTreeMap<u32, Loaded>,
    /// Splits that will be given up once the pass at hand is done: no master is to count on them any more.
    going: BTreeSet<u32>,
    rounds: BTreeMap<Round, Held>,
    newest: Option<Round>,
    /// Credits for a state that is still on its way: small messages overtake large ones.
    early: BTreeSet<(Round, Node)>,
    /// Records and, apart from them, the algorithm's memory.
    records: BTreeMap<Round, (Record, Pieces)>,
    /// The report's lines as far as the records tell them.
    lines: Vec<String>,
    /// Why this worker cannot go on: what it did not compute it never will, so every master has to hear of it.
    failed: Option<Message>,
}

/// One round.
struct Held {
    digest: u128,
    state: Arc<Buffer>,
    /// Nodes that were computed, or are being so.
    begun: BTreeMap<Node, Option<Ready>>,
    /// Nodes that the present master waits for.
    asked: BTreeSet<Node>,
    granted: BTreeSet<Node>,
}

/// An update.
#[derive(Clone)]
struct Ready {
    nanos: u64,
    payload: Arc<Buffer>,
}

impl Shelf {
    /// A connection to a master: introduces this worker and all that it holds, so that nothing falls between.
    pub(crate) fn connect(&self, queue: UnboundedSender<Outgoing>, tag: Tag, hello: Message) {
        let mut inner = self.lock();
        inner.line = Some((queue, tag));
        inner.early.clear();
        inner.rounds.values_mut().for_each(|held| {
            held.asked.clear();
            held.granted.clear();
        });
        inner.tell(0, hello, None);
        for &split in inner.loaded.values() {
            inner.tell(0, Message::Loaded { split }, None);
        }
        let name = |round: &Round| (round.pass, round.kind);
        let records = inner.records.keys().map(name).collect();
        inner.tell(0, Message::Holding { records, newest: inner.newest.as_ref().map(name) }, None);
        if let Some(failed) = inner.failed.clone() {
            inner.tell(0, failed, None);
        }
    }

    /// The connection is gone.
    pub(crate) fn disconnect(&self) {
        self.lock().line = None;
    }

    /// Says something to the master, if there is one at the moment.
    pub(crate) fn tell(&self, pass: u32, message: Message) {
        self.lock().tell(pass, message, None);
    }

    /// Something went wrong. Where there is no room for splits, the next master may ask for others.
    pub(crate) fn fail(&self, fault: Fault, split: Option<u32>, text: String) {
        let (mut inner, failed) = (self.lock(), Message::Failed { fault, split, text });
        if fault != Fault::NoRoom {
            inner.failed = Some(failed.clone());
        }
        inner.tell(0, failed, None);
    }

    /// A split is in memory.
    pub(crate) fn loaded(&self, split: Loaded) {
        let mut inner = self.lock();
        if !inner.going.contains(&split.split) {
            inner.loaded.insert(split.split, split);
            inner.tell(0, Message::Loaded { split }, None);
        }
    }

    /// These splits are to be given up.
    pub(crate) fn unloading(&self, splits: Range<u32>) {
        let mut inner = self.lock();
        inner.loaded.retain(|split, _| !splits.contains(split));
        inner.going.extend(splits);
    }

    /// These splits are no longer in memory.
    pub(crate) fn unloaded(&self, splits: Range<u32>) {
        self.lock().going.retain(|split| !splits.contains(split));
    }

    /// The splits in memory.
    pub(crate) fn holding(&self) -> Vec<Loaded> {
        self.lock().loaded.values().copied().collect()
    }

    /// A state came, with the nodes that are asked for. Those that are neither here nor on their way are to be computed.
    pub(crate) fn begin(
        &self,
        round: Round,
        digest: u128,
        safe: u32,
        state: Buffer,
        nodes: &[Node],
    ) -> (Arc<Buffer>, Vec<Node>) {
        let mut inner = self.lock();
        inner.newest = Some(round);
        // What is older is safe elsewhere. What is newer was begun by a master that did not get so far as to make it safe.
        let gone = inner.rounds.extract_if(.., |of, _| of.pass < safe || *of > round).collect::<Vec<_>>();
        gone.into_iter().for_each(|(_, held)| held.recycle());
        inner.records.retain(|of, _| of.pass >= safe && *of <= round);
        if inner.rounds.get(&round).is_some_and(|held| held.digest != digest) {
            inner.rounds.remove(&round).into_iter().for_each(Held::recycle);
        }
        // A credit may overtake the state of the round before its own as well.
        inner.early.retain(|(of, _)| *of >= round);
        let early: Vec<_> = inner.early.extract_if(.., |(of, _)| *of == round).collect();
        let held = inner.rounds.entry(round).or_insert_with(|| Held::new(digest, state));
        held.granted.extend(early.into_iter().map(|(_, node)| node));
        let (state, mut wanted, mut ready) = (held.state.clone(), Vec::new(), Vec::new());
        for &node in nodes {
            held.asked.insert(node);
            match held.begun.get(&node) {
                None => {
                    held.begun.insert(node, None);
                    wanted.push(node);
                }
                Some(None) => {}
                Some(Some(update)) => ready.push((node, update.clone())),
            }
        }
        ready.into_iter().for_each(|(node, update)| inner.send(round, node, update));
        (state, wanted)
    }

    /// A node that was begun will not be finished: the master went on without it.
    pub(crate) fn give_up(&self, round: Round, digest: u128, nodes: &[Node]) {
        let mut inner = self.lock();
        if let Some(held) = inner.rounds.get_mut(&round).filter(|held| held.digest == digest) {
            held.begun.retain(|node, update| update.is_some() || !nodes.contains(node));
        }
    }

    /// The update that was made from the state of this digest is ready.
    pub(crate) fn ready(&self, round: Round, digest: u128, node: Node, nanos: u64, payload: Buffer) {
        let mut inner = self.lock();
        // The master has gone on, or begun anew, perhaps from another state.
        let Some(held) = inner.rounds.get_mut(&round).filter(|held| held.digest == digest) else { return };
        let update = Ready { nanos, payload: Arc::new(payload) };
        held.begun.insert(node, Some(update.clone()));
        if held.asked.contains(&node) {
            inner.send(round, node, update);
        }
    }

    /// A credit came.
    pub(crate) fn grant(&self, round: Round, node: Node) {
        let mut inner = self.lock();
        let Some(held) = inner.rounds.get_mut(&round).filter(|held| held.asked.contains(&node)) else {
            inner.early.insert((round, node));
            return;
        };
        let first = held.granted.insert(node);
        if let Some(Some(update)) = held.begun.get(&node).cloned()
            // A small one did not wait for it.
            && first && update.payload.len() as u64 > CREDIT_BYTES
        {
            inner.send_whole(round, node, update);
        }
    }

    /// Keeps a record and the memory that a patch makes of that of a record before, if the state of that digest is here, and
    /// says so.
    pub(crate) fn keep(&self, digest: u128, record: Record, memory: Patch) {
        let mut inner = self.lock();
        let round = record.round();
        let known = record.known_lines as usize;
        if inner.rounds.get(&round).is_none_or(|held| held.digest != digest) || known > inner.lines.len() {
            // It would be of no use to anyone.
            return;
        }
        // The master patches what this worker has said that it keeps, unless that has become older than safe.
        let Some(memory) = memory.apply(|base| Some(&inner.records.get(base)?.1)) else {
            let text = format!("it cannot make out the record of pass {}", round.pass);
            inner.tell(0, Message::Failed { fault: Fault::System, split: None, text }, None);
            return;
        };
        inner.lines.truncate(known);
        inner.lines.extend(record.lines.iter().cloned());
        inner.records.insert(round, (Record { lines: Vec::new(), ..record }, memory));
        inner.tell(round.pass, Message::Kept { kind: round.kind }, None);
    }

    /// State, record and report of a round, if they are kept.
    pub(crate) fn snapshot(&self, round: Round) -> Option<Snapshot> {
        let inner = self.lock();
        let (held, (record, memory)) = (inner.rounds.get(&round)?, inner.records.get(&round)?);
        // A line for each pass behind this round.
        let lines = inner.lines.get(..round.pass as usize - 1)?.to_vec();
        let record = Record { memory: memory.join(), known_lines: 0, lines, ..record.clone() };
        Some(Snapshot { state: held.state.to_vec(), record })
    }

    /// Sends a payload of the worker's own accord.
    pub(crate) fn send(&self, pass: u32, message: Message, payload: Buffer) {
        self.lock().tell(pass, message, Some(Arc::new(payload)));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn tell(&self, pass: u32, message: Message, payload: Option<Arc<Buffer>>) {
        if let Some((queue, tag)) = &self.line {
            // A closed queue means that the connection is gone; the reader says so.
            let _ = queue.send(Outgoing { tag: Tag { pass, ..*tag }, message, payload });
        }
    }

    /// A small update goes out at once, a large one is announced unless it has its credit.
    fn send(&mut self, round: Round, node: Node, update: Ready) {
        let bytes = update.payload.len() as u64;
        let granted = self.rounds.get(&round).is_some_and(|held| held.granted.contains(&node));
        if bytes <= CREDIT_BYTES || granted {
            self.send_whole(round, node, update);
        } else {
            self.tell(round.pass, Message::Offer { kind: round.kind, node, bytes }, None);
        }
    }

    fn send_whole(&self, round: Round, node: Node, Ready { nanos, payload }: Ready) {
        let message = Message::Update { kind: round.kind, node, nanos, payload: payload.len() as u64 };
        self.tell(round.pass, message, Some(payload));
    }
}

impl Held {
    fn new(digest: u128, state: Buffer) -> Self {
        let state = Arc::new(state);
        Self { digest, state, begun: BTreeMap::new(), asked: BTreeSet::new(), granted: BTreeSet::new() }
    }

    /// The memory of what nobody needs any more is used again.
    fn recycle(self) {
        let updates = self.begun.into_values().flatten().map(|update| update.payload);
        std::iter::once(self.state).chain(updates).filter_map(Arc::into_inner).for_each(recycle);
    }
}

#[cfg(test)]
mod tests;
