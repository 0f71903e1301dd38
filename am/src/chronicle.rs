//! What the master notes for the report while the job runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_container::split::Split;
use lapwing_container::wire::message::{Loaded, Round, RoundKind, Summary};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::aggregate::Begun;
use crate::flags::Bytes;
use crate::job::Job;
use crate::report::{JobReport, PassReport, WorkerReading, finite};

/// The notes of one job.
#[derive(Debug)]
pub(crate) struct Chronicle {
    job: Arc<Job>,
    attempt: u32,
    summary: Summary,
    loaded: Vec<Option<Loaded>>,
    nodes: BTreeMap<u32, String>,
    round: Option<Open>,
    lines: Vec<String>,
    events: Vec<String>,
    carry: Carry,
    /// What masters before this one took.
    before: f64,
    /// Bytes that this master's workers read for splits that none of them held.
    read: u64,
    /// The load was complete before this master began: whatever is read now has been read before.
    restored: bool,
    objective: Option<f64>,
    findings: Map<String, Value>,
}

/// What a line of the report and the summary say themselves: an algorithm does not get between.
const OWN: [&str; 31] = [
    "pass",
    "objective",
    "seconds",
    "compute_seconds",
    "sync_seconds",
    "splits",
    "splits_covered",
    "rows",
    "rows_covered",
    "rows_stale",
    "workers",
    "state_bytes",
    "update_bytes",
    "state_digest",
    "events",
    "name",
    "algorithm",
    "passes",
    "columns",
    "stored",
    "input_bytes",
    "bytes_read",
    "reread_bytes",
    "attempts",
    "node_local_bytes",
    "node_local_possible",
    "readings",
    "resident_bytes",
    "load_seconds",
    "train_seconds",
    "output",
];

/// What goes from a master to the one after it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Carry {
    seconds: f64,
    load_seconds: f64,
    train_seconds: f64,
    passes: u32,
    digest: String,
    advised: bool,
    reread_bytes: u64,
    /// Some pass had an objective.
    #[serde(default)]
    measured: bool,
}

/// The round at hand.
#[derive(Debug)]
struct Open {
    round: Round,
    since: Instant,
    workers: BTreeSet<u32>,
    compute: Duration,
    splits_covered: u32,
    rows_covered: u64,
    rows_stale: u64,
}

impl Chronicle {
    pub(crate) fn new(job: Arc<Job>, attempt: u32) -> Self {
        Self {
            loaded: vec![None; job.splits.len()],
            job,
            attempt,
            nodes: BTreeMap::new(),
            summary: Summary::default(),
            round: None,
            lines: Vec::new(),
            events: Vec::new(),
            carry: Carry::default(),
            before: 0.0,
            read: 0,
            restored: false,
            objective: None,
            findings: Map::new(),
        }
    }

    /// Goes on from the notes of a master before this one; its passes.
    pub(crate) fn restore(&mut self, lines: Vec<String>, notes: &str) -> Vec<PassReport> {
        self.carry = serde_json::from_str(notes).unwrap_or_default();
        self.before = self.carry.seconds;
        self.restored = true;
        let passes = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        self.lines = lines;
        passes
    }

    /// The notes for a master after this one.
    pub(crate) fn notes(&self, elapsed: Duration) -> String {
        let (seconds, reread_bytes) = (self.before + elapsed.as_secs_f64(), self.reread());
        let carry = Carry { seconds, reread_bytes, ..self.carry.clone() };
        serde_json::to_string(&carry).expect("notes are plain data")
    }

    fn reread(&self) -> u64 {
        self.carry.reread_bytes + if self.restored { self.read } else { 0 }
    }

    /// A worker that came back holds a split. True when that is news.
    pub(crate) fn held(&mut self, loaded: Loaded) -> bool {
        self.loaded.get_mut(loaded.split as usize).is_some_and(|slot| slot.replace(loaded).is_none())
    }

    /// A split is in memory; true when it is for the first time.
    pub(crate) fn loaded(&mut self, loaded: Loaded, now: Duration) -> bool {
        match self.loaded.get_mut(loaded.split as usize) {
            Some(slot @ None) => {
                *slot = Some(loaded);
                self.read += loaded.bytes_read;
                if !self.restored {
                    self.carry.load_seconds = self.before + now.as_secs_f64();
                }
                true
            }
            Some(_) => {
                self.carry.reread_bytes += loaded.bytes_read;
                false
            }
            None => false,
        }
    }

    /// A worker's process runs on this node.
    pub(crate) fn started(&mut self, worker: u32, node: String) {
        self.nodes.insert(worker, node);
    }

    /// Where each worker's bytes were for it, and the most that contiguous ranges allow on the readers' own nodes.
    fn locality(&self) -> (Vec<WorkerReading>, u64) {
        let (mut readings, mut best) = (Vec::new(), 0);
        let seats = (0..).zip(self.job.seats()).filter(|_| !self.job.placement.is_empty());
        for (worker, splits) in seats {
            let own_splits = &self.job.splits[splits.start as usize..splits.end as usize];
            let bytes: u64 = own_splits.iter().map(Split::bytes).sum();
            let placed = self.job.placed(splits);
            let node = self.nodes.get(&worker).cloned().unwrap_or_default();
            let own = placed.hosts.get(&node).copied().unwrap_or(0);
            let rack = self.job.racks.get(&node).and_then(|rack| placed.racks.get(rack)).copied();
            let rack = rack.unwrap_or(0).saturating_sub(own);
            best += placed.hosts.values().copied().max().unwrap_or(0);
            readings.push(WorkerReading {
                worker,
                node,
                node_local_bytes: own,
                rack_local_bytes: rack,
                remote_bytes: bytes.saturating_sub(own + rack),
            });
        }
        (readings, best)
    }

