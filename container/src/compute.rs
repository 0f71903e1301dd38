//! The computing half of a worker: loads splits, runs passes on its cores, merges along the tree.

use std::ops::Range;
use std::sync::{Arc, Mutex, mpsc as orders};
use std::time::Instant;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use tokio::sync::mpsc::UnboundedSender;

use crate::algorithm::{Algorithm, At};
use crate::credit::Credits;
use crate::fault::Point;
use crate::guard::guard;
use crate::load::Load;
use crate::merge_tree::{Node, Tree};
use crate::wire::connection::Outgoing;
use crate::wire::frame::Tag;
use crate::wire::message::{Fault, Loaded, Message, Round, RoundKind, Summary};
use crate::wire::{Buffer, Wire, recycle};
use crate::worker::{CREDIT_BYTES, Setup};

/// What the computing thread is asked for.
pub(crate) enum Order {
    Load(Range<u32>),
    Round { round: Round, nodes: Vec<Node>, summary: Summary, state: Buffer, since: Instant },
}

/// Where results go.
pub(crate) struct Output {
    pub(crate) queue: UnboundedSender<Outgoing>,
    pub(crate) credits: Credits,
    pub(crate) tag: Tag,
}

/// Something that ends the job or this worker.
struct Failure {
    fault: Fault,
    split: Option<u32>,
    text: String,
}

/// One split in memory.
struct Resident<A: Algorithm> {
    data: A::Data,
    local: Mutex<A::Local>,
}

/// The resident splits and the threads that pass over them.
pub(crate) struct Compute<A: Algorithm> {
    algorithm: A,
    setup: Arc<Setup>,
    output: Output,
    pool: Option<rayon::ThreadPool>,
    first: u32,
    resident: Vec<Resident<A>>,
}

/// What stays the same during one round.
struct Scan<'a, A: Algorithm> {
    compute: &'a Compute<A>,
    tree: Tree,
    round: Round,
    state: &'a A::State,
    summary: &'a Summary,
}

impl<A: Algorithm> Compute<A> {
    pub(crate) fn new(algorithm: A, setup: Arc<Setup>, output: Output) -> Self {
        // One core needs no pool: the thread itself passes, without a hand-over.
        let pool = (setup.cores > 1)
            .then(|| rayon::ThreadPoolBuilder::new().num_threads(setup.cores).build().ok())
            .flatten();
        Self { algorithm, setup, output, pool, first: 0, resident: Vec::new() }
    }

