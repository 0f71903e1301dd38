//! The master's only `select!`: workers, the launcher, the aggregator and the clock turn into events; the engine's commands
//! turn into messages, launches and requests.

mod commands;
mod replies;

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use lapwing_container::fault::{Point, Target};
use lapwing_container::pieces::Pieces;
use lapwing_container::wire::Buffer;
use lapwing_container::wire::connection::{Inbound, Outgoing};
use lapwing_container::wire::frame::Tag;
use lapwing_container::wire::message::{Message, PAYLOAD_CAP, Round, Summary};
use lapwing_container::worker::{heartbeat, resident_bytes};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};

use crate::aggregate::{Begun, Reply, Request};
use crate::chronicle::Chronicle;
use crate::clock::Clock;
use crate::engine::{Engine, Event, Rules, Seat};
use crate::error::Failure;
use crate::flags::Bytes;
use crate::job::Job;
use crate::launcher::{Happening, Launcher, Lease, News, Outcome};
use crate::listener::{Call, Line};

/// A broken connection waits so long for the launcher to say how the process ended: that is the better sentence. A worker whose
/// connection alone broke calls again meanwhile.
const OBITUARY: Duration = Duration::from_millis(500);

/// On a cluster the word goes from the node to the ResourceManager to the master, each at its next heartbeat.
const CLUSTER_OBITUARY: Duration = Duration::from_millis(2500);

/// Workers that may go are waited for so long.
const GOODBYE: Duration = Duration::from_millis(500);

/// The master's loop and what it holds.
pub(crate) struct Driver<'a, L> {
    job: Arc<Job>,
    tag: Tag,
    launcher: &'a mut L,
    lease: Arc<Lease>,
    aggregator: mpsc::Sender<Request>,
    engine: Engine,
    start: Instant,
    /// The engine's time.
    clock: Clock,
    /// It has not yet completed a pass since it took over.
    taken_over: bool,
    workers: BTreeMap<Seat, Worker>,
    broken: BTreeMap<Seat, (Duration, String)>,
    /// What each worker last said of its memory, bytes.
    resident: BTreeMap<Seat, u64>,
    /// What the next round begins with, or the one at hand began with.
    begun: Option<Arc<Begun>>,
    /// What the last round that was broadcast began with: while its step is done it may still have to be kept.
    open: Option<(Round, Arc<Begun>)>,
    /// Workers that are to keep a round's record as soon as the algorithm's memory is encoded.
    unkept: Vec<(Seat, Round)>,
    summary: Summary,
    /// The update or the snapshot that the event at hand brought.
    payload: Option<Buffer>,
    /// Updates of the pass at hand, for faults.
    updates: (u32, u32),
    chronicle: Chronicle,
    /// What this round begins with is to be written down as soon as the algorithm's memory is encoded.
    checkpoint_due: Option<Round>,
    /// A checkpoint on its way.
    checkpoint: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
    end: Option<Result<(), Failure>>,
}

/// A worker that has called.
struct Worker {
    line: Line,
    queue: UnboundedSender<Outgoing>,
    /// Lines of the report that it says it keeps.
    lines: usize,
    /// The last round whose record it says it keeps, and the algorithm's memory then; none when that record is gone again.
    memory: Option<(Round, Pieces)>,
}

impl<'a, L: Launcher> Driver<'a, L> {
    /// A master for this job and attempt, which began its work at `start`.
    pub(crate) fn new(
        job: Arc<Job>,
        attempt: u32,
        start: Instant,
        launcher: &'a mut L,
        aggregator: mpsc::Sender<Request>,
    ) -> Self {
        let rules = Rules {
            seats: job.seats(),
            training: job.training,
            spares: job.spares,
            attempt,
            passes: job.passes,
            on_loss: job.on_loss,
            max_failures: job.max_failures,
            start_timeout: Duration::from_secs(job.start_timeout),
            patient: job.cluster.is_some(),
            silence: job.silence,
            update_budget: job.master_memory / 4,
            columns: job.load.columns,
            quorum: job.quorum,
            pass_deadline: job.pass_deadline,
            min_coverage: job.min_coverage,
        };
        Self {
            tag: Tag { job: job.id, attempt, lane: 0, pass: 0 },
            lease: launcher.lease(),
            launcher,
            aggregator,
            engine: Engine::new(rules),
            start,
            clock: Clock::since(start),
            taken_over: attempt > 1,
            workers: BTreeMap::new(),
            broken: BTreeMap::new(),
            resident: BTreeMap::new(),
            begun: None,
            open: None,
            unkept: Vec::new(),
            summary: Summary::default(),
            payload: None,
            updates: (0, 0),
            chronicle: Chronicle::new(job.clone(), attempt),
            checkpoint_due: None,
            checkpoint: None,
            end: None,
            job,
        }
    }

