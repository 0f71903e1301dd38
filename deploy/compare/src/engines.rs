//! How each engine is run, and what its run says. Each is a process of its own; time counts from its start.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::bare::{self, Told};
use crate::journal::{Measurement, PassTime};
use crate::place::Place;
use crate::plan::{Data, Engine, Run};

/// Everything that runs need.
pub(crate) struct Stable {
    pub(crate) place: Place,
    /// Folder with `sgd` and `lbfgs`.
    pub(crate) programs: PathBuf,
    /// A Python with pyspark or vowpalwabbit; none, and why.
    pub(crate) python: Result<PathBuf, String>,
    /// Where Spark's jars were put in HDFS.
    pub(crate) spark_jars: Option<String>,
    /// Folder for what is made on the way.
    pub(crate) work: PathBuf,
    /// Strength of the penalty, the same for all.
    pub(crate) l2: f64,
    /// Memory of a container that computes, MiB.
    pub(crate) memory_mb: u32,
}

/// Vowpal Wabbit's L-BFGS saves no model that could be trained further.
const ONLY: &str = "--predict_only_model";

/// MiB that Spark adds to an executor's heap for its container.
const SPARK_OVERHEAD_MB: u32 = 384;

impl Stable {
    /// Runs one and tells it; a failure is told too.
    pub(crate) fn measure(&self, run: &Run, data: &Data) -> Measurement {
        let mut measurement = Measurement {
            key: run.key(),
            part: run.part.to_owned(),
            engine: run.engine.name().to_owned(),
            algorithm: run.algorithm.to_owned(),
            workers: run.workers,
            splits: run.splits,
            rows: data.rows,
            repetition: run.repetition,
            busy: load_average(),
            ..Measurement::default()
        };
        let before = run.engine.on_cluster().then(|| self.place.bytes_read()).flatten();
        let outcome = match run.engine {
            Engine::Local | Engine::Yarn | Engine::MapReduce => self.lapwing(run, data, &mut measurement),
            Engine::Idle => self.idle(run, data, &mut measurement),
            Engine::Spark => self.spark(run, data, &mut measurement),
            Engine::Bare => self.bare(run, data, &mut measurement),
            Engine::Wabbit => self.wabbit(run, data, &mut measurement),
        };
        measurement.error = outcome.err().map(|error| format!("{error:#}"));
        let after = run.engine.on_cluster().then(|| self.place.bytes_read()).flatten();
        measurement.hdfs_bytes = before.zip(after).map(|(before, after)| after.saturating_sub(before));
        measurement
    }

    fn lapwing(&self, run: &Run, data: &Data, told: &mut Measurement) -> Result<()> {
        let report = tempfile::NamedTempFile::new()?;
        let mut command = self.lapwing_command(run, data);
        command.arg("--passes").arg(run.passes.to_string()).arg("--report").arg(report.path());
        let start = Instant::now();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (mut arrivals, mut words) = (Vec::new(), Vec::new());
        for line in BufReader::new(child.stderr.take().context("a pipe")?).lines().map_while(Result::ok) {
            if line.starts_with('[') {
                arrivals.push(start.elapsed().as_secs_f64());
            } else {
                words.push(line);
            }
        }
        let output = child.wait_with_output()?;
        told.seconds = start.elapsed().as_secs_f64();
        ensure!(output.status.success(), "{}", words.join("; "));
        let summary: Value = serde_json::from_slice(&output.stdout)?;
        let number = |name: &str| summary[name].as_f64().unwrap_or(0.0);
        told.load_seconds = number("load_seconds");
        told.start_seconds = (told.seconds - number("seconds")).max(0.0);
        told.objective = summary["objective"].as_f64();
        told.digest = summary["state_digest"].as_str().map(str::to_owned);
        told.splits = number("splits") as u32;
        let lines = std::fs::read_to_string(report.path())?;
        for (line, at) in lines.lines().zip(arrivals) {
            let pass: Value = serde_json::from_str(line)?;
            let number = |name: &str| pass[name].as_f64().unwrap_or(0.0);
            told.passes.push(PassTime {
                at,
                seconds: number("seconds"),
                compute_seconds: number("compute_seconds"),
                objective: pass["objective"].as_f64(),
            });
        }
        if run.engine == Engine::MapReduce {
            // Of all rounds' tasks together, as if they ran side by side without a gap.
            let rounds = number("map_tasks") / f64::from(told.splits.max(1));
            let side_by_side = f64::from(told.splits.min(run.workers).max(1));
            let seconds = number("map_pass_seconds") / rounds.max(1.0) / side_by_side;
            told.passes.iter_mut().for_each(|pass| pass.compute_seconds = seconds);
        }
        Ok(())
    }

