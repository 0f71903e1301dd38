//! From the command line to one checked job, the same for every role.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use lapwing_container::algorithm::OnLoss;
use lapwing_container::fault::Script;
use lapwing_container::load::{Format, Header, LoadOptions, Missing};
use lapwing_container::split::Split;
use serde::{Deserialize, Serialize};

use crate::cluster::ClusterJob;
use crate::error::{Failure, Kind};
use crate::splits::{MOST_SPLITS, Placement};

const INPUT: &str = "Input";

// The flags that every job has. (A documentation comment would open the user's --help.)
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Job")]
pub(crate) struct JobArgs {
    /// Input: a file, directory or glob; may be repeated. Files that end in .gz, .zst or .bz2 are unpacked
    #[arg(long, value_name = "PATH", required = true, help_heading = INPUT)]
    pub input: Vec<String>,
    /// Format of the input; by default from the file names, libsvm where they say nothing
    #[arg(long, value_enum, help_heading = INPUT)]
    pub format: Option<Format>,
    /// Columns that are features, such as a,b,f1-f9, by name or by number from 1; by default all but the label
    #[arg(long, value_name = "LIST", value_delimiter = ',', help_heading = INPUT)]
    pub features: Option<Vec<String>>,
    /// Column that is the label, by name or by number from 1; none if there is none [default: label]
    #[arg(long, value_name = "COLUMN", help_heading = INPUT)]
    pub label: Option<String>,
    /// What stands for a feature that is missing (an empty field, NA, NaN, null)
    #[arg(long, value_enum, default_value_t = Missing::Error, help_heading = INPUT)]
    pub missing: Missing,
    /// CSV: whether each file's first line holds names
    #[arg(long, value_enum, default_value_t = Header::Auto, help_heading = INPUT)]
    pub header: Header,
    /// CSV: what stands between fields: one character, or tab [default: a comma; a tab in .tsv files]
    #[arg(long, value_name = "CHAR", value_parser = delimiter, help_heading = INPUT)]
    pub delimiter: Option<u8>,
    /// Directory for the model and the report; refused if it exists
    #[arg(long, value_name = "DIR")]
    pub output: Option<String>,
    /// Replace an output that exists
    #[arg(long)]
    pub overwrite: bool,
    /// Rows to score after each pass, and never to train on: a file, directory or glob; may be repeated
    #[arg(long, value_name = "PATH", conflicts_with = "predict")]
    pub validate: Vec<String>,
    /// Train a model for each of these values of one of the algorithm's flags, over one load; may be repeated
    #[arg(long, value_name = "FLAG=A,B,...", conflicts_with = "predict")]
    pub sweep: Vec<Axis>,
    /// Predict with this model (an output directory or a model.npz) instead of training
    #[arg(long, value_name = "MODEL")]
    pub predict: Option<String>,
    /// Passes over the data at the most
    #[arg(long, visible_alias = "max-iter", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub passes: u32,
    /// Stop when the objective changes by less than this share of itself between two passes
    #[arg(long, visible_alias = "tol", value_name = "SHARE")]
    pub tolerance: Option<f64>,
    /// Seed of everything random
    #[arg(long, visible_alias = "random-state", default_value_t = 1)]
    pub seed: u64,
    /// Where to run: local (a worker for each core), local[N], yarn or mapreduce
    #[arg(long, default_value = "local")]
    pub master: Master,
    /// Worker processes; with --master local[N] it is N
    #[arg(long, alias = "num-executors", value_parser = clap::value_parser!(u32).range(1..))]
    pub workers: Option<u32>,
    /// Cores of each worker
    #[arg(long, alias = "executor-cores", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub worker_cores: u32,
    /// Memory of each worker, such as 4g
    #[arg(long, alias = "executor-memory", default_value = "2g")]
    pub worker_memory: Bytes,
    /// Memory of the master
    #[arg(long, alias = "driver-memory", default_value = "1g")]
    pub master_memory: Bytes,
    /// Bytes of a split, the unit of data, of `pass` and of failure
    #[arg(long, value_name = "BYTES", default_value = "64m", conflicts_with = "splits", help_heading = INPUT)]
    pub split_size: Bytes,
    /// Exactly so many splits instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_SPLITS)), help_heading = INPUT)]
    pub splits: Option<u32>,
    /// Number of columns; by default the highest that occurs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = INPUT)]
    pub columns: Option<u32>,
    /// When a worker is lost: restart waits for a replacement, ignore goes on without its splits, approximate with what they
    /// sent last [default: the algorithm's own]
    #[arg(long, value_enum, conflicts_with = "predict")]
    pub on_loss: Option<OnLoss>,
    /// Unless --on-loss is restart: do not wait for workers that are late once this share of the rows has reported
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub quorum: Option<f64>,
    /// Wait no longer than this in a pass, such as 30s: who is later counts as lost, or is gone on without
    #[arg(long, value_name = "TIME")]
    pub pass_deadline: Option<Span>,
    /// End the job rather than let a pass stand on a smaller share of the rows
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = share)]
    pub min_coverage: f64,
    /// Workers beyond those needed, each of which loads what another one holds and takes over when that is lost
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=4096))]
    pub spare: u32,
    /// Lost workers that the job bears [default: twice the workers, at least 3]
    #[arg(long, value_name = "N")]
    pub max_failures: Option<u32>,
    /// Give up on a worker that has not reported after so many seconds; on a cluster, begin without those that got no container
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub start_timeout: u64,
    /// A worker or master silent for so long counts as lost
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub worker_timeout: Span,
    /// Workers that have lost their master keep their data and wait so long for the next one
    #[arg(long, value_name = "TIME", default_value = "300s")]
    pub master_timeout: Span,
    /// Masters at the most: one that is lost is started again, elsewhere if need be
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_attempts: u32,
    /// Write state and memory to a checkpoint beside the output after every so many passes
    #[arg(long, value_name = "N", requires = "output", value_parser = clap::value_parser!(u32).range(1..))]
    pub checkpoint_every: Option<u32>,
    /// Go on from the newest checkpoint beside the output
    #[arg(long, requires = "output", conflicts_with = "predict")]
    pub resume: bool,
    /// Write one JSON object per pass to this file
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Name of the job
    #[arg(long)]
    pub name: Option<String>,
    /// Progress on stderr: a bar on a terminal, else a line per pass
    #[arg(long, value_enum, default_value_t = When::Auto)]
    pub progress: When,
    /// Show the plan (splits, workers, memory) and stop
    #[arg(long, conflicts_with_all = ["self_check", "predict"])]
    pub dry_run: bool,
    /// Check that the algorithm is deterministic, and stop
    #[arg(long, conflicts_with = "predict")]
    pub self_check: bool,
    /// Queue of the cluster's scheduler
    #[arg(long, default_value = "default", help_heading = "YARN")]
    pub queue: String,
    /// Priority within the queue; larger is more urgent
    #[arg(long, help_heading = "YARN")]
    pub priority: Option<i32>,
    /// Only nodes with this label
    #[arg(long, value_name = "LABEL", help_heading = "YARN")]
    pub node_label: Option<String>,
    /// A tag of the application; may be repeated
    #[arg(long, help_heading = "YARN")]
    pub tag: Vec<String>,
    /// Ports that the master may listen on, such as 40000-40100
    #[arg(long, value_name = "A-B", help_heading = "YARN")]
    pub ports: Option<Ports>,
    /// The program to send to the nodes, if not this very file
    #[arg(long, value_name = "PATH", help_heading = "YARN")]
    pub binary: Option<PathBuf>,
    /// Print the application's id and do not wait for its end
    #[arg(long, help_heading = "YARN")]
    pub detach: bool,
    /// What runs Hadoop Streaming [default: `hadoop jar` with the jar of HADOOP_HOME or of the `hadoop` on the PATH; or LAPWING_STREAMING]
    #[arg(long, value_name = "COMMAND", help_heading = "MapReduce")]
    pub streaming: Option<String>,
    /// A property of each pass's job; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help_heading = "MapReduce")]
    pub mapreduce_property: Vec<Property>,
    /// Faults on order, such as kill:w1@pass2,kill:master@pass5+1,hang:w1@load,slow:w2:10x,drop:w0@pass3,forget:w1@pass4
    #[arg(long, value_name = "SCRIPT", hide_short_help = true)]
    pub fault: Option<Script>,
    /// Environment of the workers, KEY=VALUE; wN:KEY=VALUE for one of them
    #[arg(long, value_name = "[wN:]KEY=VALUE", hide_short_help = true)]
    pub worker_env: Vec<WorkerEnv>,
}

