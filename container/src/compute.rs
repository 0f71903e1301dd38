//! The computing half of a worker: loads splits, runs passes on its cores, merges along the tree.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, mpsc as orders};
use std::time::{Duration, Instant};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::algorithm::{Algorithm, At};
use crate::fault::{Action, Point, Target};
use crate::guard::guard;
use crate::load::Load;
use crate::merge_tree::{Node, Tree};
use crate::shelf::Shelf;
use crate::split::Split;
use crate::wire::message::{Fault, Loaded, PAYLOAD_CAP, Round, RoundKind, Summary};
use crate::wire::{Buffer, Wire};
use crate::worker::{Setup, resident_bytes};

/// What the computing thread is asked for.
pub(crate) enum Order {
    /// Load these splits; refuse them for want of room if they are adopted.
    Load(Range<u32>, bool),
    Unload(Range<u32>),
    Round(Task),
}

/// Nodes of a round to compute.
pub(crate) struct Task {
    pub(crate) round: Round,
    pub(crate) nodes: Vec<Node>,
    pub(crate) summary: Summary,
    pub(crate) state: Arc<Buffer>,
    pub(crate) digest: u128,
    pub(crate) since: Instant,
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
    shelf: Shelf,
    pool: Option<rayon::ThreadPool>,
    resident: BTreeMap<u32, Resident<A>>,
    /// Updates of the pass at hand, for faults.
    replies: (u32, u32),
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
    pub(crate) fn new(algorithm: A, setup: Arc<Setup>, shelf: Shelf) -> Self {
        // One core needs no pool: the thread itself passes, without a hand-over.
        let pool = (setup.cores > 1)
            .then(|| rayon::ThreadPoolBuilder::new().num_threads(setup.cores).build().ok())
            .flatten();
        Self { algorithm, setup, shelf, pool, resident: BTreeMap::new(), replies: (0, 0) }
    }

    /// Works off orders until nobody gives any.
    pub(crate) fn run(mut self, orders: &orders::Receiver<Order>) {
        let mut next = None;
        while let Some(order) = next.take().or_else(|| orders.recv().ok()) {
            let outcome = match order {
                Order::Load(splits, adopted) => self.load(splits, adopted),
                Order::Unload(splits) => {
                    self.resident.retain(|split, _| !splits.contains(split));
                    self.shelf.unloaded(splits);
                    Ok(())
                }
                Order::Round(task) => {
                    next = orders.try_recv().ok();
                    match &next {
                        // The master went on without this worker, which is late: it does not stay so.
                        Some(Order::Round(newer)) if newer.round != task.round => {
                            self.shelf.give_up(task.round, task.digest, &task.nodes);
                            Ok(())
                        }
                        _ => self.round(task),
                    }
                }
            };
            if let Err(Failure { fault, split, text }) = outcome {
                self.shelf.fail(fault, split, text);
            }
        }
    }

    fn load(&mut self, splits: Range<u32>, adopted: bool) -> Result<(), Failure> {
        self.fire(Point::Load);
        let (first, end) = (splits.start as usize, splits.end as usize);
        let Some(plan) = self.setup.splits.get(first..end) else {
            let text = format!("the master asks for splits {first}..{end} of {}", self.setup.splits.len());
            return Err(Failure { fault: Fault::System, split: None, text });
        };
        let missing: Vec<&Split> =
            plan.iter().filter(|split| !self.resident.contains_key(&split.number)).collect();
        if adopted {
            self.make_room(&missing)?;
        }
        let load = |split: &&Split| {
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
            self.shelf.loaded(loaded);
            Ok((split.number, Resident { data, local: Mutex::default() }))
        };
        let loaded: Result<Vec<_>, Failure> = match &self.pool {
            Some(pool) => pool.install(|| missing.into_par_iter().map(|split| load(&split)).collect()),
            None => missing.iter().map(load).collect(),
        };
        self.resident.extend(loaded?);
        Ok(())
    }

