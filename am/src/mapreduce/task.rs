//! A map or a reduce task: this program as Hadoop Streaming starts it, with its work in the environment.
//!
//! A map task loads its split (rows from standard input, or ranges read here), runs one pass and emits one record. The reduce
//! task merges the records along the fixed tree and leaves the merged update in HDFS, by rename: what Streaming would do with
//! bytes on standard output is another encoding and another copy. What is the user's fault is written beside it, so that the
//! client ends the job at once; anything else is an attempt that MapReduce repeats.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::ExitCode;
use std::time::Instant;

use lapwing_container::algorithm::{Algorithm, At, RoundKind};
use lapwing_container::error::LoadError;
use lapwing_container::fault::{self, Target};
use lapwing_container::files::Files;
use lapwing_container::guard::guard;
use lapwing_container::load::{Load, Shape};
use lapwing_container::merge_tree::{Node, Partials, Tree};
use lapwing_container::source::STDIN;
use lapwing_container::split::{Range, Split};
use lapwing_container::wire::message::{Loaded, Round, Summary};
use lapwing_container::wire::{Buffer, Wire};
use serde::{Deserialize, Serialize};

use super::feed::{self, Feed};
use super::records::{self, Emitted, Harvest, Note};
use crate::error::{Failure, Kind, log};
use crate::job::{Job, Point};
use crate::wrap::{Play, wrapped};

/// Variable with the work of a task: `load`, `train:3` or `evaluate:21`.
pub(crate) const WORK: &str = "LAPWING_MAPREDUCE";
/// The unpacked archive in a task's folder, and the file of the job in it.
pub(crate) const FOLDER: &str = "lapwing";
/// See [`Staged`].
pub(crate) const STAGED: &str = "mapreduce.json";
/// The state's name in a task's folder.
pub(crate) const STATE: &str = "state";
/// What failures of the user's begin with in the staging directory.
pub(crate) const FAILED: &str = "failed-";
/// The harvest's name in the staging directory.
pub(crate) const HARVEST: &str = "harvest";

/// What every task of a job reads.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Staged {
    pub(crate) job: Job,
    /// The command line, the program's name first.
    pub(crate) arguments: Vec<String>,
    pub(crate) feed: Feed,
    /// The job's folder in HDFS.
    pub(crate) staging: String,
}

/// The state of a round, with the summary of the input that passes are told.
pub(crate) type Broadcast = (Summary, Vec<u8>);

/// What a MapReduce job is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Looking at the input: rows and columns.
    Load,
    /// A round.
    Round(Round),
}

/// A task's work and what it was given.
pub(crate) struct Task {
    pub(crate) staged: Staged,
    work: Work,
    /// Such as `attempt_1795460676170_0001_m_000002_0`.
    attempt: String,
}

impl Work {
    /// As it stands in the environment.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Load => "load".to_owned(),
            Self::Round(Round { pass, kind: RoundKind::Train }) => format!("train:{pass}"),
            Self::Round(Round { pass, kind: RoundKind::Evaluate }) => format!("evaluate:{pass}"),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        if word == "load" {
            return Some(Self::Load);
        }
        let (kind, pass) = word.split_once(':')?;
        let kind = match kind {
            "train" => RoundKind::Train,
            "evaluate" => RoundKind::Evaluate,
            _ => return None,
        };
        Some(Self::Round(Round { pass: pass.parse().ok()?, kind }))
    }
}

impl Play for &Task {
    type Done = ExitCode;

    fn job(&self) -> &Job {
        &self.staged.job
    }

    fn play<A: Algorithm>(self, algorithm: A) -> Result<ExitCode, Failure> {
        self.serve(&algorithm)
    }
}

impl Task {
    /// As the environment says; none for any other process.
    pub(crate) fn of_process() -> Result<Option<Self>, Failure> {
        let Ok(word) = std::env::var(WORK) else { return Ok(None) };
        let work = Work::parse(&word).ok_or_else(|| {
            Failure::cluster(format!("the variable {WORK}"), format!("{word:?} is no work"))
        })?;
        let path = format!("{FOLDER}/{STAGED}");
        let bytes = std::fs::read(&path).map_err(|error| Failure::cluster(&path, error))?;
        let staged = serde_json::from_slice(&bytes).map_err(|error| Failure::cluster(&path, error))?;
        Ok(Some(Self { staged, work, attempt: variable("mapreduce_task_attempt_id")? }))
    }

    /// Does the work.
    pub(crate) fn run<A: Algorithm>(
        self,
        algorithm: A,
        points: Vec<(Point, A)>,
    ) -> Result<ExitCode, Failure> {
        wrapped(algorithm, points, &self)
    }

