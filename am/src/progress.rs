//! What the user sees while a job runs: a bar on a terminal, a plain line per pass elsewhere; and the report file.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::{Failure, Kind};
use crate::flags::When;
use crate::launcher::News;
use crate::report::PassReport;

/// Shows news on stderr and writes the report.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    lines: bool,
    report: Option<File>,
    /// What was in the report's file before is kept until the first pass is complete; a file that was not there goes again.
    untouched: Option<Untouched>,
    workers: u32,
    splits: u32,
    passes: u32,
    /// The last pass shown. A master that takes over tells them all again.
    shown: u32,
}

enum Untouched {
    Old,
    New(PathBuf),
}

impl Progress {
    /// Decides what to show, and creates the report file.
    pub(crate) fn new(when: When, report: Option<&Path>) -> Result<Self, Failure> {
        let untouched =
            report.map(|path| if path.exists() { Untouched::Old } else { Untouched::New(path.to_owned()) });
        let report = report.map(|path| {
            let failed = |error| Failure::new(Kind::Input, format!("the report {}: {error}", path.display()));
            File::options().append(true).create(true).open(path).map_err(failed)
        });
        let terminal = std::io::stderr().is_terminal();
        let bar = (when == When::Always || when == When::Auto && terminal).then(|| {
            let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg} {eta} left")
                .expect("the template is well formed")
                .progress_chars("=> ");
            ProgressBar::new(1).with_style(style)
        });
        let lines = bar.is_none() && when != When::Never;
        Ok(Self {
            bar,
            lines,
            report: report.transpose()?,
            untouched,
            workers: 0,
            splits: 0,
            passes: 0,
            shown: 0,
        })
    }

    /// Shows one piece of news.
    pub(crate) fn show(&mut self, news: &News) {
        match news {
            News::Begun { passes, workers, splits } => {
                (self.passes, self.workers, self.splits) = (*passes, *workers, *splits);
                self.turn_to("load", self.splits);
            }
            News::Loaded(splits) => {
                if let Some(bar) = &self.bar {
                    bar.set_position(u64::from(*splits));
                }
                if *splits == self.splits {
                    self.turn_to("pass", self.passes);
                }
            }
            News::Pass(pass) if pass.pass <= self.shown => {}
            News::Pass(pass) => {
                self.shown = pass.pass;
                self.pass(pass);
            }
            News::Note(text) => self.note(text),
            News::End(_) => {}
        }
    }

    /// Says something in between.
    pub(crate) fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say(text)),
            None => say(text),
        }
    }

    /// The bar has done its work, the passes being over or the job having failed.
    pub(crate) fn finish(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if let Some(Untouched::New(path)) = self.untouched.take() {
            let _ = std::fs::remove_file(path);
        }
    }

    /// The bar begins to count something else.
    fn turn_to(&self, what: &'static str, length: u32) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(what);
            bar.set_length(u64::from(length));
            bar.set_position(0);
        }
    }

    fn pass(&mut self, pass: &PassReport) {
        if let Some(file) = &mut self.report {
            let line = serde_json::to_string(pass).expect("a report is plain data");
            if self.untouched.take().is_some() {
                // A pipe or a device cannot be emptied, and need not be.
                let _ = file.set_len(0);
            }
            if let Err(error) = writeln!(file, "{line}") {
                self.report = None;
                self.note(&format!("the report cannot be written any further: {error}"));
            }
        }
        let objective =
            pass.objective.map_or(String::new(), |objective| format!("objective:{objective:.6} "));
        let share = if pass.rows == 0 { 100.0 } else { pass.rows_covered as f64 / pass.rows as f64 * 100.0 };
        let (number, seconds, workers, all) = (pass.pass, pass.seconds, pass.workers, self.workers);
        let validate = pass.extra.get("validate_loss").and_then(serde_json::Value::as_f64);
        let objective = objective + &validate.map_or(String::new(), |loss| format!("validate:{loss:.6} "));
        let stale = match pass.rows_stale {
            0 => String::new(),
            rows => format!(" stale:{:.0}%", rows as f64 / pass.rows as f64 * 100.0),
        };
        let what = format!("{objective}rows:{share:.0}%{stale} workers:{workers}/{all} {seconds:.3}s");
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(number));
            bar.set_message(what);
        } else if self.lines {
            say(&format!("[{number}] {what}"));
        }
    }
}

/// Messages go to the user as far as somebody reads them: a job does not end because its progress went to `head`.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
