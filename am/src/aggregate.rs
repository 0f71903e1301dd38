//! The user's half of the master on a thread of its own: merges updates along the tree, steps, writes the model. Heartbeats go
//! on meanwhile, however long a step takes.

use std::sync::{Arc, mpsc};

use lapwing_container::algorithm::{Algorithm, Pass, RoundKind, Step};
use lapwing_container::guard::guard;
use lapwing_container::merge_tree::{Node, Partials, Tree};
use lapwing_container::wire::message::{PAYLOAD_CAP, Round, Summary};
use lapwing_container::wire::{Buffer, Wire, digest, recycle};
use tokio::sync::mpsc::UnboundedSender;

use crate::error::{Failure, Kind};
use crate::job::Job;
use crate::output;

/// What the aggregator is asked for.
#[derive(Debug)]
pub(crate) enum Request {
    /// Compute the first state.
    Initialise(Summary),
    /// Take in an update.
    Merge(Node, Buffer),
    /// Step from what came.
    Step {
        /// The round.
        round: Round,
        /// Splits that came.
        splits_covered: u32,
        /// Their rows.
        rows_covered: u64,
    },
    /// Write the model; the lines are the report's.
    Write(Vec<String>),
}

/// What it answers.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The first state.
    Initialised(Arc<Buffer>),
    /// A training pass is complete.
    Trained {
        /// The next state.
        state: Arc<Buffer>,
        /// Of the state that was broadcast.
        objective: f64,
        /// No further pass is needed.
        done: bool,
        /// Bytes of the merged update.
        update_bytes: u64,
        /// Of the next state.
        digest: String,
    },
    /// The final state was looked at.
    Scored(f64),
    /// The model is written, or there is nowhere to write it to; what the algorithm has to add to the summary.
    Written(Vec<(&'static str, f64)>),
    /// The job cannot go on.
    Failed(Failure),
}

/// Starts the aggregator's thread.
pub(crate) fn spawn<A: Algorithm>(
    algorithm: A,
    job: Arc<Job>,
    replies: UnboundedSender<Reply>,
) -> mpsc::Sender<Request> {
    let (requests, taken) = mpsc::channel();
    std::thread::spawn(move || {
        let work = guard(|| Ok(serve(algorithm, job, &taken, &replies)));
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
    requests: &mpsc::Receiver<Request>,
    replies: &UnboundedSender<Reply>,
) -> Result<(), Failure> {
    let tree = Tree::new(job.splits.len() as u32);
    let mut aggregator = Aggregator {
        algorithm,
        job,
        summary: Summary::default(),
        tree,
        state: None,
        memory: A::Memory::default(),
        partials: Partials::new(tree),
        last: None,
    };
    while let Ok(request) = requests.recv() {
        if let Some(reply) = aggregator.answer(request)? {
            let _ = replies.send(reply);
        }
    }
    Ok(())
}

struct Aggregator<A: Algorithm> {
    algorithm: A,
    job: Arc<Job>,
    summary: Summary,
    tree: Tree,
    state: Option<A::State>,
    memory: A::Memory,
    partials: Partials<A::Update>,
    /// The objective and rows of the pass before, for `--tolerance`.
    last: Option<(f64, u64)>,
}

impl<A: Algorithm> Aggregator<A> {
    fn answer(&mut self, request: Request) -> Result<Option<Reply>, Failure> {
        match request {
            Request::Initialise(summary) => {
                self.summary = summary;
                let state = guard(|| self.algorithm.init(&summary)).map_err(|text| user("init", &text))?;
                let encoded = encode(&state)?;
                self.state = Some(state);
                Ok(Some(Reply::Initialised(encoded)))
            }
            Request::Merge(node, payload) => {
                let update =
                    A::Update::decode(&payload).map_err(|error| Failure::cluster("an update", error));
                recycle(payload);
                let update = update?;
                let Self { algorithm, partials, .. } = self;
                guard(|| {
                    partials.insert(node, update, |into, other| algorithm.merge(into, other));
                    Ok(())
                })
                .map_err(|text| user("merge", &text))?;
                Ok(None)
            }
            Request::Step { round, splits_covered, rows_covered } => {
                self.step(round, splits_covered, rows_covered).map(Some)
            }
            Request::Write(report) => self.write(&report).map(|findings| Some(Reply::Written(findings))),
        }
    }

    fn step(&mut self, round: Round, splits_covered: u32, rows_covered: u64) -> Result<Reply, Failure> {
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
        };
        if round.kind == RoundKind::Evaluate {
            let objective = self.score(&state, update, &pass)?;
            self.state = Some(state);
            return Ok(Reply::Scored(objective));
        }
        let step = guard(|| self.algorithm.step(state, update, &mut self.memory, &pass));
        let Step { state, objective, done } = step.map_err(|text| user("step", &text))?;
        let encoded = encode(&state)?;
        self.state = Some(state);
        let done = done || self.converged(objective, rows_covered);
        let digest = digest(&encoded);
        Ok(Reply::Trained { state: encoded, objective, done, update_bytes, digest })
    }

    /// The objective of a state without changing anything: `step` works on copies.
    fn score(&self, state: &A::State, update: A::Update, pass: &Pass<'_>) -> Result<f64, Failure> {
        let copy = |error| Failure::cluster("a copy of the state", error);
        let state = A::State::decode(&state.encode().map_err(copy)?).map_err(copy)?;
        let mut memory = A::Memory::decode(&self.memory.encode().map_err(copy)?).map_err(copy)?;
        let step = guard(|| self.algorithm.step(state, update, &mut memory, pass));
        Ok(step.map_err(|text| user("step", &text))?.objective)
    }

    /// `--tolerance`: objectives of different coverage are not compared.
    fn converged(&mut self, objective: f64, rows: u64) -> bool {
        let last = self.last.replace((objective, rows));
        let (Some(tolerance), Some((before, covered))) = (self.job.tolerance, last) else { return false };
        let scale = before.abs().max(objective.abs()).max(f64::MIN_POSITIVE);
        covered == rows && (before - objective).abs() <= tolerance * scale
    }

    fn write(&self, report: &[String]) -> Result<Vec<(&'static str, f64)>, Failure> {
        let state = self.state.as_ref().expect("the model is written after the last step");
        let findings =
            guard(|| Ok(self.algorithm.findings(state))).map_err(|text| user("findings", &text))?;
        match &self.job.output {
            Some(directory) if self.job.predict.is_some() => output::commit(directory, &self.job)?,
            Some(directory) => {
                let model = guard(|| self.algorithm.model(state, &self.summary))
                    .map_err(|text| user("model", &text))?;
                output::write(directory, &self.job, &model, report)?;
            }
            None => {}
        }
        Ok(findings)
    }
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
