//! The user's half of the master on a thread of its own: merges updates along the tree, steps, writes the model. Heartbeats go
//! on meanwhile, however long a step takes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, mpsc};

use lapwing_container::algorithm::{Algorithm, OnLoss, Pass, RoundKind, Step};
use lapwing_container::fault::{Point, Target};
use lapwing_container::guard::guard;
use lapwing_container::merge_tree::{Node, Partials, Tree};
use lapwing_container::pieces::Pieces;
use lapwing_container::record::{Record, Snapshot};
use lapwing_container::wire::message::{PAYLOAD_CAP, Round, Summary};
use lapwing_container::wire::{Buffer, Wire, digest, recycle};
use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;

use crate::error::{Failure, Kind};
use crate::job::Job;
use crate::launcher::Lease;
use crate::report::{JobReport, finite};
use crate::tolerance::{comparable_rows, converged};
use crate::{checkpoint, output};

/// Beside state and memory a record has the report's lines. Bytes.
const REST_OF_RECORD: u64 = 64 << 20;

/// What the aggregator is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    /// Compute the first state, or take that of a checkpoint if the job goes on from one.
    Initialise(Summary),
    /// Take over the snapshot that a worker has kept.
    Restore(Buffer),
    /// Take in an update.
    Merge(Node, Buffer),
    /// Take in what a node sent last.
    Reuse(Node),
    /// Step from what came.
    Step {
        /// The round.
        round: Round,
        /// Splits that came.
        splits_covered: u32,
        /// Their rows.
        rows_covered: u64,
        /// Splits for which an update of an earlier pass stands in.
        splits_stale: u32,
        /// Their rows.
        rows_stale: u64,
    },
    /// Write the model; the lines are the report's, and the summary lacks what the algorithm has to add.
    Write(Vec<String>, Box<JobReport>),
}

/// What it answers.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The first state.
    Initialised(Begun),
    /// The state of a round from before, and the rest of what was known then.
    Restored(Begun, Box<Record>),
    /// The memory that was not yet there when a round began is.
    Remembered,
    /// An update is merged.
    Merged,
    /// A training pass is complete.
    Trained {
        /// The next state.
        next: Begun,
        /// Of the state that was broadcast.
        objective: f64,
        /// No further pass is needed.
        done: bool,
        /// Bytes of the merged update.
        update_bytes: u64,
        /// What the algorithm has to add to the report's line.
        observed: Map<String, Value>,
    },
    /// The final state was looked at.
    Scored(f64, Map<String, Value>),
    /// The model is written, or there is nowhere to write it to; what the algorithm has to add to the summary.
    Written(Map<String, Value>),
    /// The job cannot go on.
    Failed(Failure),
}

/// What a round begins with.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The state.
    pub(crate) state: Arc<Buffer>,
    /// Of the state.
    pub(crate) digest: u128,
    /// The algorithm's memory, encoded: a little later than the state, which the workers wait for.
    pub(crate) memory: Arc<OnceLock<Pieces>>,
    /// Objective and rows covered of the pass before.
    pub(crate) last: Option<(f64, u64)>,
}

/// Starts the aggregator's thread.
pub(crate) fn spawn<A: Algorithm>(
    algorithm: A,
    job: Arc<Job>,
    attempt: u32,
    lease: Arc<Lease>,
    replies: UnboundedSender<Reply>,
) -> mpsc::Sender<Request> {
    let (requests, taken) = mpsc::channel();
    std::thread::spawn(move || {
        let work = guard(|| Ok(serve(algorithm, job, attempt, lease, &taken, &replies)));
        // A panic in Default or Drop of the user's types: without a word the driver would wait for ever.
        let failure = match work {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => failure,
            Err(text) => Failure::new(Kind::User, format!("the algorithm failed in the master: {text}")),
        };
        let _ = replies.send(Reply::Failed(failure));
    });
    requests
}

/// Answers until nobody asks any more.
fn serve<A: Algorithm>(
    algorithm: A,
    job: Arc<Job>,
    attempt: u32,
    lease: Arc<Lease>,
    requests: &mpsc::Receiver<Request>,
    replies: &UnboundedSender<Reply>,
) -> Result<(), Failure> {
    let tree = Tree::new(job.splits.len() as u32);
    let mut aggregator = Aggregator {
        algorithm,
        job,
        attempt,
        lease,
        summary: Summary::default(),
        tree,
        state: None,
        memory: A::Memory::default(),
        pieces: Pieces::default(),
        unwritten: None,
        partials: Partials::new(tree),
        recent: BTreeMap::new(),
        last: None,
    };
    while let Ok(request) = requests.recv() {
        if let Some(reply) = aggregator.answer(request)? {
            let _ = replies.send(reply);
        }
        if aggregator.remember()? {
            let _ = replies.send(Reply::Remembered);
        }
    }
    Ok(())
}

