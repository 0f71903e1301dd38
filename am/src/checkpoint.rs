//! Checkpoints: a job between two passes as one file beside its output, for the day on which all its processes are lost.
//!
//! A file says which job it belongs to (algorithm, flags, input) and ends with a digest of all that is before it, so that one
//! that is torn, damaged or foreign is told from one that is good. It appears by rename; the one before it is kept. Its name ends
//! with the number of the run that wrote it: only `--resume` goes on from those of another run.

use std::io;
use std::sync::{Mutex, PoisonError};

use lapwing_container::algorithm::RoundKind;
use lapwing_container::files::Files;
use lapwing_container::record::Snapshot;
use lapwing_container::wire::{Buffer, Wire, digest};
use serde::{Deserialize, Serialize};

use crate::error::{Failure, Kind};
use crate::job::Job;

/// No checkpoint is longer: state and memory are at most a gibibyte together. Bytes.
const CAP: u64 = 2 << 30;

/// Checkpoints that are kept.
const KEPT: usize = 2;

const MAGIC: &[u8; 8] = b"LWCHECK1";

/// What must be the same for a job to go on from the checkpoint of another. Its digests stand for what would be long.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Identity {
    algorithm: String,
    arguments: std::collections::BTreeMap<String, String>,
    seed: u64,
    columns: Option<u32>,
    splits: u32,
    points: Vec<String>,
    input: String,
}

/// Held while checkpoints are written or removed; true once they are not wanted any more.
static OVER: Mutex<bool> = Mutex::new(false);

/// Writes a checkpoint and removes those that are too old. By the time that this is called the pass may be long over.
pub(crate) fn write(job: &Job, snapshot: &Snapshot) -> io::Result<()> {
    let Some(folder) = folder(job) else { return Ok(()) };
    let over = OVER.lock().unwrap_or_else(PoisonError::into_inner);
    if *over {
        return Ok(());
    }
    let (files, folder) = Files::of(&folder)?;
    let name = format!("pass-{:08}{}", snapshot.record.pass, suffix(job));
    let temporary = format!("{folder}/.{name}");
    files.write(&temporary, &encode(job, snapshot)?, 0o600)?;
    files.rename(&temporary, &format!("{folder}/{name}"))?;
    let all = checkpoints(&files, folder)?;
    // A run that began anew puts its own in the place of those before it; one that went on from them is their next.
    let (mut old, foreign): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|path| job.resume || path.ends_with(&suffix(job)));
    old.truncate(old.len().saturating_sub(KEPT));
    old.iter().chain(&foreign).try_for_each(|path| files.remove(Files::of(path)?.1))
}

/// What the job is to go on from: the newest good checkpoint, if the user wants it so, or if masters were lost with all that
/// was kept of the job.
pub(crate) fn newest(job: &Job, attempt: u32) -> Result<Option<Snapshot>, Failure> {
    if !(job.resume || attempt > 1 && job.checkpoint_every.is_some()) {
        return Ok(None);
    }
    let Some(uri) = folder(job) else { return Ok(None) };
    let failed = |error: io::Error| Failure::cluster(format!("the checkpoints in {uri}"), error);
    let (files, folder) = Files::of(&uri).map_err(failed)?;
    let all = checkpoints(&files, folder).map_err(failed)?;
    for path in all.iter().rev().filter(|path| job.resume || path.ends_with(&suffix(job))) {
        let bytes = Files::of(path).and_then(|(files, inside)| files.read(inside, CAP)).map_err(failed)?;
        // Torn or damaged: the one before it will do.
        let Some((identity, snapshot)) = decode(&bytes) else { continue };
        let own = Identity::of(job);
        if let Some(what) = own.difference(&identity) {
            let text = format!(
                "--resume: the checkpoint {path} is of another job: {what}; remove {uri}, or run the job as it was begun"
            );
            return Err(Failure::new(Kind::Input, text));
        }
        let record = &snapshot.record;
        if record.kind == RoundKind::Train && record.pass > job.passes {
            let (done, passes) = (record.pass - 1, job.passes);
            let text = format!("--resume: the checkpoint {path} is of pass {done}, --passes is {passes}");
            return Err(Failure::new(Kind::Input, text));
        }
        return Ok(Some(snapshot));
    }
    Ok(None)
}