    fn lapwing_command(&self, run: &Run, data: &Data) -> Command {
        let mut command = self.place.command(self.programs.join(run.algorithm));
        let memory = format!("{}m", self.memory_mb);
        command.args([
            "--progress",
            "auto",
            "--l2",
            &self.l2.to_string(),
            "--columns",
            &data.columns.to_string(),
        ]);
        if run.algorithm == "lbfgs" {
            command.args(["--gradient-tolerance", "0"]);
        }
        match run.splits {
            0 => command.args(["--split-size", &data.split_size.to_string()]),
            splits => command.args(["--splits", &splits.to_string()]),
        };
        match run.engine {
            Engine::Local => {
                command.arg("--input").arg(&data.local).arg("--master").arg(format!("local[{}]", run.workers))
            }
            engine => {
                let master = if engine == Engine::Yarn { "yarn" } else { "mapreduce" };
                command
                    .args(["--input", &data.remote, "--master", master])
                    .args(["--workers", &run.workers.to_string(), "--worker-memory", &memory])
                    .args(["--master-memory", "512m"])
            }
        };
        command
    }

    /// A job of Hadoop Streaming that reads the same input with as many map tasks and one reduce task, and does nothing with it:
    /// the least that a pass of iterated MapReduce can take.
    fn idle(&self, run: &Run, data: &Data, told: &mut Measurement) -> Result<()> {
        let mut command = self.lapwing_command(&Run { engine: Engine::MapReduce, ..run.clone() }, data);
        let output = command.arg("--dry-run").output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let plan = String::from_utf8_lossy(&output.stdout).into_owned();
        let values = |what: &'static str| {
            plan.lines().filter_map(move |line| Some(line.strip_prefix(what)?.trim().to_owned()))
        };
        let words: Vec<String> = values("command ")
            .next()
            .context("the plan names no command")?
            .split(' ')
            .map(str::to_owned)
            .collect();
        let mut job = self.place.command(&words[0]);
        job.args(&words[1..]);
        for setting in values("setting ").filter(|word| !word.contains("=rawbytes")) {
            job.args(["-D", &setting]);
        }
        job.args(["-input", &self.place.uri(&data.remote), "-output", "/tmp/lapwing-compare-none"])
            .args(["-outputformat", "org.apache.hadoop.mapred.lib.NullOutputFormat"])
            .args(["-mapper", "wc -l", "-reducer", "cat"]);
        let start = Instant::now();
        let output = job.output()?;
        told.seconds = start.elapsed().as_secs_f64();
        ensure!(output.status.success(), "{}", last_lines(&output.stderr));
        told.passes.push(PassTime { at: told.seconds, seconds: told.seconds, ..PassTime::default() });
        Ok(())
    }

    fn spark(&self, run: &Run, data: &Data, told: &mut Measurement) -> Result<()> {
        let python = self.python.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        let events = tempfile::tempdir()?;
        let heap = self.memory_mb.saturating_sub(SPARK_OVERHEAD_MB).max(512);
        let mut settings = json!({
            "spark.ui.enabled": "false",
            "spark.dynamicAllocation.enabled": "false",
            "spark.executor.instances": run.workers.to_string(),
            "spark.executor.cores": "1",
            "spark.executor.memory": format!("{heap}m"),
            "spark.executor.memoryOverhead": format!("{SPARK_OVERHEAD_MB}m"),
            "spark.yarn.am.memory": "512m",
            "spark.scheduler.minRegisteredResourcesRatio": "1.0",
            // One partition per core is the quickest for it.
            "spark.default.parallelism": run.workers.to_string(),
            "spark.sql.files.minPartitionNum": run.workers.to_string(),
            "spark.sql.files.maxPartitionBytes": (data.bytes.div_ceil(u64::from(run.workers)) + (8 << 20)).to_string(),
            "spark.eventLog.enabled": "true",
            "spark.eventLog.compress": "false",
            "spark.eventLog.rolling.enabled": "false",
            "spark.eventLog.dir": format!("file://{}", events.path().display()),
        });
        if let Some(jars) = &self.spark_jars {
            settings["spark.yarn.jars"] = json!(format!("{jars}/*"));
        }
        if self.place.is_lab() {
            settings["spark.driver.host"] = json!("127.0.0.1");
            settings["spark.driver.bindAddress"] = json!("127.0.0.1");
        }
        let question = json!({
            "master": "yarn", "settings": settings, "columns": data.columns, "input": self.place.uri(&data.remote),
            "iterations": run.passes, "l2": self.l2, "events": events.path(),
        });
        let script = self.work.join("spark.py");
        std::fs::write(&script, include_str!("spark.py"))?;
        let mut command = self.place.command(python);
        command.arg(script).arg(question.to_string()).env("PYSPARK_PYTHON", python);
        let (submitted, start) = (now(), Instant::now());
        let output = command.output()?;
        told.seconds = start.elapsed().as_secs_f64();
        ensure!(output.status.success(), "{}", last_lines(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let line =
            text.lines().rev().find(|line| line.starts_with('{')).context("spark.py printed nothing")?;
        let spark: Value = serde_json::from_str(line)?;
        let time = |name: &str| spark[name].as_f64().unwrap_or(0.0) - submitted;
        told.start_seconds = time("started");
        told.load_seconds = time("cached") - told.start_seconds;
        told.splits = spark["partitions"].as_u64().unwrap_or(0) as u32;
        let numbers = |value: &Value| -> Vec<f64> {
            value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
        };
        let objectives = numbers(&spark["objectives"]);
        told.objective = objectives.last().copied();
        let jobs: Vec<Vec<f64>> =
            spark["evaluations"].as_array().into_iter().flatten().map(numbers).collect();
        ensure!(!jobs.is_empty(), "Spark's event log holds no evaluation");
        // A pass is from one evaluation's end to the next one's: its job and what the driver does in between. A search may take
        // several evaluations for one objective of the history; they are taken to be the first ones, as is usual.
        let more = jobs.len().saturating_sub(objectives.len());
        let mut last = jobs[0][0];
        for (number, job) in jobs.iter().enumerate() {
            let objective = match number {
                0 => objectives.first().copied(),
                _ => number.checked_sub(more).filter(|&at| at > 0).and_then(|at| objectives.get(at)).copied(),
            };
            told.passes.push(PassTime {
                at: job[1] - submitted,
                seconds: job[1] - last,
                compute_seconds: job[1] - job[0],
                objective,
            });
            last = job[1];
        }
        Ok(())
    }

    fn bare(&self, run: &Run, data: &Data, told: &mut Measurement) -> Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--bare").arg(run.algorithm).arg("--out").arg(&self.work);
        command.arg("--input").arg(&data.local).args(["--passes", &run.passes.to_string()]);
        let start = Instant::now();
        let output = command.arg("--l2").arg(self.l2.to_string()).output()?;
        told.seconds = start.elapsed().as_secs_f64();
        ensure!(output.status.success(), "{}", last_lines(&output.stderr));
        let found: Told = serde_json::from_slice(&output.stdout)?;
        (told.load_seconds, told.passes) = (found.load_seconds, found.passes);
        told.objective = told.passes.iter().filter_map(|pass| pass.objective).reduce(f64::min);
        Ok(())
    }

    /// Vowpal Wabbit's own L-BFGS on its own cache. Its objective is computed afterwards, from its scores and weights.
    fn wabbit(&self, run: &Run, data: &Data, told: &mut Measurement) -> Result<()> {
        let python = self.python.as_ref().map_err(|why| anyhow::anyhow!("{why}"))?;
        let text = self.work.join(format!("{}.vw", data.rows));
        if !text.exists() {
            translate(&data.local, &text)?;
        }
        let folder = tempfile::tempdir_in(&self.work)?;
        let model = folder.path().join("model");
        let wabbit = |words: &[&str]| {
            let mut command = Command::new(python);
            command.args(["-m", "vowpalwabbit", "-d"]).arg(&text).args(words);
            command
        };
        // Its penalty is on the sum over the rows.
        let l2 = (self.l2 * data.rows as f64).to_string();
        let start = Instant::now();
        let output =
            wabbit(&["--loss_function", "logistic", "--bfgs", "--mem", "10", "--l2", &l2, "-b", "17", ONLY])
                .args(["--no_bias_regularization", "--holdout_off"])
                .args(["--passes", &run.passes.to_string(), "--termination", "0", "--cache_file"])
                .arg(folder.path().join("cache"))
                .arg("-f")
                .arg(&model)
                .output()?;
        told.seconds = start.elapsed().as_secs_f64();
        ensure!(output.status.success(), "{}", last_lines(&output.stderr));
        let (predictions, weights) = (folder.path().join("scores"), folder.path().join("weights"));
        let scored = wabbit(&["-t", "--quiet", ONLY, "-i", &model.display().to_string(), "-r"])
            .arg(&predictions)
            .arg("--readable_model")
            .arg(&weights)
            .output()?;
        ensure!(scored.status.success(), "{}", last_lines(&scored.stderr));
        let penalty = 0.5 * self.l2 * squares(&std::fs::read_to_string(weights)?);
        told.objective = Some(mean_loss(&data.local, &predictions)? + penalty);
        // It says nothing of single passes; the last row of its table is the end of the last.
        let passes = f64::from(run.passes);
        told.passes.push(PassTime {
            at: told.seconds,
            seconds: told.seconds / passes,
            compute_seconds: 0.0,
            objective: told.objective,
        });
        Ok(())
    }
}

