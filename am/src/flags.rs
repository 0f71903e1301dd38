//! The command line that every job has, and the values on it.

mod values;

use std::path::PathBuf;

use clap::Args;
use lapwing_container::algorithm::OnLoss;
use lapwing_container::fault::Script;
use lapwing_container::load::{Format, Header, Missing};

use crate::error::{Failure, Kind};
use crate::splits::MOST_SPLITS;
use values::{delimiter, memory, share};

pub(crate) use values::{Axis, Bytes, Master, Ports, Property, Span, When, WorkerEnv};

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
    #[arg(long, alias = "executor-memory", default_value = "2g", value_parser = memory)]
    pub worker_memory: Bytes,
    /// Memory of the master
    #[arg(long, alias = "driver-memory", default_value = "1g", value_parser = memory)]
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
    /// Workers that have lost their master keep their data and wait so long for the next one [default: 5 min; on a cluster 2 min
    /// more than the ResourceManager takes to replace one that is silent, if that is longer]
    #[arg(long, value_name = "TIME")]
    pub master_timeout: Option<Span>,
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
