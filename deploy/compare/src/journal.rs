//! What was measured, one JSON object per line, written as soon as it is known: a run that was interrupted goes on where it
//! stopped.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// One run of one engine. Times are seconds from the submission unless said, sizes bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measurement {
    /// What names it: the same key is not measured twice.
    pub(crate) key: String,
    /// The part of the experiment that it belongs to.
    pub(crate) part: String,
    pub(crate) engine: String,
    pub(crate) algorithm: String,
    /// Processes that compute, of one core each.
    pub(crate) workers: u32,
    pub(crate) splits: u32,
    pub(crate) rows: u64,
    /// Which of the repetitions, from 1.
    pub(crate) repetition: u32,
    /// From the submission to the end of the program.
    pub(crate) seconds: f64,
    /// Until the engine's own work began.
    pub(crate) start_seconds: f64,
    /// Until the data was in memory, from there.
    pub(crate) load_seconds: f64,
    pub(crate) passes: Vec<PassTime>,
    /// Of the final model.
    pub(crate) objective: Option<f64>,
    /// Of the final state.
    pub(crate) digest: Option<String>,
    /// Read from DataNodes meanwhile, checksums and programs included; none where nobody counts.
    pub(crate) hdfs_bytes: Option<u64>,
    /// Load average of the machine when it began.
    pub(crate) busy: f64,
    /// Why it could not be measured.
    pub(crate) error: Option<String>,
}

/// One pass over the data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PassTime {
    /// When it was complete.
    pub(crate) at: f64,
    pub(crate) seconds: f64,
    /// The part of them that the slowest worker computed; 0 where nobody tells.
    pub(crate) compute_seconds: f64,
    /// The objective that it found, of the model that went into it.
    pub(crate) objective: Option<f64>,
}

/// The file.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    pub(crate) measured: Vec<Measurement>,
}

impl Journal {
    /// Opens a journal; what it holds is kept. A last line that was cut off is measured again.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let measured: Vec<Measurement> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let mut whole = String::new();
        for measurement in &measured {
            whole.push_str(&serde_json::to_string(measurement)?);
            whole.push('\n');
        }
        std::fs::write(path, whole).with_context(|| format!("cannot write {}", path.display()))?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file, measured })
    }

    /// Whether this has been measured. What failed is tried again.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.measured.iter().any(|measurement| measurement.key == key && measurement.error.is_none())
    }

    /// Notes a measurement.
    pub(crate) fn note(&mut self, measurement: Measurement) -> Result<()> {
        let line = serde_json::to_string(&measurement)?;
        writeln!(self.file, "{line}").with_context(|| format!("cannot write {}", self.path.display()))?;
        self.measured.retain(|old| old.key != measurement.key);
        self.measured.push(measurement);
        Ok(())
    }
}

impl Measurement {
    /// The median time of a pass. The first is left out where there are others: it warms up.
    pub(crate) fn pass(&self) -> Option<f64> {
        let times: Vec<f64> = self.passes.iter().map(|pass| pass.seconds).collect();
        median(if times.len() > 1 { &times[1..] } else { &times })
    }

    /// When so many passes were complete.
    pub(crate) fn after(&self, passes: usize) -> Option<f64> {
        self.passes.get(passes.checked_sub(1)?).map(|pass| pass.at)
    }

    /// When the objective was first known to be this low.
    pub(crate) fn reached(&self, objective: f64) -> Option<f64> {
        let low = |pass: &&PassTime| pass.objective.is_some_and(|found| found <= objective);
        self.passes.iter().find(low).map(|pass| pass.at)
    }
}

/// The middle value.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(0.5 * (values[middle - 1] + values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_goes_on_behind_a_line_that_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.jsonl");
        let named = |key: &str| Measurement { key: key.to_owned(), ..Measurement::default() };
        let mut journal = Journal::open(&path).unwrap();
        journal.note(named("a")).unwrap();
        journal.note(Measurement { error: Some("no luck".to_owned()), ..named("b") }).unwrap();
        writeln!(journal.file, "{{\"key\":\"c").unwrap();
        let journal = Journal::open(&path).unwrap();
        assert!(journal.has("a") && !journal.has("b") && !journal.has("c"));
        assert_eq!(journal.measured.len(), 2);
    }

    #[test]
    fn passes_are_told_by_their_median_and_by_what_they_reach() {
        let pass = |at, seconds, objective| PassTime { at, seconds, compute_seconds: 0.0, objective };
        let passes = vec![pass(9.0, 9.0, Some(0.7)), pass(10.0, 1.0, None), pass(13.0, 3.0, Some(0.5))];
        let measurement = Measurement { passes, ..Measurement::default() };
        assert_eq!(measurement.pass(), Some(2.0));
        assert_eq!((measurement.after(2), measurement.after(4)), (Some(10.0), None));
        assert_eq!((measurement.reached(0.6), measurement.reached(0.4)), (Some(13.0), None));
        assert_eq!(median(&[]), None);
    }
}