/// `-1 3:0.5` as `-1 | 3:0.5`.
fn translate(from: &Path, to: &Path) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::BufWriter::new(std::fs::File::create(to)?);
    for line in BufReader::new(std::fs::File::open(from)?).lines() {
        let line = line?;
        let Some((label, rest)) = line.split_once(' ') else { continue };
        let label = if label.starts_with('-') || label == "0" { "-1" } else { "1" };
        writeln!(out, "{label} | {rest}")?;
    }
    Ok(out.flush()?)
}

/// The mean logistic loss of raw scores, one per line, without a penalty.
fn mean_loss(data: &Path, scores: &Path) -> Result<f64> {
    let rows = bare::load(&data.display().to_string())?;
    let text = std::fs::read_to_string(scores)?;
    let (mut sum, mut count) = (0.0, 0usize);
    for (label, line) in rows.labels().iter().zip(text.lines()) {
        let score: f64 = line.split([' ', ':']).next_back().unwrap_or("").parse()?;
        let margin = if *label > 0.0 { score } else { -score };
        sum += lapwing::math::ln_1p(lapwing::math::exp(-margin.abs())) + (-margin).max(0.0);
        count += 1;
    }
    if count != rows.rows() {
        bail!("{count} predictions for {} rows", rows.rows())
    }
    Ok(sum / count as f64)
}

/// The squares of the weights of a readable model, `column:weight` per line; the intercept has a column of its own.
fn squares(model: &str) -> f64 {
    const INTERCEPT: u32 = 116_060;
    let weight = |line: &str| {
        let (column, weight) = line.split_once(':')?;
        let column: u32 = column.parse().ok()?;
        (column != INTERCEPT).then(|| weight.parse::<f64>().ok()).flatten()
    };
    model.lines().filter_map(weight).map(|weight| weight * weight).sum()
}

fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(6)..].join("; ")
}

fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readable_model_is_its_lines_of_two_numbers_without_the_intercept() {
        let text = "Version 9.11.9\nbits:17\n:0\n1:-2\n46291:0.5\n116060:7\n";
        assert!((squares(text) - 4.25).abs() < 1e-12);
    }
}