    /// Runs the job to its end; none if another master goes on with it.
    pub(crate) async fn run(
        mut self,
        mut calls: Receiver<Call>,
        mut replies: UnboundedReceiver<Reply>,
    ) -> Option<Outcome> {
        let (passes, workers, splits) = (self.job.passes, self.job.workers, self.job.splits.len() as u32);
        self.launcher.tell(News::Begun { passes, workers, splits });
        self.begin();
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        let mut beaten = Instant::now();
        let outcome = loop {
            if let Some(end) = self.end.take() {
                break end;
            }
            tokio::select! {
                Some(call) = calls.recv() => self.call(call),
                Some(reply) = replies.recv() => self.reply(reply),
                happening = self.launcher.next() => match happening {
                    Happening::Ended(seat, how) => {
                        self.broken.remove(&seat);
                        let how = self.with_size(seat, how);
                        self.handle(Event::Lost(seat, how));
                    }
                    Happening::Started(seat, node) => {
                        self.chronicle.started(seat.worker, node);
                        self.handle(Event::Started(seat));
                    }
                    Happening::Doomed(seat, why) => self.handle(Event::Doomed(seat, why)),
                    Happening::Over(failure) => break Err(failure),
                    Happening::Superseded(_) => return None,
                },
                _ = tick.tick() => {
                    if !self.lease.holds() {
                        // Whoever takes over needs the workers; this master has no more to say to them.
                        return None;
                    }
                    if beaten.elapsed() >= heartbeat(self.job.silence) {
                        beaten = Instant::now();
                        self.broadcast_heartbeat();
                    }
                    self.bury();
                    self.look_at_checkpoint().await;
                    self.handle(Event::Tick);
                }
            }
        };
        let outcome = outcome.map(|()| Box::new(self.chronicle.close(self.start.elapsed())));
        self.dismiss(calls).await;
        Some(outcome)
    }

    /// Tells the workers that they may go, and waits until they have heard it: one that has not would look for the next master.
    async fn dismiss(mut self, mut calls: Receiver<Call>) {
        for seat in self.workers.keys() {
            self.send(*seat, 0, Message::Stop, None);
        }
        let gone = async {
            while !self.workers.is_empty()
                && let Some(call) = calls.recv().await
            {
                match call {
                    Call::Gone(line, _) if self.is_present(line) => {
                        self.workers.remove(&line.seat);
                    }
                    Call::Arrived(line, _, queue) => {
                        self.workers.insert(line.seat, Worker { line, queue, lines: 0, memory: None });
                        self.send(line.seat, 0, Message::Stop, None);
                    }
                    _ => {}
                }
            }
        };
        let _ = tokio::time::timeout(GOODBYE, gone).await;
    }

    /// The first attempt launches workers, a later one finds them.
    fn begin(&mut self) {
        if self.tag.attempt == 1 {
            return self.handle(Event::Start);
        }
        let survivors = self.launcher.survivors();
        let (attempt, most, living) = (self.tag.attempt, self.job.max_attempts, survivors.len());
        self.note(format!(
            "the master was lost: attempt {attempt} of {most} takes over, {living} workers live"
        ));
        for (seat, node) in &survivors {
            self.chronicle.started(seat.worker, node.clone());
        }
        self.handle(Event::TakeOver(survivors.into_iter().map(|(seat, _)| seat).collect()));
    }

    /// A process that was killed is likely to have been too large: say how large it was.
    fn with_size(&self, seat: Seat, how: String) -> String {
        match self.resident.get(&seat) {
            Some(&bytes) if ["SIGKILL", "(signal 9)"].iter().any(|word| how.contains(word)) => {
                format!("{how}; it last used {}", Bytes(bytes))
            }
            _ => how,
        }
    }