    fn serve<A: Algorithm>(&self, algorithm: &A) -> Result<ExitCode, Failure> {
        let done = match variable("mapreduce_task_ismap")?.as_str() {
            "true" => self.map(algorithm),
            _ => self.reduce(algorithm),
        };
        if let Err(failure) = &done
            && matches!(failure.kind, Kind::Input | Kind::User)
        {
            let text = serde_json::to_vec(failure).expect("a failure is plain data");
            let name = format!("{FAILED}{}", self.attempt);
            // Without the file MapReduce tries in vain a few times more.
            if let Err(error) = self.leave(&name, &text) {
                log(&format!("{name} could not be written: {error}"));
            }
        }
        done.map(|()| ExitCode::SUCCESS)
    }

    fn map<A: Algorithm>(&self, algorithm: &A) -> Result<(), Failure> {
        let Staged { job, feed, .. } = &self.staged;
        let mut records = own_stdout().map_err(|error| Failure::cluster("standard output", error))?;
        let split = self.split()?;
        let number = self.attempt.rsplit('_').next().and_then(|number| number.parse().ok());
        let attempt: u32 = number.ok_or_else(|| Failure::cluster("the attempt's name", &self.attempt))?;
        let fire = |point| {
            if attempt == 0 {
                job.faults.fire(Target::Worker(split.number), point);
            }
        };
        fire(fault::Point::Load);
        let start = Instant::now();
        let (data, shape) = match feed {
            Feed::Hadoop { .. } => load_rows::<A>(split, job)?,
            Feed::Task => load::<A>(split, job)?,
        };
        let loaded = Loaded {
            split: split.number,
            rows: shape.rows,
            columns: shape.columns,
            stored: shape.stored,
            resident_bytes: shape.resident_bytes,
            bytes_read: shape.bytes_read,
            nanos: start.elapsed().as_nanos() as u64,
        };
        let mut note = Note { loaded, attempt, pass_nanos: 0 };
        let mut update = Vec::new();
        if let Work::Round(round) = self.work {
            fire(fault::Point::Pass(round.pass));
            let (summary, state) = broadcast::<A>()?;
            let start = Instant::now();
            let at = At { pass: round.pass, split: split.number, seed: job.seed, summary: &summary };
            let mut local = A::Local::default();
            let outcome = guard(|| match round.kind {
                RoundKind::Train => algorithm.pass(&data, &mut local, &state, &at),
                RoundKind::Evaluate => algorithm.evaluate(&data, &mut local, &state, &at),
            });
            let place = format!("the algorithm failed in split {}", split.number);
            let outcome = outcome.map_err(|text| Failure::new(Kind::User, format!("{place}: {text}")))?;
            note.pass_nanos = start.elapsed().as_nanos() as u64;
            update = encode(&outcome)?;
        }
        let emitted: Emitted = (note, update);
        let value = emitted.encode().map_err(|error| Failure::cluster("the update", error))?;
        let written = records::write(&mut records, split.number, &value);
        written.map_err(|error| Failure::cluster("the update", error))
    }

    /// The split that this task is for.
    fn split(&self) -> Result<&Split, Failure> {
        let Staged { job, feed, .. } = &self.staged;
        let found = match feed {
            Feed::Hadoop { .. } => {
                let file = variable("mapreduce_map_input_file")?;
                let start = variable("mapreduce_map_input_start")?;
                let place = start.parse().ok().and_then(|start| feed::find(&job.splits, &file, start));
                place.ok_or_else(|| format!("byte {start} of {file} begins no split of the plan"))
            }
            Feed::Task => {
                let mut line = String::new();
                let read = BufReader::new(std::io::stdin().lock().take(64)).read_line(&mut line);
                read.map_err(|error| Failure::cluster("the split's number", error))?;
                let number = line.trim().parse().ok();
                let place = number.and_then(|number: usize| job.splits.get(number));
                place.ok_or_else(|| format!("{line:?} is no split's number"))
            }
        };
        found.map_err(|text| Failure::cluster("the task's split", text))
    }

