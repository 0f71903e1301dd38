//! A worker: loads its splits once, then replies to every state with the updates of its nodes of the merge tree.
//!
//! One thread speaks with the master, so that heartbeats go out whatever user code does; another computes. A worker whose
//! master is gone keeps all that it has and looks for the next one.

use std::sync::{Arc, mpsc as orders};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::algorithm::Algorithm;
use crate::compute::{Compute, Order, Task};
use crate::fault::{Action, Point, Script, Target};
use crate::guard::guard;
use crate::load::LoadOptions;
use crate::locate::Master;
use crate::pieces::Patch;
use crate::record::Record;
use crate::shelf::Shelf;
use crate::split::Split;
use crate::wire::connection::{Inbound, Reader, WireError, write_all};
use crate::wire::frame::Tag;
use crate::wire::message::{Fault, Message, Round};
use crate::wire::secure::{Gate, Incoming, Outbound};
use crate::wire::{Wire, recycle};

/// Updates longer than this wait for the master's credit, so that its memory stays bounded. Bytes.
pub const CREDIT_BYTES: u64 = 256 << 10;

/// How often either side says that it is still there, if it counts as lost once it is silent for so long.
pub fn heartbeat(silence: Duration) -> Duration {
    (silence / 4).min(Duration::from_secs(1))
}

/// Everything a worker is told at its start.
#[derive(Clone)]
pub struct Setup {
    /// The job's number, on every message.
    pub job: u64,
    /// What opens the connection to the master.
    pub gate: Gate,
    /// Where the master is.
    pub master: Master,
    /// Where the master after it will say where it is: the job's staging directory.
    pub staging: String,
    /// A master silent for so long counts as lost.
    pub silence: Duration,
    /// A worker without a master ends after so long.
    pub master_timeout: Duration,
    /// This worker's number, from 0.
    pub worker: u32,
    /// How many processes had this number before.
    pub incarnation: u32,
    /// This machine, as the cluster calls it.
    pub host: String,
    /// Threads for passes.
    pub cores: usize,
    /// Bytes that this process may use; none where nobody watches it.
    pub memory: Option<u64>,
    /// `--seed`.
    pub seed: u64,
    /// The plan of the whole input.
    pub splits: Vec<Split>,
    /// How to read it.
    pub load: LoadOptions,
    /// Faults on order.
    pub faults: Script,
}

/// Runs a worker until a master says stop.
pub async fn run<A: Algorithm>(algorithm: A, setup: Setup) -> Result<(), WireError> {
    let setup = Arc::new(setup);
    let shelf = Shelf::default();
    let (orders, taken) = orders::channel();
    let (kept, told) = (setup.clone(), shelf.clone());
    std::thread::Builder::new().name("compute".to_owned()).spawn(move || {
        // A panic in Default or Drop of the user's types: without a word the master would wait for ever.
        let work = || {
            Compute::new(algorithm, kept, told.clone()).run(&taken);
            Ok(())
        };
        if let Err(text) = guard(work) {
            told.fail(Fault::User, None, text);
        }
    })?;
    let mut desk = Desk { setup: setup.clone(), shelf, orders, done: 0, dropped: false };
    let mut master = setup.master.clone();
    let mut called = setup.gate.connect(&master.address).await;
    loop {
        let lost = match called {
            Ok(connection) => match desk.serve(connection, &master).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            },
            Err(error) => error,
        };
        desk.shelf.disconnect();
        (master, called) = next_master(&setup, &master, lost).await?;
    }
}

/// The master after this one, or this one again if it was merely the connection that broke; an older one never. The staging
/// directory says where it is: asked often at first, since it may be there at once, and then more and more seldom, all
/// workers at different moments.
async fn next_master(
    setup: &Setup,
    last: &Master,
    lost: WireError,
) -> Result<(Master, Result<(Incoming, Outbound), WireError>), WireError> {
    let since = Instant::now();
    let mut pause = Duration::from_millis(20);
    while since.elapsed() < setup.master_timeout {
        let staging = setup.staging.clone();
        let found = tokio::task::spawn_blocking(move || Master::find(&staging)).await;
        // Unreadable, or still the old one: both may be otherwise soon.
        let found = found.ok().and_then(Result::ok).filter(|found| found.attempt >= last.attempt);
        let found = found.unwrap_or_else(|| last.clone());
        if let Ok(connection) = setup.gate.connect(&found.address).await {
            return Ok((found, Ok(connection)));
        }
        let jitter = f64::from((setup.worker.wrapping_mul(37) + pause.subsec_millis()) % 64) / 128.0;
        tokio::time::sleep(pause.mul_f64(0.75 + jitter)).await;
        pause = (pause * 3 / 2).min(Duration::from_secs(1));
    }
    Err(WireError::NoMaster(setup.master_timeout.as_secs(), Box::new(lost)))
}

