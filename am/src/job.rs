//! One checked job, the same for every role.

use std::collections::BTreeMap;
use std::time::Duration;

use lapwing_container::algorithm::OnLoss;
use lapwing_container::fault::Script;
use lapwing_container::load::LoadOptions;
use lapwing_container::split::Split;
use serde::{Deserialize, Serialize};

use crate::cluster::ClusterJob;
use crate::flags::WorkerEnv;
use crate::splits::Placement;

/// One point of a sweep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Point {
    /// `rate=0.1,l2=0.001`, the name of its folder.
    pub name: String,
    /// The algorithm's own arguments there, defaults included.
    pub arguments: BTreeMap<String, String>,
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
            load: LoadOptions::new(lapwing_container::load::Format::Libsvm),
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