/// Where a job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Master {
    /// On this machine, with so many workers; one per core if none is said.
    Local(Option<u32>),
    /// On a Hadoop cluster.
    Yarn,
    /// As iterated MapReduce on a Hadoop cluster.
    MapReduce,
}

/// When to do something that suits a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum When {
    /// If stderr is a terminal.
    Auto,
    /// In any case.
    Always,
    /// Not at all.
    Never,
}

/// A size in bytes, written as `64m`, `4g`, `4GiB` or `4096m`; units are powers of 1024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Bytes(pub u64);

/// One flag of the algorithm's and the values that it takes in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Axis {
    pub flag: String,
    pub values: Vec<String>,
}

/// One point of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Point {
    /// `rate=0.1,l2=0.001`, the name of its folder.
    pub name: String,
    /// The algorithm's own arguments there, defaults included.
    pub arguments: BTreeMap<String, String>,
}

/// A time, written as `30s`, `500ms`, `2m` or a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span(pub Duration);

/// A range of ports, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports(pub u16, pub u16);

/// One variable for all workers or one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerEnv {
    /// The worker it is for; all if none.
    pub worker: Option<u32>,
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// One of Hadoop's properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A checked job: what the roles read from the staging directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    /// A number of its own, on every message.
    pub id: u64,
    /// Name for people.
    pub name: String,
    /// The algorithm's name: that of the program.
    pub algorithm: String,
    /// The algorithm's own arguments, defaults included, for `model.json`.
    pub arguments: BTreeMap<String, String>,
    /// The plan of the input.
    pub splits: Vec<Split>,
    /// How many of the splits are trained on; the others are only scored.
    pub training: u32,
    /// The points of a sweep; none for a single model.
    pub points: Vec<Point>,
    /// How to read it.
    pub load: LoadOptions,
    /// Worker processes, at most one per split.
    pub workers: u32,
    /// Cores of each.
    pub worker_cores: u32,
    /// Memory of the master, bytes.
    pub master_memory: u64,
    /// Passes at the most.
    pub passes: u32,
    /// Relative change of the objective to stop at.
    pub tolerance: Option<f64>,
    /// Seed of everything random.
    pub seed: u64,
    /// The policy for a lost worker.
    pub on_loss: OnLoss,
    /// Lost workers that the job bears.
    pub max_failures: u32,
    /// The share of rows from which on late workers are not waited for.
    pub quorum: Option<f64>,
    /// The longest that a pass waits.
    pub pass_deadline: Option<Duration>,
    /// A pass on less ends the job.
    pub min_coverage: f64,
    /// Workers beyond those needed.
    pub spares: u32,
    /// Seconds that a worker has to report.
    pub start_timeout: u64,
    /// A worker or master silent for so long counts as lost.
    pub silence: Duration,
    /// So long workers wait for another master.
    pub master_timeout: Duration,
    /// Masters at the most.
    pub max_attempts: u32,
    /// Passes from one checkpoint to the next.
    pub checkpoint_every: Option<u32>,
    /// Whether to begin from a checkpoint.
    pub resume: bool,
    /// Absolute path or URI of the output.
    pub output: Option<String>,
    /// Whether the output may be replaced.
    pub overwrite: bool,
    /// The model to predict with, an absolute path or URI.
    pub predict: Option<String>,
    /// Faults on order.
    pub faults: Script,
    /// Variables for workers.
    pub worker_env: Vec<WorkerEnv>,
    /// For each split, where its bytes have copies; empty where that is not known.
    pub placement: Vec<Placement>,
    /// The rack of each host with copies.
    pub racks: BTreeMap<String, String>,
    /// The cluster it runs on, if one.
    pub(crate) cluster: Option<ClusterJob>,
}