/// Where the output is complete nobody needs them any more, those of a run before least of all.
pub(crate) fn remove(job: &Job) {
    *OVER.lock().unwrap_or_else(PoisonError::into_inner) = true;
    let _ = folder(job).map(|folder| Files::remove_at(&folder));
}

/// Beside the output, under a name that Hadoop's readers skip; the same for every job with this output.
fn folder(job: &Job) -> Option<String> {
    let directory = job.output.as_deref()?.trim_end_matches('/');
    let (parent, name) = directory.rsplit_once('/')?;
    Some(format!("{parent}/_{name}.checkpoints"))
}

/// What the names of this run's checkpoints end with.
fn suffix(job: &Job) -> String {
    format!(".{:016x}", job.id)
}

/// The checkpoints of a folder, the newest last.
fn checkpoints(files: &Files, folder: &str) -> io::Result<Vec<String>> {
    if files.status(folder)?.is_none() {
        return Ok(Vec::new());
    }
    let paths = files.list(folder)?.into_iter().map(|status| status.path);
    Ok(paths.filter(|path| path.contains("/pass-")).collect())
}

impl Identity {
    fn of(job: &Job) -> Self {
        let input = serde_json::to_vec(&(&job.splits, &job.load)).expect("a plan is plain data");
        Self {
            algorithm: job.algorithm.clone(),
            arguments: job.arguments.clone(),
            seed: job.seed,
            columns: job.load.columns,
            splits: job.training,
            points: job.points.iter().map(|point| point.name.clone()).collect(),
            input: format!("{:032x}", digest(&input)),
        }
    }

    /// In which respect another one differs, in words.
    fn difference(&self, other: &Self) -> Option<String> {
        let differ = |what: &str, own: String, theirs: String| {
            Some(format!("its {what} is {theirs}, here it is {own}"))
        };
        if self.algorithm != other.algorithm {
            return differ("algorithm", self.algorithm.clone(), other.algorithm.clone());
        }
        if self.seed != other.seed {
            return differ("seed", self.seed.to_string(), other.seed.to_string());
        }
        let names = self.arguments.keys().chain(other.arguments.keys());
        let value =
            |of: &Self, name: &str| of.arguments.get(name).cloned().unwrap_or_else(|| "not given".to_owned());
        for name in names {
            if self.arguments.get(name) != other.arguments.get(name) {
                return differ(&format!("--{name}"), value(self, name), value(other, name));
            }
        }
        if self.points != other.points {
            return differ("sweep", self.points.join(" "), other.points.join(" "));
        }
        if self.splits != other.splits {
            return differ("number of splits", self.splits.to_string(), other.splits.to_string());
        }
        if self.columns != other.columns {
            let text =
                |columns: Option<u32>| columns.map_or("not fixed".to_owned(), |columns| columns.to_string());
            return differ("number of columns", text(self.columns), text(other.columns));
        }
        (self.input != other.input).then(|| {
            "its input had other files, or other times or lengths of files, or was read in another way"
                .to_owned()
        })
    }
}

/// Magic, length of the identity, identity, length of the snapshot, snapshot, digest of all that.
fn encode(job: &Job, snapshot: &Snapshot) -> io::Result<Vec<u8>> {
    let identity = serde_json::to_vec(&Identity::of(job)).expect("an identity is plain data");
    let snapshot = snapshot.encode().map_err(io::Error::other)?;
    let mut bytes = MAGIC.to_vec();
    for part in [&identity[..], &snapshot[..]] {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part);
    }
    bytes.extend(digest(&bytes).to_le_bytes());
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Option<(Identity, Snapshot)> {
    let (all, sum) = bytes.split_last_chunk::<16>()?;
    if digest(all) != u128::from_le_bytes(*sum) {
        return None;
    }
    let rest = all.strip_prefix(MAGIC)?;
    let part = |bytes: &[u8]| {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        rest.split_at_checked(length).map(|(part, rest)| (part.to_vec(), rest.len()))
    };
    let (identity, left) = part(rest)?;
    let (snapshot, left) = part(&rest[rest.len() - left..])?;
    let mut aligned = Buffer::new();
    aligned.extend_from_slice(&snapshot);
    let identity = serde_json::from_slice(&identity).ok()?;
    Some((identity, Snapshot::decode(&aligned).ok()?)).filter(|_| left == 0)
}