    fn reduce<A: Algorithm>(&self, algorithm: &A) -> Result<(), Failure> {
        let broken = |error: &dyn std::fmt::Display| Failure::cluster("the map tasks' records", error);
        let splits = self.staged.job.splits.len() as u32;
        let tree = Tree::new(splits);
        let (mut partials, mut notes) = (Partials::new(tree), Vec::new());
        let mut input = BufReader::with_capacity(256 << 10, std::io::stdin().lock());
        while let Some((split, value)) = records::read(&mut input).map_err(|error| broken(&error))? {
            let (note, update): Emitted = Emitted::decode(&value).map_err(|error| broken(&error))?;
            if split != notes.len() as u32 || note.loaded.split != split {
                return Err(broken(&format!("split {split} came where split {} was to come", notes.len())));
            }
            notes.push(note);
            if let Work::Round(_) = self.work {
                let update = A::Update::decode(&aligned(&update)).map_err(|error| broken(&error))?;
                let node = Node { level: 0, index: split };
                in_merge(|| partials.insert(node, update, |into, other| algorithm.merge(into, other)))?;
            }
        }
        if notes.len() as u32 != splits {
            return Err(broken(&format!("{} of {splits} splits came", notes.len())));
        }
        let merged = in_merge(|| partials.finish(|into, other| algorithm.merge(into, other)))?;
        let harvest: Harvest = (notes, merged.as_ref().map_or(Ok(Vec::new()), encode)?);
        let bytes = harvest.encode().map_err(|error| Failure::cluster("the merged update", error))?;
        self.leave(HARVEST, &bytes).map_err(|error| Failure::cluster("writing the merged update", error))
    }

    /// Writes a file to the job's folder in HDFS, whole or not at all: another attempt may be writing it too.
    fn leave(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let (files, folder) = Files::of(&self.staged.staging)?;
        let temporary = format!("{folder}/_{name}.{}", self.attempt);
        files.write(&temporary, bytes, 0o600)?;
        files.rename(&temporary, &format!("{folder}/{name}"))
    }
}

/// Standard output for the records alone; what user code prints there goes where messages go.
fn own_stdout() -> std::io::Result<File> {
    let own = rustix::io::dup(std::io::stdout())?;
    rustix::stdio::dup2_stdout(std::io::stderr())?;
    Ok(File::from(own))
}

/// Loads a split from the rows that Hadoop reads. Where they cannot be loaded, the split is read here once more: the error
/// then names the line as the file has it, and a loader of the user's own that reads no lines finds its ranges.
fn load_rows<A: Algorithm>(split: &Split, job: &Job) -> Result<(A::Data, Shape), Failure> {
    let range = Range { path: STDIN.to_owned(), ..split.ranges[0].clone() };
    let rows = Split { number: split.number, ranges: vec![range] };
    let loaded = guard(|| Ok(A::Data::load(&rows, &job.load)));
    // Streaming fails if nobody reads what it writes.
    let rest = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
    match (loaded, rest) {
        (Ok(Ok(loaded)), Ok(0)) => Ok(loaded),
        _ => load::<A>(split, job),
    }
}

fn load<A: Algorithm>(split: &Split, job: &Job) -> Result<(A::Data, Shape), Failure> {
    match guard(|| Ok(A::Data::load(split, &job.load))) {
        Ok(outcome) => outcome.map_err(|error: LoadError| {
            let kind = if error.is_bad_input() { Kind::Input } else { Kind::Cluster };
            Failure::new(kind, error.to_string())
        }),
        Err(text) => {
            Err(Failure::new(Kind::User, format!("the algorithm failed in split {}: {text}", split.number)))
        }
    }
}

/// The summary and the state, as the distributed cache has brought them.
fn broadcast<A: Algorithm>() -> Result<(Summary, A::State), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::cluster("the state", error);
    let bytes = std::fs::read(STATE).map_err(|error| failed(&error))?;
    let (summary, state): Broadcast = Broadcast::decode(&aligned(&bytes)).map_err(|error| failed(&error))?;
    let state = A::State::decode(&aligned(&state)).map_err(|error| failed(&error))?;
    Ok((summary, state))
}

/// Bytes at an address from which they can be decoded.
pub(crate) fn aligned(bytes: &[u8]) -> Buffer {
    let mut buffer = Buffer::with_capacity(bytes.len());
    buffer.extend_from_slice(bytes);
    buffer
}

fn encode<T: Wire>(value: &T) -> Result<Vec<u8>, Failure> {
    Ok(value.encode().map_err(|error| Failure::cluster("the update", error))?.to_vec())
}

fn in_merge<T>(code: impl FnOnce() -> T) -> Result<T, Failure> {
    guard(|| Ok(code()))
        .map_err(|text| Failure::new(Kind::User, format!("the algorithm failed in merge: {text}")))
}

/// A property of the MapReduce job, as Streaming exports it: with `_` for `.`.
fn variable(name: &str) -> Result<String, Failure> {
    std::env::var(name)
        .map_err(|_| Failure::cluster(format!("the variable {name}"), "Streaming has not set it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_reads_and_prints() {
        for word in ["load", "train:3", "evaluate:21"] {
            assert_eq!(Work::parse(word).unwrap().word(), word);
        }
        for wrong in ["", "train", "train:x", "sleep:1"] {
            assert_eq!(Work::parse(wrong), None, "{wrong}");
        }
    }
}