impl Job {
    /// The contiguous range of splits of each worker, the spares left aside.
    pub(crate) fn seats(&self) -> Vec<std::ops::Range<u32>> {
        let (splits, workers) = (self.splits.len() as u64, u64::from(self.workers));
        let bound = |worker: u64| (worker * splits / workers) as u32;
        (0..workers).map(|worker| bound(worker)..bound(worker + 1)).collect()
    }

    /// The splits that a worker loads first, be it a spare.
    pub(crate) fn home(&self, worker: u32) -> std::ops::Range<u32> {
        self.seats()[(worker % self.workers) as usize].clone()
    }

    /// Whether rows are scored that are not trained on.
    pub(crate) fn validates(&self) -> bool {
        (self.training as usize) < self.splits.len()
    }

    /// Whether the algorithm is wrapped: by a sweep, or for rows that are only scored.
    pub(crate) fn has_lanes(&self) -> bool {
        self.validates() || !self.points.is_empty()
    }

    /// Where the bytes of these splits have copies.
    pub(crate) fn placed(&self, splits: std::ops::Range<u32>) -> Placement {
        let mut sum = Placement::default();
        let known = self.placement.get(splits.start as usize..splits.end as usize);
        known.unwrap_or_default().iter().for_each(|placement| sum.join(placement));
        sum
    }

