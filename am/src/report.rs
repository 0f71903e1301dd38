//! What a job tells: a line per pass, and a summary at the end.

use serde::{Deserialize, Serialize};

/// One training pass, one line of `--report`. Times are seconds, sizes bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PassReport {
    /// The pass, from 1.
    pub pass: u32,
    /// The objective of the state that was broadcast for this pass, over the rows covered; null where there is none.
    pub objective: Option<f64>,
    /// From the broadcast to the next state.
    pub seconds: f64,
    /// The longest that a worker took from the state's arrival to its last update.
    pub compute_seconds: f64,
    /// The rest: everything but computing.
    pub sync_seconds: f64,
    /// Splits of the input.
    pub splits: u32,
    /// Splits whose updates count in this pass.
    pub splits_covered: u32,
    /// Rows of the input.
    pub rows: u64,
    /// Rows of those splits.
    pub rows_covered: u64,
    /// Rows for which the update of an earlier pass stands in, under `--on-loss approximate`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rows_stale: u64,
    /// Workers that took part.
    pub workers: u32,
    /// Size of the broadcast state.
    pub state_bytes: u64,
    /// Size of the merged update.
    pub update_bytes: u64,
    /// Digest of the state after this pass.
    pub state_digest: String,
    /// What happened meanwhile, in sentences.
    pub events: Vec<String>,
    /// What the algorithm adds; with `--validate` the scores, with `--sweep` a list of the points, the best first.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// The end of a successful job: one JSON object on stdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobReport {
    /// The job's name.
    pub name: String,
    /// The algorithm.
    pub algorithm: String,
    /// Training passes made.
    pub passes: u32,
    /// The exact objective of the final model over all rows; null where there is none.
    pub objective: Option<f64>,
    /// Splits of the input.
    pub splits: u32,
    /// Rows of the input.
    pub rows: u64,
    /// Columns of the input.
    pub columns: u32,
    /// Numbers stored.
    pub stored: u64,
    /// Workers asked for.
    pub workers: u32,
    /// Bytes of the input.
    pub input_bytes: u64,
    /// Bytes that the workers read to load it, line ends across splits included, reloads not.
    pub bytes_read: u64,
    /// Bytes that were read again, by workers that took the place of lost ones, or loaded what others held.
    pub reread_bytes: u64,
    /// Masters that it took: 1, unless some were lost.
    pub attempts: u32,
    /// Bytes of the input that have a copy on the node of the worker that read them; null where that is not known.
    pub node_local_bytes: Option<u64>,
    /// The most that contiguous ranges of splits allowed to be so.
    pub node_local_possible: Option<u64>,
    /// The same for each worker; left out where it is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<WorkerReading>,
    /// Bytes that the loaded data takes in the workers.
    pub resident_bytes: u64,
    /// From the start of the master to the last split in memory.
    pub load_seconds: f64,
    /// All training passes.
    pub train_seconds: f64,
    /// From the start of the master to the end; of each master, if some were lost, as far as the next one knows.
    pub seconds: f64,
    /// Digest of the final state.
    pub state_digest: String,
    /// Where the model was written.
    pub output: Option<String>,
    /// What the algorithm adds: the scores of predictions.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
}

/// How near to a worker its part of the input is. Bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReading {
    /// Its number.
    pub worker: u32,
    /// The node on which it loaded last.
    pub node: String,
    /// With a copy on that node.
    pub node_local_bytes: u64,
    /// With a copy in that node's rack alone.
    pub rack_local_bytes: u64,
    /// With copies elsewhere alone.
    pub remote_bytes: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A number as JSON has it: what is not finite is null.
pub fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
