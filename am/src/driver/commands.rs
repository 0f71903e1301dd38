//! What the engine says, done: messages, launches, requests, and the record of the round for those who keep it.

use std::sync::Arc;

use lapwing_container::fault::Point;
use lapwing_container::merge_tree::Node;
use lapwing_container::record::{Record, Snapshot};
use lapwing_container::wire::connection::Outgoing;
use lapwing_container::wire::frame::Tag;
use lapwing_container::wire::message::{Message, Round, RoundKind};
use lapwing_container::wire::{Buffer, Wire, recycle};

use super::Driver;
use crate::aggregate::{Begun, Request};
use crate::checkpoint;
use crate::engine::{Command, End, Event, Seat};
use crate::error::{Failure, Kind};
use crate::launcher::Launcher;

impl<L: Launcher> Driver<'_, L> {
    /// Feeds the engine and does what it says.
    pub(super) fn handle(&mut self, event: Event) {
        for command in self.engine.handle(self.clock.now(), event) {
            match command {
                Command::Launch(seat) => self.launcher.launch(seat),
                Command::Release(seat) => {
                    // One that merely fell silent would look for the next master.
                    self.send(seat, 0, Message::Stop, None);
                    self.workers.remove(&seat);
                    self.broken.remove(&seat);
                    self.launcher.release(seat);
                }
                Command::Load(seat, splits, adopted) => {
                    let message = Message::Load { first: splits.start, end: splits.end, adopted };
                    self.send(seat, 0, message, None);
                }
                Command::Unload(seat, splits) => {
                    self.send(seat, 0, Message::Unload { first: splits.start, end: splits.end }, None);
                }
                Command::Initialise(summary) => {
                    self.summary = summary;
                    self.chronicle.summary(summary);
                    self.ask(Request::Initialise(summary));
                }
                Command::Fetch(seat, round) => {
                    self.send(seat, round.pass, Message::Fetch { kind: round.kind }, None);
                }
                Command::Restore => {
                    let snapshot =
                        self.payload.take().expect("only a snapshot that has come is gone on from");
                    self.ask(Request::Restore(snapshot));
                }
                Command::Broadcast(round, calls) => self.broadcast(round, calls),
                Command::Keep(seat, round) => self.keep(seat, round),
                Command::Credit(seat, round, node) => {
                    self.send(seat, round.pass, Message::Credit { kind: round.kind, node }, None);
                }
                Command::Merge(node) => {
                    let update = self.payload.take().expect("only an update that has come is merged");
                    self.ask(Request::Merge(node, update));
                }
                Command::Reuse(node) => self.ask(Request::Reuse(node)),
                Command::Step { round, splits_covered, rows_covered, splits_stale, rows_stale } => {
                    self.chronicle.covered(splits_covered, rows_covered, rows_stale);
                    let step =
                        Request::Step { round, splits_covered, rows_covered, splits_stale, rows_stale };
                    self.ask(step);
                }
                Command::Write => {
                    let report = Box::new(self.chronicle.close(self.start.elapsed()));
                    self.ask(Request::Write(self.chronicle.lines().to_vec(), report));
                }
                Command::Note(text) => self.note(text),
                Command::End(end) => {
                    self.end = Some(match end {
                        End::Done => Ok(()),
                        End::BadInput(text) => Err(Failure::new(Kind::Input, text)),
                        End::WorkersLost(text) => Err(Failure::new(Kind::Lost, text)),
                        End::NoRoom(text) => Err(Failure::new(Kind::Cluster, text)),
                        End::User(text) => Err(Failure::new(Kind::User, text)),
                    });
                }
            }
        }
    }

    fn broadcast(&mut self, round: Round, calls: Vec<(Seat, Vec<Node>)>) {
        let Some(begun) = &self.begun else { return };
        if self.open.as_ref().is_none_or(|(open, _)| *open != round) {
            let before = self.open.replace((round, begun.clone()));
            // Everyone has it: its buffer may hold the state after next.
            let before = before.and_then(|(_, begun)| Arc::into_inner(Arc::into_inner(begun)?.state));
            before.into_iter().for_each(recycle);
        }
        let (state, digest, safe) = (begun.state.clone(), begun.digest, self.engine.safe());
        // With this state, workers give up the records of what is older than safe: none can be patched any more.
        for worker in self.workers.values_mut() {
            worker.memory.take_if(|(kept, _)| kept.pass < safe);
        }
        self.chronicle.broadcast(round, calls.iter().map(|(seat, _)| seat.worker));
        for (seat, nodes) in calls {
            let payload = state.len() as u64;
            let (kind, summary) = (round.kind, self.summary);
            let message = Message::State { kind, nodes, summary, safe, digest, payload };
            self.send(seat, round.pass, message, Some(state.clone()));
        }
        if round.kind == RoundKind::Train {
            self.fire(Point::Pass(round.pass));
        }
    }

    /// Sends the record of the last round that was broadcast to a keeper, without the lines and the memory that it has.
    pub(super) fn keep(&mut self, seat: Seat, round: Round) {
        let Some((_, begun)) = self.open.as_ref().filter(|(open, _)| *open == round) else { return };
        let Some(worker) = self.workers.get(&seat) else { return };
        let Some(memory) = begun.memory.get() else {
            if !self.unkept.contains(&(seat, round)) {
                self.unkept.push((seat, round));
            }
            return;
        };
        let base = worker.memory.as_ref().map(|(round, memory)| (*round, memory));
        match (self.record(round, begun, worker.lines), memory.since(base)).encode() {
            Ok(bytes) => {
                let (digest, payload) = (begun.digest, bytes.len() as u64);
                let message = Message::Keep { kind: round.kind, digest, payload };
                self.send(seat, round.pass, message, Some(Arc::new(bytes)));
            }
            Err(error) => self.end = Some(Err(Failure::cluster("the record of a pass", error))),
        }
    }

    /// What is known at the beginning of a round but for the algorithm's memory: of the report, a line for each pass behind it.
    fn record(&self, Round { pass, kind }: Round, begun: &Begun, known: usize) -> Record {
        let behind = &self.chronicle.lines()[..pass as usize - 1];
        let known = known.min(behind.len());
        Record {
            pass,
            kind,
            summary: self.summary,
            memory: Vec::new(),
            last: begun.last,
            known_lines: known as u32,
            lines: behind[known..].to_vec(),
            notes: self.chronicle.notes(self.start.elapsed()),
        }
    }

    /// Writes what the next pass begins with, beside the loop. If the last one is still being written, this one is left out.
    pub(super) fn write_checkpoint(&mut self, next: Round) {
        let busy = self.checkpoint.as_ref().is_some_and(|task| !task.is_finished());
        let Some(begun) = &self.begun else { return };
        let Some(memory) = begun.memory.get().cloned() else { return };
        let record = self.record(next, begun, 0);
        if busy || !self.lease.holds() {
            return;
        }
        let (job, state) = (self.job.clone(), begun.state.clone());
        self.checkpoint = Some(tokio::task::spawn_blocking(move || {
            let record = Record { memory: memory.join(), ..record };
            checkpoint::write(&job, &Snapshot { state: state.to_vec(), record })
        }));
    }

    pub(super) async fn look_at_checkpoint(&mut self) {
        let Some(task) = self.checkpoint.take_if(|task| task.is_finished()) else { return };
        if let Ok(Err(error)) = task.await {
            self.note(format!("a checkpoint could not be written: {error}"));
        }
    }

    pub(super) fn send(&self, seat: Seat, pass: u32, message: Message, payload: Option<Arc<Buffer>>) {
        // A worker that is no longer there is told nothing; its loss comes as an event of its own.
        if let Some(worker) = self.workers.get(&seat) {
            let _ = worker.queue.send(Outgoing { tag: Tag { pass, ..self.tag }, message, payload });
        }
    }
}