struct Aggregator<A: Algorithm> {
    algorithm: A,
    job: Arc<Job>,
    attempt: u32,
    lease: Arc<Lease>,
    summary: Summary,
    tree: Tree,
    state: Option<A::State>,
    memory: A::Memory,
    /// The memory as it was last encoded.
    pieces: Pieces,
    /// Where the memory is to be put when it is encoded, and the bytes of the state beside it.
    unwritten: Option<(Arc<OnceLock<Pieces>>, usize)>,
    partials: Partials<A::Update>,
    /// Under `approximate`, what each node sent last: it is all of this that the master has to have room for.
    recent: BTreeMap<Node, Buffer>,
    /// The objective and rows of the pass before, for `--tolerance`.
    last: Option<(f64, u64)>,
}

impl<A: Algorithm> Aggregator<A> {
    fn answer(&mut self, request: Request) -> Result<Option<Reply>, Failure> {
        match request {
            Request::Initialise(summary) => {
                self.summary = summary;
                if let Some(snapshot) = checkpoint::newest(&self.job, self.attempt)? {
                    return self.restore(snapshot).map(Some);
                }
                let state = guard(|| self.algorithm.init(&summary)).map_err(|text| user("init", &text))?;
                let encoded = encode(&state)?;
                self.state = Some(state);
                Ok(Some(Reply::Initialised(self.begun(encoded))))
            }
            Request::Restore(bytes) => {
                let snapshot = Snapshot::decode(&bytes);
                let snapshot = snapshot.map_err(|error| Failure::cluster("what a worker kept", error))?;
                self.restore(snapshot).map(Some)
            }
            Request::Merge(node, payload) => {
                self.merge(node, &payload)?;
                if self.job.on_loss == OnLoss::Approximate {
                    self.recent.insert(node, payload);
                } else {
                    recycle(payload);
                }
                Ok(Some(Reply::Merged))
            }
            Request::Reuse(node) => {
                if let Some(payload) = self.recent.remove(&node) {
                    self.merge(node, &payload)?;
                    self.recent.insert(node, payload);
                }
                Ok(None)
            }
            Request::Step { round, splits_covered, rows_covered, splits_stale, rows_stale } => {
                let (splits, rows) = (splits_covered + splits_stale, rows_covered + rows_stale);
                self.step(round, splits, rows, rows_stale).map(Some)
            }
            Request::Write(lines, report) => {
                self.write(&lines, *report).map(|findings| Some(Reply::Written(findings)))
            }
        }
    }

    /// Puts the job back to where a snapshot was taken.
    fn restore(&mut self, Snapshot { state, record }: Snapshot) -> Result<Reply, Failure> {
        let failed = |error| Failure::cluster("the state from before", error);
        let state = aligned(&state);
        self.state = Some(A::State::decode(&state).map_err(failed)?);
        self.memory = A::Memory::decode(&aligned(&record.memory)).map_err(failed)?;
        (self.summary, self.last) = (record.summary, record.last);
        let begun = self.begun(Arc::new(state));
        Ok(Reply::Restored(begun, Box::new(record)))
    }

    fn begun(&mut self, state: Arc<Buffer>) -> Begun {
        let (memory, _) = self.unwritten.insert((Arc::default(), state.len())).clone();
        Begun { digest: digest(&state), state, memory, last: self.last }
    }

    /// Encodes the memory if a round began without it.
    fn remember(&mut self) -> Result<bool, Failure> {
        let Some((slot, state)) = self.unwritten.take() else { return Ok(false) };
        let memory = self.memory.encode().map_err(|error| Failure::cluster("the memory", error))?;
        check_kept(state, memory.len())?;
        self.pieces = Pieces::cut(&memory, &self.pieces);
        recycle(memory);
        let _ = slot.set(self.pieces.clone());
        Ok(true)
    }

    fn merge(&mut self, node: Node, payload: &Buffer) -> Result<(), Failure> {
        let update = A::Update::decode(payload).map_err(|error| Failure::cluster("an update", error))?;
        let Self { algorithm, partials, .. } = self;
        let merged = guard(|| {
            partials.insert(node, update, |into, other| algorithm.merge(into, other));
            Ok(())
        });
        merged.map_err(|text| user("merge", &text))
    }