    /// Works off orders until nobody gives any.
    pub(crate) fn run(mut self, orders: &orders::Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            let outcome = match order {
                Order::Load(splits) => self.load(splits),
                Order::Round { round, nodes, summary, state, since } => {
                    self.round(round, &nodes, &summary, state, since)
                }
            };
            if let Err(Failure { fault, split, text }) = outcome {
                self.tell(0, Message::Failed { fault, split, text }, None);
            }
        }
    }

    fn load(&mut self, splits: Range<u32>) -> Result<(), Failure> {
        self.fire(Point::Load);
        let (first, end) = (splits.start as usize, splits.end as usize);
        let Some(plan) = self.setup.splits.get(first..end) else {
            let text = format!("the master asks for splits {first}..{end} of {}", self.setup.splits.len());
            return Err(Failure { fault: Fault::System, split: None, text });
        };
        let load = |split: &crate::split::Split| {
            let start = Instant::now();
            let (data, shape) = guard_load::<A>(split, &self.setup)?;
            let loaded = Loaded {
                split: split.number,
                rows: shape.rows,
                columns: shape.columns,
                stored: shape.stored,
                resident_bytes: shape.resident_bytes,
                bytes_read: shape.bytes_read,
                nanos: start.elapsed().as_nanos() as u64,
            };
            self.tell(0, Message::Loaded { split: loaded }, None);
            Ok(Resident { data, local: Mutex::default() })
        };
        let resident: Result<Vec<_>, Failure> = match &self.pool {
            Some(pool) => pool.install(|| plan.into_par_iter().map(load).collect()),
            None => plan.iter().map(load).collect(),
        };
        self.resident = resident?;
        self.first = splits.start;
        Ok(())
    }

    fn round(
        &mut self,
        round: Round,
        nodes: &[Node],
        summary: &Summary,
        state: Buffer,
        since: Instant,
    ) -> Result<(), Failure> {
        let system = |text: String| Failure { fault: Fault::System, split: None, text };
        let decoded = A::State::decode(&state).map_err(|error| system(error.to_string()));
        recycle(state);
        let state = decoded?;
        let tree = Tree::new(self.setup.splits.len() as u32);
        let held = self.first..self.first + self.resident.len() as u32;
        let scan = Scan { compute: self, tree, round, state: &state, summary };
        for &node in nodes {
            let wanted = if tree.contains(node) { tree.splits(node) } else { u32::MAX..u32::MAX };
            if wanted.start < held.start || wanted.end > held.end {
                return Err(system(format!("the master asks for splits {wanted:?}; {held:?} are here")));
            }
            let update = match &self.pool {
                Some(pool) => pool.install(|| scan.reduce(node)),
                None => scan.reduce(node),
            }?;
            let payload = update.encode().map_err(|error| system(error.to_string()))?;
            self.reply(round, node, since, payload)?;
        }
        Ok(())
    }

    /// Sends an update, or keeps a large one until the master has room for it.
    fn reply(&self, round: Round, node: Node, since: Instant, payload: Buffer) -> Result<(), Failure> {
        let bytes = payload.len() as u64;
        if bytes > crate::wire::message::PAYLOAD_CAP {
            let text =
                format!("the update has {bytes} bytes, more than the 1 GiB that travel; keep it O(model)");
            return Err(Failure { fault: Fault::User, split: None, text });
        }
        let nanos = since.elapsed().as_nanos() as u64;
        let update = Message::Update { kind: round.kind, node, nanos, payload: bytes };
        let payload = Arc::new(payload);
        if bytes <= CREDIT_BYTES {
            self.tell(round.pass, update, Some(payload));
        } else if let Some((update, payload)) = self.output.credits.ready(round, node, (update, payload)) {
            self.tell(round.pass, update, Some(payload));
        } else {
            self.tell(round.pass, Message::Offer { kind: round.kind, node, bytes }, None);
        }
        Ok(())
    }

    fn tell(&self, pass: u32, message: Message, payload: Option<Arc<Buffer>>) {
        let _ = self.output.queue.send(Outgoing { tag: Tag { pass, ..self.output.tag }, message, payload });
    }

    fn fire(&self, point: Point) {
        self.setup.faults.fire(self.setup.worker, self.setup.incarnation, point);
    }
}

impl<A: Algorithm> Scan<'_, A> {
    /// The update over all splits of a node: the recursion is the merge tree, so the order of merges is too.
    fn reduce(&self, node: Node) -> Result<A::Update, Failure> {
        if node.level == 0 {
            return self.pass(node.index);
        }
        let (left, right) = self.tree.children(node);
        let Some(right) = right else { return self.reduce(left) };
        let (left, right) = if self.compute.pool.is_some() {
            rayon::join(|| self.reduce(left), || self.reduce(right))
        } else {
            (self.reduce(left), self.reduce(right))
        };
        let (mut update, right) = (left?, right?);
        guard(|| {
            self.compute.algorithm.merge(&mut update, right);
            Ok(())
        })
        .map_err(|text| Failure {
            fault: Fault::User,
            split: None,
            text: format!("in merge: {text}"),
        })?;
        Ok(update)
    }

    fn pass(&self, split: u32) -> Result<A::Update, Failure> {
        let Compute { algorithm, setup, .. } = self.compute;
        self.compute.fire(Point::Pass(self.round.pass));
        let resident = &self.compute.resident[(split - self.compute.first) as usize];
        let at = At { pass: self.round.pass, split, seed: setup.seed, summary: self.summary };
        // Poisoned by a panic of the user's: the job is over anyway.
        let mut local = resident.local.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let outcome = guard(|| match self.round.kind {
            RoundKind::Train => algorithm.pass(&resident.data, &mut local, self.state, &at),
            RoundKind::Evaluate => algorithm.evaluate(&resident.data, &mut local, self.state, &at),
        });
        outcome.map_err(|text| Failure { fault: Fault::User, split: Some(split), text })
    }
}

/// A loader may be the user's own, so it is guarded like the rest of his code.
fn guard_load<A: Algorithm>(
    split: &crate::split::Split,
    setup: &Setup,
) -> Result<(A::Data, crate::load::Shape), Failure> {
    let failure = |fault, text| Failure { fault, split: Some(split.number), text };
    match guard(|| Ok(A::Data::load(split, &setup.load))) {
        Ok(Ok(loaded)) => Ok(loaded),
        Ok(Err(error)) if error.is_bad_input() => Err(failure(Fault::BadInput, error.to_string())),
        Ok(Err(error)) => Err(failure(Fault::System, error.to_string())),
        Err(text) => Err(failure(Fault::User, text)),
    }
}
