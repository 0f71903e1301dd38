//! A worker: loads its splits once, then replies to every state with the updates of its nodes of the merge tree.
//!
//! One thread speaks with the master, so that heartbeats go out whatever user code does; another computes.

use std::sync::{Arc, mpsc as orders};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, UnboundedSender};

use crate::algorithm::Algorithm;
use crate::compute::{Compute, Order, Output};
use crate::credit::Credits;
use crate::fault::{Point, Script};
use crate::guard::guard;
use crate::load::LoadOptions;
use crate::locate::Master;
use crate::split::Split;
use crate::wire::Buffer;
use crate::wire::connection::{Inbound, Outgoing, Reader, WireError, write_all};
use crate::wire::frame::Tag;
use crate::wire::message::{Fault, Message, Round};
use crate::wire::secure::{Gate, Incoming, Outbound};

/// Updates longer than this wait for the master's credit, so that its memory stays bounded. Bytes.
pub const CREDIT_BYTES: u64 = 256 << 10;

/// How often either side says that it is still there.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// A peer silent for so long counts as lost.
pub const SILENCE: Duration = Duration::from_secs(30);

/// Everything a worker is told at its start.
#[derive(Clone)]
pub struct Setup {
    /// The job's number, on every message.
    pub job: u64,
    /// What opens the connection to the master.
    pub gate: Gate,
    /// Where the master is.
    pub master: Master,
    /// This worker's number, from 0.
    pub worker: u32,
    /// How many processes had this number before.
    pub incarnation: u32,
    /// This machine, as the cluster calls it.
    pub host: String,
    /// Threads for passes.
    pub cores: usize,
    /// `--seed`.
    pub seed: u64,
    /// The plan of the whole input.
    pub splits: Vec<Split>,
    /// How to read it.
    pub load: LoadOptions,
    /// Faults on order.
    pub faults: Script,
}

/// Runs a worker until the master says stop.
pub async fn run<A: Algorithm>(algorithm: A, setup: Setup) -> Result<(), WireError> {
    let setup = Arc::new(setup);
    let master = &setup.master;
    let (read, write) = call(&setup).await?;
    let (queue, outgoing) = mpsc::unbounded_channel();
    let writer = tokio::spawn(write_all(write, outgoing));
    let (orders, taken) = orders::channel();
    let tag = Tag { job: setup.job, attempt: master.attempt, lane: 0, pass: 0 };
    let mut desk = Desk { setup: setup.clone(), tag, queue, orders, credits: Credits::default(), done: 0 };
    let output = Output { queue: desk.queue.clone(), credits: desk.credits.clone(), tag };
    std::thread::Builder::new().name("compute".to_owned()).spawn(move || {
        let (queue, tag) = (output.queue.clone(), output.tag);
        // A panic in Default or Drop of the user's types: without a word the master would wait for ever.
        let work = || {
            Compute::new(algorithm, setup, output).run(&taken);
            Ok(())
        };
        if let Err(text) = guard(work) {
            let message = Message::Failed { fault: Fault::User, split: None, text };
            let _ = queue.send(Outgoing { tag, message, payload: None });
        }
    })?;
    desk.hello();
    let mut reader = Reader::new(read, tag.job);
    // A reader must not be cancelled between two reads, so it has a task of its own.
    let (inbox, mut messages) = mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            let next = reader.next().await;
            let ended = next.is_err();
            if inbox.send(next).await.is_err() || ended {
                return;
            }
        }
    });
    let mut beat = tokio::time::interval(HEARTBEAT);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            next = messages.recv() => {
                heard = Instant::now();
                let next = next.unwrap_or(Err(WireError::Order("the reader ended")))?;
                if !desk.take(next) {
                    break;
                }
            }
            _ = beat.tick() => {
                if heard.elapsed() > SILENCE {
                    return Err(WireError::Silent(SILENCE.as_secs()));
                }
                desk.tell(Message::Heartbeat { resident_bytes: resident_bytes() }, None);
            }
        }
    }
    drop(desk);
    // The compute thread holds the queue too; the process ends without waiting for it.
    writer.abort();
    Ok(())
}

/// Calls the master and proves itself to it; again for a while, since a master that is besieged by strangers may cut a worker
/// off with them.
async fn call(setup: &Setup) -> Result<(Incoming, Outbound), WireError> {
    let start = Instant::now();
    loop {
        let knock = async { setup.gate.connect(TcpStream::connect(&setup.master.address).await?).await };
        match knock.await {
            Err(WireError::Io(_) | WireError::Silent(_)) if start.elapsed() < SILENCE => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            outcome => return outcome,
        }
    }
}

/// Where the master's messages are sorted out.
struct Desk {
    setup: Arc<Setup>,
    tag: Tag,
    queue: UnboundedSender<Outgoing>,
    orders: orders::Sender<Order>,
    credits: Credits,
    /// The last pass replied to or being computed, for faults between passes.
    done: u32,
}

impl Desk {
    fn hello(&self) {
        let Setup { worker, incarnation, host, .. } = &*self.setup;
        let (worker, incarnation, host) = (*worker, *incarnation, host.clone());
        self.tell(Message::Hello { worker, incarnation, host, pid: std::process::id() }, None);
    }

    fn tell(&self, message: Message, payload: Option<Arc<Buffer>>) {
        // A closed queue means that the connection is gone; the reader says so.
        let _ = self.queue.send(Outgoing { tag: self.tag, message, payload });
    }

    /// False when the job is over.
    fn take(&mut self, Inbound { tag, message, payload }: Inbound) -> bool {
        match message {
            Message::Load { first, end } => {
                let _ = self.orders.send(Order::Load(first..end));
            }
            Message::State { kind, nodes, summary, .. } => {
                let Setup { worker, incarnation, faults, .. } = &*self.setup;
                if self.done > 0 && tag.pass != self.done {
                    faults.fire(*worker, *incarnation, Point::Step(self.done));
                }
                self.done = tag.pass;
                let round = Round { pass: tag.pass, kind };
                self.credits.begin(round);
                let _ = self.orders.send(Order::Round {
                    round,
                    nodes,
                    summary,
                    state: payload,
                    since: Instant::now(),
                });
            }
            Message::Credit { kind, node } => {
                let round = Round { pass: tag.pass, kind };
                if let Some((message, payload)) = self.credits.grant(round, node) {
                    let tag = Tag { pass: tag.pass, ..self.tag };
                    let _ = self.queue.send(Outgoing { tag, message, payload: Some(payload) });
                }
            }
            Message::Stop => return false,
            // Whatever else the master says is for later versions of the worker.
            _ => {}
        }
        true
    }
}

/// Resident bytes of this process, 0 where the system does not say.
pub fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.as_deref().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}
