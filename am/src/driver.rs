//! The master's only `select!`: workers, the launcher, the aggregator and the clock turn into events; the engine's commands
//! turn into messages, launches and requests.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use lapwing_container::wire::Buffer;
use lapwing_container::wire::connection::{Inbound, Outgoing};
use lapwing_container::wire::frame::Tag;
use lapwing_container::wire::message::{Message, Round, Summary};
use lapwing_container::worker::{HEARTBEAT, SILENCE, resident_bytes};
use tokio::sync::mpsc::{Receiver, UnboundedReceiver, UnboundedSender};

use crate::aggregate::{Reply, Request};
use crate::chronicle::Chronicle;
use crate::engine::{Command, End, Engine, Event, Rules, Seat};
use crate::error::{Failure, Kind};
use crate::job::{Bytes, Job};
use crate::launcher::{Happening, Launcher, News, Outcome};
use crate::listener::Call;

/// A broken connection waits so long for the launcher to say how the process ended: that is the better sentence.
const OBITUARY: Duration = Duration::from_millis(500);

/// On a cluster the word goes from the node to the ResourceManager to the master, each at its next heartbeat.
const CLUSTER_OBITUARY: Duration = Duration::from_millis(2500);

/// The master's loop and what it holds.
pub(crate) struct Driver<'a, L> {
    job: Arc<Job>,
    tag: Tag,
    launcher: &'a mut L,
    aggregator: mpsc::Sender<Request>,
    engine: Engine,
    start: Instant,
    workers: BTreeMap<Seat, UnboundedSender<Outgoing>>,
    broken: BTreeMap<Seat, (Instant, String)>,
    /// What each worker last said of its memory, bytes.
    resident: BTreeMap<Seat, u64>,
    state: Option<Arc<Buffer>>,
    summary: Summary,
    /// The update that the event at hand brought.
    update: Option<Buffer>,
    chronicle: Chronicle,
    end: Option<Result<(), Failure>>,
}

impl<'a, L: Launcher> Driver<'a, L> {
    /// A master for this job and attempt.
    pub(crate) fn new(
        job: Arc<Job>,
        attempt: u32,
        launcher: &'a mut L,
        aggregator: mpsc::Sender<Request>,
    ) -> Self {
        let rules = Rules {
            seats: job.seats(),
            passes: job.passes,
            on_loss: job.on_loss,
            max_failures: job.max_failures,
            // A cluster's launcher has its own eye on containers that do not come; this is for processes that do not call.
            start_timeout: Duration::from_secs(job.start_timeout) * if job.cluster.is_some() { 2 } else { 1 },
            silence: SILENCE,
            update_budget: job.master_memory / 4,
            columns: job.load.columns,
        };
        Self {
            tag: Tag { job: job.id, attempt, lane: 0, pass: 0 },
            launcher,
            aggregator,
            engine: Engine::new(rules),
            start: Instant::now(),
            workers: BTreeMap::new(),
            broken: BTreeMap::new(),
            resident: BTreeMap::new(),
            state: None,
            summary: Summary::default(),
            update: None,
            chronicle: Chronicle::new(job.clone()),
            end: None,
            job,
        }
    }