    fn call(&mut self, call: Call) {
        match call {
            // Two connections of one worker may be announced in the wrong order.
            Call::Arrived(line, ..)
                if self.workers.get(&line.seat).is_some_and(|worker| worker.line.number > line.number) => {}
            Call::Arrived(line, holding, queue) => {
                self.broken.remove(&line.seat);
                self.workers.insert(line.seat, Worker { line, queue, lines: 0, memory: None });
                for &loaded in &holding.loaded {
                    if self.chronicle.held(loaded) {
                        self.launcher.tell(News::Loaded(self.chronicle.splits_loaded()));
                    }
                }
                self.handle(Event::Hello(line.seat, holding));
            }
            Call::Said(line, inbound) if self.is_present(line) => self.said(line.seat, inbound),
            Call::Gone(line, why) if self.is_present(line) => {
                self.workers.remove(&line.seat);
                self.broken.insert(line.seat, (self.clock.now(), why));
            }
            // Of a connection that the worker itself has given up.
            Call::Said(..) | Call::Gone(..) => {}
        }
    }

    fn is_present(&self, line: Line) -> bool {
        self.workers.get(&line.seat).is_some_and(|worker| worker.line == line)
    }

    fn said(&mut self, seat: Seat, Inbound { tag, message, payload }: Inbound) {
        // A master of another attempt was meant.
        if tag.attempt != self.tag.attempt {
            return;
        }
        match message {
            Message::Loaded { split } => {
                if self.chronicle.loaded(split, self.start.elapsed()) {
                    self.launcher.tell(News::Loaded(self.chronicle.splits_loaded()));
                }
                self.fire(Point::Load);
                self.handle(Event::Loaded(seat, split));
            }
            Message::Kept { kind } => {
                let round = Round { pass: tag.pass, kind };
                if let Some(worker) = self.workers.get_mut(&seat) {
                    worker.lines = tag.pass.saturating_sub(1) as usize;
                    let open = self.open.as_ref().filter(|(open, _)| *open == round);
                    let memory = open.and_then(|(_, begun)| begun.memory.get().cloned());
                    worker.memory = memory.map(|memory| (round, memory)).or(worker.memory.take());
                }
                self.handle(Event::Kept(seat, round));
            }
            Message::Snapshot { kind, .. } => {
                self.payload = Some(payload);
                self.handle(Event::Fetched(seat, Round { pass: tag.pass, kind }));
                self.payload = None;
            }
            Message::Offer { kind, node, bytes } => {
                self.handle(Event::Offered(
                    seat,
                    Round { pass: tag.pass, kind },
                    node,
                    bytes.min(PAYLOAD_CAP),
                ));
            }
            Message::Update { kind, node, nanos, .. } => {
                let round = Round { pass: tag.pass, kind };
                self.chronicle.update(round, nanos);
                let bytes = payload.len() as u64;
                self.payload = Some(payload);
                self.handle(Event::Updated(seat, round, node, bytes));
                // A stale one: the engine did not ask for it.
                if self.payload.take().is_none() {
                    self.updates =
                        (tag.pass, if self.updates.0 == tag.pass { self.updates.1 + 1 } else { 1 });
                    self.fire(Point::After(tag.pass, self.updates.1));
                }
            }
            Message::Failed { fault, split, text } => self.handle(Event::Failed(seat, fault, split, text)),
            Message::Heartbeat { resident_bytes } => {
                self.resident.insert(seat, resident_bytes);
                self.handle(Event::Heard(seat));
            }
            _ => self.handle(Event::Heard(seat)),
        }
    }

    fn ask(&self, request: Request) {
        // The aggregator ends only after a failure, which it has told before.
        let _ = self.aggregator.send(request);
    }

    fn note(&mut self, text: String) {
        self.chronicle.note(&text);
        self.launcher.tell(News::Note(text));
    }

    fn broadcast_heartbeat(&self) {
        for seat in self.workers.keys() {
            self.send(*seat, 0, Message::Heartbeat { resident_bytes: resident_bytes() }, None);
        }
    }

    /// Workers whose connection broke and of whose end nobody has spoken.
    fn bury(&mut self) {
        let limit = if self.job.cluster.is_some() { CLUSTER_OBITUARY } else { OBITUARY };
        let now = self.clock.now();
        let silent =
            |(&seat, (since, _)): (&Seat, &(Duration, String))| (now - *since > limit).then_some(seat);
        let seats: Vec<Seat> = self.broken.iter().filter_map(silent).collect();
        for seat in seats {
            if let Some((_, why)) = self.broken.remove(&seat) {
                self.handle(Event::Lost(seat, format!("is out of reach: {why}")));
            }
        }
    }

    fn fire(&self, point: Point) {
        if self.tag.attempt == 1 {
            self.job.faults.fire(Target::Master, point);
        }
    }
}