/// Where the master's messages are sorted out.
struct Desk {
    setup: Arc<Setup>,
    shelf: Shelf,
    orders: orders::Sender<Order>,
    /// The last pass replied to or being computed, for faults between passes.
    done: u32,
    /// The connection was dropped on order.
    dropped: bool,
}

impl Desk {
    /// Serves one master until it says stop; an error when it is gone.
    async fn serve(&mut self, (read, write): (Incoming, Outbound), master: &Master) -> Result<(), WireError> {
        let Setup { job, silence, .. } = *self.setup;
        let tag = Tag { job, attempt: master.attempt, lane: 0, pass: 0 };
        let (queue, outgoing) = mpsc::unbounded_channel();
        let writer = tokio::spawn(write_all(write, outgoing));
        self.shelf.connect(queue, tag, self.hello());
        let mut reader = Reader::new(read, job);
        // A reader must not be cancelled between two reads, so it has a task of its own.
        let (inbox, mut messages) = mpsc::channel(16);
        let reader = tokio::spawn(async move {
            loop {
                let next = reader.next().await;
                let ended = next.is_err();
                if inbox.send(next).await.is_err() || ended {
                    return;
                }
            }
        });
        let mut beat = tokio::time::interval(heartbeat(silence));
        let mut heard = Instant::now();
        let outcome = loop {
            tokio::select! {
                next = messages.recv() => {
                    heard = Instant::now();
                    match next.unwrap_or(Err(WireError::Order("the reader ended"))) {
                        Err(error) => break Err(error),
                        Ok(inbound) if inbound.tag.attempt != master.attempt => {}
                        Ok(inbound) => match self.take(inbound) {
                            Next::Message => {}
                            Next::Master => break Err(WireError::Order("dropped on order")),
                            Next::Nothing => break Ok(()),
                        }
                    }
                }
                _ = beat.tick() => {
                    if heard.elapsed() > silence {
                        break Err(WireError::Silent(silence.as_secs()));
                    }
                    self.shelf.tell(0, Message::Heartbeat { resident_bytes: resident_bytes() });
                }
            }
        };
        // Both hold an end of the connection, which a master that is silent would otherwise keep.
        writer.abort();
        reader.abort();
        outcome
    }

    fn hello(&self) -> Message {
        let Setup { worker, incarnation, host, .. } = &*self.setup;
        let (worker, incarnation, host) = (*worker, *incarnation, host.clone());
        Message::Hello { worker, incarnation, host, pid: std::process::id() }
    }

    /// Does what a message says.
    fn take(&mut self, Inbound { tag, message, payload }: Inbound) -> Next {
        let order = |order| {
            let _ = self.orders.send(order);
        };
        match message {
            Message::Load { first, end, adopted } => order(Order::Load(first..end, adopted)),
            Message::Unload { first, end } => {
                self.shelf.unloading(first..end);
                order(Order::Unload(first..end));
            }
            Message::State { kind, nodes, summary, safe, digest, .. } => {
                let (since, round) = (Instant::now(), Round { pass: tag.pass, kind });
                let (state, nodes) = self.shelf.begin(round, digest, safe, payload, &nodes);
                if !nodes.is_empty() {
                    order(Order::Round(Task { round, nodes, summary, state, digest, since }));
                }
                return self.suffer(tag.pass);
            }
            Message::Credit { kind, node } => self.shelf.grant(Round { pass: tag.pass, kind }, node),
            Message::Keep { digest, .. } => {
                if let Ok((record, memory)) = <(Record, Patch)>::decode(&payload) {
                    self.shelf.keep(digest, record, memory);
                }
                recycle(payload);
            }
            Message::Fetch { kind } => {
                let snapshot = self.shelf.snapshot(Round { pass: tag.pass, kind });
                match snapshot.map(|snapshot| snapshot.encode()) {
                    Some(Ok(bytes)) => {
                        let message = Message::Snapshot { kind, payload: bytes.len() as u64 };
                        self.shelf.send(tag.pass, message, bytes);
                    }
                    _ => {
                        let text = format!("it keeps nothing of pass {}", tag.pass);
                        self.shelf.tell(0, Message::Failed { fault: Fault::System, split: None, text });
                    }
                }
            }
            Message::Stop => return Next::Nothing,
            // Whatever else the master says is for later versions of the worker.
            _ => {}
        }
        Next::Message
    }

    /// Faults on order between passes.
    fn suffer(&mut self, pass: u32) -> Next {
        let Setup { worker, incarnation, faults, .. } = &*self.setup;
        let target = Target::Worker(*worker);
        if *incarnation == 0 {
            if self.done > 0 && pass > self.done {
                faults.fire(target, Point::Step(self.done));
            }
            if !self.dropped && faults.says(Action::Drop, target, Point::Pass(pass)) {
                self.dropped = true;
                return Next::Master;
            }
        }
        self.done = pass;
        Next::Message
    }
}

/// What comes after a message.
enum Next {
    Message,
    /// Another connection.
    Master,
    /// The job is over.
    Nothing,
}

/// Resident bytes of this process, 0 where the system does not say.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