    /// Runs the job to its end.
    pub(crate) async fn run(
        mut self,
        mut calls: Receiver<Call>,
        mut replies: UnboundedReceiver<Reply>,
    ) -> Outcome {
        let (passes, workers, splits) = (self.job.passes, self.job.workers, self.job.splits.len() as u32);
        self.launcher.tell(News::Begun { passes, workers, splits });
        self.handle(Event::Start);
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
                        self.handle(Event::Heard(seat));
                    }
                    Happening::Over(failure) => break Err(failure),
                },
                _ = tick.tick() => {
                    if beaten.elapsed() >= HEARTBEAT {
                        beaten = Instant::now();
                        self.broadcast_heartbeat();
                    }
                    self.bury();
                    self.handle(Event::Tick);
                }
            }
        };
        for seat in self.workers.keys() {
            self.send(*seat, 0, Message::Stop, None);
        }
        outcome.map(|()| Box::new(self.chronicle.close(self.start.elapsed())))
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
            Call::Arrived(seat, queue) => {
                self.workers.insert(seat, queue);
                self.handle(Event::Hello(seat));
            }
            Call::Said(seat, inbound) => self.said(seat, inbound),
            Call::Gone(seat, why) => {
                self.workers.remove(&seat);
                self.broken.insert(seat, (Instant::now(), why));
            }
        }
    }

    fn said(&mut self, seat: Seat, Inbound { tag, message, payload }: Inbound) {
        // A master of another attempt was meant.
        if tag.attempt != self.tag.attempt {
            return;
        }
        match message {
            Message::Loaded { split: loaded } => {
                if self.chronicle.loaded(loaded, self.start.elapsed()) {
                    self.launcher.tell(News::Loaded(self.chronicle.splits_loaded()));
                }
                self.handle(Event::Loaded(seat, loaded));
            }
            Message::Offer { kind, node, bytes } => {
                self.handle(Event::Offered(seat, Round { pass: tag.pass, kind }, node, bytes));
            }
            Message::Update { kind, node, nanos, .. } => {
                let round = Round { pass: tag.pass, kind };
                self.chronicle.update(round, nanos);
                self.update = Some(payload);
                self.handle(Event::Updated(seat, round, node));
                // A stale one: the engine did not ask for it.
                self.update = None;
            }
            Message::Failed { fault, split, text } => self.handle(Event::Failed(seat, fault, split, text)),
            Message::Heartbeat { resident_bytes } => {
                self.resident.insert(seat, resident_bytes);
                self.handle(Event::Heard(seat));
            }
            _ => self.handle(Event::Heard(seat)),
        }
    }

    fn reply(&mut self, reply: Reply) {
        match reply {
            Reply::Initialised(state) => {
                self.state = Some(state);
                self.handle(Event::Initialised);
            }
            Reply::Trained { state, objective, done, update_bytes, digest } => {
                let pass = self.chronicle.trained(objective, update_bytes, state.len() as u64, digest);
                if let Some(advice) = self.chronicle.advice(update_bytes) {
                    self.note(advice);
                }
                self.state = Some(state);
                self.launcher.tell(News::Pass(pass));
                self.handle(Event::Stepped { done, objective: objective.is_finite() });
            }
            Reply::Scored(objective) => {
                self.chronicle.scored(objective);
                self.handle(Event::Stepped { done: true, objective: true });
            }
            Reply::Written(findings) => {
                self.chronicle.findings(findings);
                self.handle(Event::Written);
            }
            Reply::Failed(failure) if failure.kind == Kind::User => {
                self.handle(Event::UserFailed(failure.text))
            }
            Reply::Failed(failure) => self.end = Some(Err(failure)),
        }
    }

    /// Feeds the engine and does what it says.
    fn handle(&mut self, event: Event) {
        for command in self.engine.handle(self.start.elapsed(), event) {
            match command {
                Command::Launch(seat) => self.launcher.launch(seat),
                Command::Release(seat) => {
                    self.workers.remove(&seat);
                    self.launcher.release(seat);
                }
                Command::Load(seat, splits) => {
                    self.send(seat, 0, Message::Load { first: splits.start, end: splits.end }, None);
                }
                Command::Initialise(summary) => {
                    self.summary = summary;
                    self.chronicle.summary(summary);
                    self.ask(Request::Initialise(summary));
                }
                Command::Broadcast(round, calls) => self.broadcast(round, calls),
                Command::Credit(seat, round, node) => {
                    self.send(seat, round.pass, Message::Credit { kind: round.kind, node }, None);
                }
                Command::Merge(node) => {
                    let update = self.update.take().expect("only an update that has come is merged");
                    self.ask(Request::Merge(node, update));
                }
                Command::Step { round, splits_covered, rows_covered } => {
                    self.chronicle.covered(splits_covered, rows_covered);
                    self.ask(Request::Step { round, splits_covered, rows_covered });
                }
                Command::Write => self.ask(Request::Write(self.chronicle.lines().to_vec())),
                Command::Note(text) => self.note(text),
                Command::End(end) => {
                    self.end = Some(match end {
                        End::Done => Ok(()),
                        End::BadInput(text) => Err(Failure::new(Kind::Input, text)),
                        End::WorkersLost(text) => Err(Failure::new(Kind::Lost, text)),
                        End::User(text) => Err(Failure::new(Kind::User, text)),
                    });
                }
            }
        }
    }

    fn broadcast(&mut self, round: Round, calls: Vec<(Seat, Vec<lapwing_container::merge_tree::Node>)>) {
        let Some(state) = self.state.clone() else { return };
        self.chronicle.broadcast(round, calls.iter().map(|(seat, _)| seat.worker));
        for (seat, nodes) in calls {
            let payload = state.len() as u64;
            let message = Message::State { kind: round.kind, nodes, summary: self.summary, payload };
            self.send(seat, round.pass, message, Some(state.clone()));
        }
    }

    fn send(&self, seat: Seat, pass: u32, message: Message, payload: Option<Arc<Buffer>>) {
        // A worker that is no longer there is told nothing; its loss comes as an event of its own.
        if let Some(queue) = self.workers.get(&seat) {
            let _ = queue.send(Outgoing { tag: Tag { pass, ..self.tag }, message, payload });
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
        let silent =
            |(&seat, (since, _)): (&Seat, &(Instant, String))| (since.elapsed() > limit).then_some(seat);
        let seats: Vec<Seat> = self.broken.iter().filter_map(silent).collect();
        for seat in seats {
            if let Some((_, why)) = self.broken.remove(&seat) {
                self.handle(Event::Lost(seat, format!("is out of reach: {why}")));
            }
        }
    }
}