    fn step(
        &mut self,
        round: Round,
        splits_covered: u32,
        rows_covered: u64,
        rows_stale: u64,
    ) -> Result<Reply, Failure> {
        self.fire(Point::Step(round.pass));
        let partials = std::mem::replace(&mut self.partials, Partials::new(self.tree));
        let algorithm = &self.algorithm;
        let update = guard(|| Ok(partials.finish(|into, other| algorithm.merge(into, other))));
        let update = update.map_err(|text| user("merge", &text))?;
        let update = update.ok_or_else(|| Failure::new(Kind::Cluster, "a round ended without any update"))?;
        let update_bytes = update.encoded_len().map_err(|error| Failure::cluster("the update", error))?;
        let state = self.state.take().expect("a step follows init");
        let pass = Pass {
            number: round.pass,
            kind: round.kind,
            summary: &self.summary,
            splits_covered,
            rows_covered,
            rows_stale,
        };
        let comparable = comparable_rows(&pass);
        if round.kind == RoundKind::Evaluate {
            let (objective, observed) = self.score(&state, update, &pass)?;
            self.state = Some(state);
            return Ok(Reply::Scored(objective, observed));
        }
        let step = guard(|| self.algorithm.step(state, update, &mut self.memory, &pass));
        let Step { state, objective, done } = step.map_err(|text| user("step", &text))?;
        let encoded = encode(&state)?;
        let observed = guard(|| Ok(self.algorithm.observe(&state))).map_err(|text| user("observe", &text))?;
        self.state = Some(state);
        let last = self.last.replace((objective, comparable));
        let done = done || converged(self.tolerance(), last, (objective, comparable));
        Ok(Reply::Trained { next: self.begun(encoded), objective, done, update_bytes, observed })
    }

    /// The objective of a state without changing anything: `step` works on copies.
    fn score(
        &self,
        state: &A::State,
        update: A::Update,
        pass: &Pass<'_>,
    ) -> Result<(f64, Map<String, Value>), Failure> {
        let copy = |error| Failure::cluster("a copy of the state", error);
        let state = A::State::decode(&state.encode().map_err(copy)?).map_err(copy)?;
        let mut memory = A::Memory::decode(&self.memory.encode().map_err(copy)?).map_err(copy)?;
        let step = guard(|| self.algorithm.step(state, update, &mut memory, pass));
        let step = step.map_err(|text| user("step", &text))?;
        let observed = guard(|| Ok(self.algorithm.observe(&step.state)));
        Ok((step.objective, observed.map_err(|text| user("observe", &text))?))
    }

    /// A sweep looks after its lanes' convergence itself.
    fn tolerance(&self) -> Option<f64> {
        self.job.tolerance.filter(|_| !self.job.has_lanes())
    }

    fn write(&self, lines: &[String], mut report: JobReport) -> Result<Map<String, Value>, Failure> {
        let state = self.state.as_ref().expect("the model is written after the last step");
        let findings =
            guard(|| Ok(self.algorithm.findings(state))).map_err(|text| user("findings", &text))?;
        let entry = |(name, value): (&str, f64)| (name.to_owned(), Value::from(finite(value)));
        let findings: Map<_, _> = findings.into_iter().map(entry).collect();
        report.extra.extend(findings.clone());
        let Some(directory) = &self.job.output else { return Ok(findings) };
        if self.job.predict.is_none() {
            let models = guard(|| self.algorithm.models(state, &self.summary));
            let models = models.map_err(|text| user("model", &text))?;
            if models.is_empty() {
                let model = guard(|| self.algorithm.model(state, &self.summary));
                let model = model.map_err(|text| user("model", &text))?;
                output::check_finite(&model)?;
                output::write(directory, &self.job, &model, lines)?;
            } else {
                output::write_all(directory, &self.job, &models, lines)?;
            }
        }
        output::sign(directory, &self.job, &report)?;
        self.fire(Point::Output);
        if !self.lease.holds() {
            let text =
                "the ResourceManager has not been heard of for so long that another master may be at work";
            return Err(Failure::new(Kind::Lost, text));
        }
        output::commit(directory, &self.job)?;
        checkpoint::remove(&self.job);
        Ok(findings)
    }

    fn fire(&self, point: Point) {
        if self.attempt == 1 {
            self.job.faults.fire(Target::Master, point);
        }
    }
}

/// Workers keep state and memory for the next master, which gets them as one message.
fn check_kept(state: usize, memory: usize) -> Result<(), Failure> {
    let bytes = (state + memory) as u64;
    if bytes <= PAYLOAD_CAP - REST_OF_RECORD {
        return Ok(());
    }
    let text = format!(
        "state and memory have {state} and {memory} bytes: together that is more than the gibibyte that travels to the workers which keep them, and to the master after this one"
    );
    Err(Failure::new(Kind::User, text))
}

/// A copy of bytes that were part of something else, where a value can be read from.
fn aligned(bytes: &[u8]) -> Buffer {
    let mut buffer = Buffer::new();
    buffer.extend_from_slice(bytes);
    buffer
}

fn encode<T: Wire>(value: &T) -> Result<Arc<Buffer>, Failure> {
    let bytes = value.encode().map_err(|error| Failure::cluster("the state", error))?;
    if bytes.len() as u64 > PAYLOAD_CAP {
        let text = format!(
            "the state has {} bytes, more than the {PAYLOAD_CAP} that travel: is there a column index far too high? See --columns",
            bytes.len()
        );
        return Err(Failure::new(Kind::User, text));
    }
    Ok(Arc::new(bytes))
}

fn user(method: &str, text: &str) -> Failure {
    Failure::new(Kind::User, format!("the algorithm failed in {method}: {text}"))
}