    pub(crate) fn splits_loaded(&self) -> u32 {
        self.loaded.iter().flatten().count() as u32
    }

    pub(crate) fn summary(&mut self, summary: Summary) {
        self.summary = summary;
    }

    /// A round begins, or goes on with more workers.
    pub(crate) fn broadcast(&mut self, round: Round, workers: impl Iterator<Item = u32>) {
        if self.round.as_ref().is_none_or(|open| open.round != round) {
            let (workers, compute) = (BTreeSet::new(), Duration::ZERO);
            let since = Instant::now();
            let (splits_covered, rows_covered, rows_stale) = (0, 0, 0);
            self.round =
                Some(Open { round, since, workers, compute, splits_covered, rows_covered, rows_stale });
        }
        if let Some(open) = &mut self.round {
            open.workers.extend(workers);
        }
    }

    pub(crate) fn update(&mut self, round: Round, nanos: u64) {
        if let Some(open) = self.round.as_mut().filter(|open| open.round == round) {
            open.compute = open.compute.max(Duration::from_nanos(nanos));
        }
    }

    pub(crate) fn covered(&mut self, splits: u32, rows: u64, stale: u64) {
        if let Some(open) = &mut self.round {
            (open.splits_covered, open.rows_covered, open.rows_stale) = (splits, rows, stale);
        }
    }

    pub(crate) fn note(&mut self, text: &str) {
        self.events.push(text.to_owned());
    }

    /// Closes a training pass.
    pub(crate) fn trained(
        &mut self,
        objective: f64,
        update_bytes: u64,
        next: &Begun,
        mut extra: Map<String, Value>,
    ) -> PassReport {
        extra.retain(|key, _| !OWN.contains(&key.as_str()));
        let open = self.round.take().expect("a pass that ends has begun");
        debug_assert_eq!(open.round.kind, RoundKind::Train);
        let seconds = open.since.elapsed().as_secs_f64();
        let compute_seconds = open.compute.as_secs_f64().min(seconds);
        self.carry.passes = open.round.pass;
        self.carry.measured |= objective.is_finite();
        self.carry.train_seconds += seconds;
        self.carry.digest = format!("{:032x}", next.digest);
        let report = PassReport {
            pass: open.round.pass,
            objective: finite(objective),
            seconds,
            compute_seconds,
            sync_seconds: seconds - compute_seconds,
            splits: self.summary.splits,
            splits_covered: open.splits_covered,
            rows: self.summary.rows,
            rows_covered: open.rows_covered,
            rows_stale: open.rows_stale,
            workers: open.workers.len() as u32,
            state_bytes: next.state.len() as u64,
            update_bytes,
            state_digest: self.carry.digest.clone(),
            events: std::mem::take(&mut self.events),
            extra,
        };
        self.lines.push(serde_json::to_string(&report).expect("a report is plain data"));
        report
    }

    /// Whether this is an algorithm that has an objective, be it not of every pass.
    pub(crate) fn measured(&self) -> bool {
        self.carry.measured
    }

    pub(crate) fn scored(&mut self, objective: f64, observed: Map<String, Value>) {
        self.round = None;
        self.objective = finite(objective);
        self.findings = observed;
        self.findings.retain(|key, _| !OWN.contains(&key.as_str()));
    }

    pub(crate) fn findings(&mut self, findings: Map<String, Value>) {
        self.findings.extend(findings);
    }

    /// The lines of the passes so far.
    pub(crate) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Said once if what the splits send at each pass is more than the data itself.
    pub(crate) fn advice(&mut self, update_bytes: u64) -> Option<String> {
        let (splits, input) = (self.job.splits.len() as u64, self.job.input_bytes());
        if self.carry.advised || splits == 1 || update_bytes.saturating_mul(splits) <= input {
            return None;
        }
        self.carry.advised = true;
        let size = Bytes(update_bytes.next_power_of_two());
        let (update, input) = (Bytes(update_bytes), Bytes(input));
        Some(format!(
            "each pass makes {splits} updates of {update}, more than the input's {input}; --split-size {} or more would do",
            size.0
        ))
    }

    /// The summary of the whole job.
    pub(crate) fn close(&self, elapsed: Duration) -> JobReport {
        let loaded = || self.loaded.iter().flatten();
        let Summary { splits, rows, columns, stored } = self.summary;
        let (readings, possible) = self.locality();
        let known = !readings.is_empty();
        JobReport {
            name: self.job.name.clone(),
            algorithm: self.job.algorithm.clone(),
            passes: self.carry.passes,
            objective: self.objective,
            splits,
            rows,
            columns,
            stored,
            workers: self.job.workers,
            input_bytes: self.job.input_bytes(),
            bytes_read: loaded().map(|loaded| loaded.bytes_read).sum(),
            node_local_bytes: known.then(|| readings.iter().map(|reading| reading.node_local_bytes).sum()),
            node_local_possible: known.then_some(possible),
            readings,
            resident_bytes: loaded().map(|loaded| loaded.resident_bytes).sum(),
            reread_bytes: self.reread(),
            attempts: self.attempt,
            load_seconds: self.carry.load_seconds,
            train_seconds: self.carry.train_seconds,
            seconds: self.before + elapsed.as_secs_f64(),
            state_digest: self.carry.digest.clone(),
            output: self.job.output.clone(),
            extra: self.findings.clone(),
        }
    }
}