    /// Splits of a worker that did not come are refused rather than died of: what those that are here take says how much
    /// these will.
    fn make_room(&self, splits: &[&Split]) -> Result<(), Failure> {
        let Some(limit) = self.setup.memory else { return Ok(()) };
        let held = self.shelf.holding();
        let taken: u64 = held.iter().map(|loaded| loaded.resident_bytes).sum();
        let input = |split: &u32| self.setup.splits.get(*split as usize).map_or(0, Split::bytes);
        let read: u64 = held.iter().map(|loaded| input(&loaded.split)).sum();
        let bytes: u64 = splits.iter().map(|split| split.bytes()).sum();
        let more = (bytes as f64 * taken as f64 / read.max(1) as f64) as u64;
        let used = resident_bytes();
        if used.saturating_add(more) <= limit {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let text = format!(
            "{} more splits need about {} MiB, {} of {} MiB are in use",
            splits.len(),
            mib(more),
            mib(used),
            mib(limit)
        );
        Err(Failure { fault: Fault::NoRoom, split: splits.first().map(|split| split.number), text })
    }

    fn round(&mut self, Task { round, nodes, summary, state, digest, since }: Task) -> Result<(), Failure> {
        let system = |text: String| Failure { fault: Fault::System, split: None, text };
        if self.says(Action::Forget, Point::Pass(round.pass)) {
            self.resident.values_mut().for_each(|resident| resident.local = Mutex::default());
        }
        if self.replies.0 != round.pass {
            self.replies = (round.pass, 0);
        }
        let state = A::State::decode(&state).map_err(|error| system(error.to_string()))?;
        let tree = Tree::new(self.setup.splits.len() as u32);
        for node in nodes {
            let wanted = if tree.contains(node) { tree.splits(node) } else { 0..0 };
            if wanted.is_empty() || !wanted.clone().all(|split| self.resident.contains_key(&split)) {
                return Err(system(format!("the master asks for splits {wanted:?}, which are not all here")));
            }
            let scan = Scan { compute: self, tree, round, state: &state, summary: &summary };
            let update = match &self.pool {
                Some(pool) => pool.install(|| scan.reduce(node)),
                None => scan.reduce(node),
            }?;
            let payload = update.encode().map_err(|error| system(error.to_string()))?;
            if payload.len() as u64 > PAYLOAD_CAP {
                let bytes = payload.len();
                let text = format!(
                    "the update has {bytes} bytes, more than the 1 GiB that travel; keep it O(model)"
                );
                return Err(Failure { fault: Fault::User, split: None, text });
            }
            self.shelf.ready(round, digest, node, since.elapsed().as_nanos() as u64, payload);
            self.replies.1 += 1;
            self.fire(Point::After(round.pass, self.replies.1));
        }
        Ok(())
    }

    fn fire(&self, point: Point) {
        if self.setup.incarnation == 0 {
            self.setup.faults.fire(Target::Worker(self.setup.worker), point);
        }
    }

    fn says(&self, action: Action, point: Point) -> bool {
        let Setup { faults, worker, incarnation, .. } = &*self.setup;
        *incarnation == 0 && faults.says(action, Target::Worker(*worker), point)
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
        let resident = &self.compute.resident[&split];
        let at = At { pass: self.round.pass, split, seed: setup.seed, summary: self.summary };
        // Poisoned by a panic of the user's: the job is over anyway.
        let mut local = resident.local.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let start = Instant::now();
        let outcome = guard(|| match self.round.kind {
            RoundKind::Train => algorithm.pass(&resident.data, &mut local, self.state, &at),
            RoundKind::Evaluate => algorithm.evaluate(&resident.data, &mut local, self.state, &at),
        });
        let slowness = setup.faults.slowness(setup.worker);
        if setup.incarnation == 0 && slowness > 1.0 {
            // A pass over next to nothing has to be slow too.
            let took = start.elapsed().max(Duration::from_millis(1));
            std::thread::sleep(took.mul_f64(slowness - 1.0));
        }
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