    /// Bytes of the whole input, but for what is only scored.
    pub(crate) fn input_bytes(&self) -> u64 {
        self.splits.iter().take(self.training as usize).map(Split::bytes).sum()
    }
}

impl JobArgs {
    /// How many workers the flags ask for.
    pub(crate) fn wanted_workers(&self) -> Result<u32, Failure> {
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        match (self.master, self.workers) {
            (Master::Local(Some(n)), Some(workers)) if n != workers => {
                let text = format!(
                    "--master local[{n}] means {n} workers, --workers says {workers}: give one of them"
                );
                Err(Failure::new(Kind::Usage, text))
            }
            (Master::Local(Some(n)), _) => Ok(n),
            (Master::Local(None), workers) => {
                Ok(workers.unwrap_or_else(|| (cores() / self.worker_cores).max(1)))
            }
            (_, workers) => Ok(workers.unwrap_or(2)),
        }
    }
}

/// One byte that can stand between fields.
fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        &[byte] if byte == b'\t' || byte.is_ascii_graphic() || byte == b' ' => match byte {
            b'"' | b'.' | b'-' | b'+' => Err(format!("{text} cannot stand between numbers")),
            _ if byte.is_ascii_alphanumeric() => Err(format!("{text} cannot stand between numbers")),
            _ => Ok(byte),
        },
        _ => Err("expected one character of ASCII, or tab".to_owned()),
    }
}

impl FromStr for Master {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let workers = text.strip_prefix("local[").and_then(|rest| rest.strip_suffix(']'));
        match (text, workers) {
            ("local", _) | (_, Some("*")) => Ok(Self::Local(None)),
            ("yarn", _) => Ok(Self::Yarn),
            ("mapreduce", _) => Ok(Self::MapReduce),
            (_, Some(n)) => match n.parse() {
                Ok(n) if (1..=4096).contains(&n) => Ok(Self::Local(Some(n))),
                _ => Err(format!("local[{n}]: the number of workers must be from 1 to 4096")),
            },
            _ => Err("expected local, local[N], yarn or mapreduce".to_owned()),
        }
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 0,
            "k" | "kb" | "kib" => 10,
            "m" | "mb" | "mib" => 20,
            "g" | "gb" | "gib" => 30,
            "t" | "tb" | "tib" => 40,
            _ => return Err(format!("unknown unit {unit:?}: expected a size such as 64m or 4g")),
        };
        let number: u64 = number.parse().map_err(|_| "expected a size such as 64m or 4g".to_owned())?;
        match number.checked_mul(1 << shift) {
            Some(bytes) if bytes > 0 => Ok(Self(bytes)),
            _ => Err("the size must be at least 1 byte and fit 64 bits".to_owned()),
        }
    }
}

impl std::fmt::Display for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            bytes if bytes >= 10 << 30 => write!(f, "{} GiB", bytes >> 30),
            bytes if bytes >= 10 << 20 => write!(f, "{} MiB", bytes >> 20),
            bytes if bytes >= 10 << 10 => write!(f, "{} KiB", bytes >> 10),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a flag and its values, such as rate=0.1,0.3,1".to_owned();
        let (flag, values) = text.split_once('=').ok_or_else(expected)?;
        let values: Vec<String> = values.split(',').map(str::to_owned).collect();
        let flag = flag.trim_start_matches('-').to_owned();
        if flag.is_empty() || values.iter().any(|value| value.is_empty() || value.contains('/')) {
            return Err(expected());
        }
        Ok(Self { flag, values })
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale = match unit {
            "ms" => 1e-3,
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(format!("unknown unit {unit:?}: expected a time such as 30s or 500ms")),
        };
        let seconds = number.parse().map(|number: f64| number * scale);
        match seconds {
            Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(Self(Duration::from_secs_f64(seconds))),
            _ => Err("expected a time such as 30s or 500ms, more than nothing".to_owned()),
        }
    }
}

/// A part of the whole.
fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse().map(|number: f64| number / whole);
    share
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or("expected a share such as 0.95 or 95%".to_owned())
}

impl FromStr for Ports {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('-').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        match parts {
            Some((from, to)) if 0 < from && from <= to => Ok(Self(from, to)),
            _ => Err("expected a range of ports such as 40000-40100".to_owned()),
        }
    }
}

impl FromStr for WorkerEnv {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (worker, rest) = match text.strip_prefix('w').and_then(|rest| rest.split_once(':')) {
            Some((number, rest)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
                (Some(number.parse().map_err(|_| format!("no worker has the number {number}"))?), rest)
            }
            _ => (None, text),
        };
        match rest.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { worker, key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected KEY=VALUE or wN:KEY=VALUE".to_owned()),
        }
    }
}

impl FromStr for Property {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err("expected KEY=VALUE".to_owned()),
        }
    }
}

#[cfg(test)]
impl Job {
    /// A job of one split, which is never run.
    pub(crate) fn for_test() -> Self {
        Self {
            id: 1,
            name: "test".to_owned(),
            algorithm: "test".to_owned(),
            arguments: BTreeMap::new(),
            splits: vec![Split { number: 0, ranges: Vec::new() }],
            training: 1,
            points: Vec::new(),
            load: LoadOptions::new(Format::Libsvm),
            workers: 1,
            worker_cores: 1,
            master_memory: 1 << 30,
            passes: 1,
            tolerance: None,
            seed: 1,
            on_loss: OnLoss::Restart,
            max_failures: 3,
            quorum: None,
            pass_deadline: None,
            min_coverage: 0.0,
            spares: 0,
            start_timeout: 120,
            silence: Duration::from_secs(10),
            master_timeout: Duration::from_secs(300),
            max_attempts: 4,
            checkpoint_every: None,
            resume: false,
            output: None,
            overwrite: false,
            predict: None,
            faults: Script::default(),
            worker_env: Vec::new(),
            placement: Vec::new(),
            racks: BTreeMap::new(),
            cluster: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_spark_and_humans_write_them() {
        for (text, bytes) in
            [("64m", 64 << 20), ("4g", 4 << 30), ("4GiB", 4 << 30), ("4096m", 4 << 30), ("17", 17)]
        {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for wrong in ["", "m", "4x", "-1", "0", "99999999999999999999", "20000000t"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_and_shares() {
        for (text, millis) in [("30s", 30_000), ("500ms", 500), ("2m", 120_000), ("1.5", 1500)] {
            assert_eq!(text.parse(), Ok(Span(Duration::from_millis(millis))), "{text}");
        }
        for wrong in ["", "s", "-1s", "0", "nan", "3 weeks"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
        assert_eq!((share("0.95"), share("95%")), (Ok(0.95), Ok(0.95)));
        assert!(share("1.5").is_err() && share("nan").is_err() && share("-1%").is_err());
    }

    #[test]
    fn delimiters() {
        assert_eq!((delimiter(";"), delimiter("tab"), delimiter("\\t")), (Ok(b';'), Ok(b'\t'), Ok(b'\t')));
        for wrong in ["", "ab", "é", "\"", "1", ".", "e", "\n"] {
            assert!(delimiter(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn masters() {
        assert_eq!("local[4]".parse(), Ok(Master::Local(Some(4))));
        assert_eq!("local[*]".parse(), Ok(Master::Local(None)));
        assert!("local[0]".parse::<Master>().is_err() && "spark://x".parse::<Master>().is_err());
    }
}
