//! The same job under iterated MapReduce, under Spark, and here: measures them by turns on the same data with the same cores and
//! memory, and writes `report.html`, plots and a CSV. See README.md.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its user")]

mod bare;
mod engines;
mod journal;
mod place;
mod plan;
mod plots;
mod report;
mod sections;
mod tables;

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use crate::engines::Stable;
use crate::journal::Journal;
use crate::place::Place;
use crate::plan::{Data, Run};
use crate::report::Setting;

/// Compare Lapwing with iterated MapReduce, Spark MLlib, Vowpal Wabbit and a bare loop on the same data.
#[derive(Debug, Parser)]
#[command(name = "compare")]
struct Flags {
    /// Less of everything: under fifteen minutes on two cores
    #[arg(long)]
    quick: bool,
    /// Folder for the report and for what has been measured; a run goes on with what is there
    #[arg(long, default_value = "compare-out")]
    out: PathBuf,
    /// A local LibSVM file instead of generated rows
    #[arg(long)]
    input: Option<PathBuf>,
    /// Rows to generate, of 47,236 columns and 60 numbers each on average
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
    /// Repetitions of the engines
    #[arg(long, default_value_t = 3)]
    repetitions: u32,
    /// Workers of one core each [default: the machine's cores]
    #[arg(long)]
    workers: Option<u32>,
    /// MiB of a container that computes
    #[arg(long, default_value_t = 1536)]
    memory: u32,
    /// Strength of the penalty
    #[arg(long, default_value_t = 1e-4)]
    l2: f64,
    /// The cluster of HADOOP_CONF_DIR instead of a lab
    #[arg(long)]
    cluster: bool,
    /// A Python with pyspark, numpy and vowpalwabbit [default: an environment of its own in the folder, made with pip]
    #[arg(long)]
    python: Option<PathBuf>,
    /// Write the report anew from what has been measured, and measure nothing
    #[arg(long)]
    report_only: bool,
    /// Copy the results page with its plots and the CSV to this folder, such as deploy/compare/results
    #[arg(long)]
    results: Option<PathBuf>,
    /// Inside: the bare loop's own process
    #[arg(long, hide = true)]
    bare: Option<String>,
    /// Inside: its passes
    #[arg(long, hide = true, default_value_t = 20)]
    passes: u32,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    let done = match (&flags.bare, &flags.input) {
        (Some(algorithm), Some(input)) => bare(algorithm, input, &flags),
        _ => compare(&flags),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bare(algorithm: &str, input: &Path, flags: &Flags) -> Result<()> {
    let told = bare::run(&input.display().to_string(), algorithm, flags.passes, flags.l2)?;
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

fn compare(flags: &Flags) -> Result<()> {
    std::fs::create_dir_all(flags.out.join("work"))?;
    let out = std::path::absolute(&flags.out)?;
    let work = out.join("work");
    let cores =
        flags.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32));
    let programs = std::env::current_exe()?.parent().context("no folder")?.to_owned();
    let sizes = data(flags, cores, &work, &programs)?;
    let largest = sizes.last().context("no data")?;
    let mut journal = Journal::open(&out.join("measurements.jsonl"))?;
    let runs = plan::runs(flags, &sizes, cores);
    let open: Vec<&Run> = runs.iter().filter(|run| !journal.has(&run.key())).collect();
    let setting = out.join("setting.json");
    if !open.is_empty() && !flags.report_only {
        let stable = prepare(flags, &work, programs, &sizes)?;
        std::fs::write(&setting, serde_json::to_string(&told(flags, cores, &stable))?)?;
        measure(&runs, &sizes, &stable, &mut journal, |journal| {
            let setting = serde_json::from_str(&std::fs::read_to_string(&setting)?)?;
            report::write(&out, &journal.measured, largest, &setting)
        })?;
    }
    let setting: Setting = serde_json::from_str(&std::fs::read_to_string(&setting)?)?;
    report::write(&out, &journal.measured, largest, &setting)?;
    for ratio in tables::ratios(&journal.measured, setting.cores) {
        let value = ratio.ratio.map_or("not measured".to_owned(), |value| format!("{value:.2}"));
        println!("{}: {value} (wanted {})", ratio.what, ratio.wanted);
    }
    if let Some(folder) = &flags.results {
        publish(&out, folder)?;
    }
    println!("{}", out.join("report.html").display());
    Ok(())
}

/// Copies what a repository keeps of a comparison.
fn publish(out: &Path, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for entry in std::fs::read_dir(out)? {
        let path = entry?.path();
        let kept =
            ["svg", "md", "csv"].iter().any(|ending| path.extension().is_some_and(|found| found == *ending));
        if let Some(name) = path.file_name().filter(|_| kept) {
            std::fs::copy(&path, folder.join(name))?;
        }
    }
    Ok(())
}

/// Makes all runs that are not in the journal, and writes the report after each: it can be looked at meanwhile.
fn measure(
    runs: &[Run],
    sizes: &[Data],
    stable: &Stable,
    journal: &mut Journal,
    report: impl Fn(&Journal) -> Result<()>,
) -> Result<()> {
    let style =
        ProgressStyle::with_template("[{bar:30}] {pos}/{len} {msg} {elapsed} gone, about {eta} left")?;
    let bar = ProgressBar::new(runs.len() as u64).with_style(style.progress_chars("=> "));
    for run in runs {
        let key = run.key();
        bar.set_message(key.clone());
        if bar.is_hidden() && !journal.has(&key) {
            eprintln!("{key}");
        }
        if !journal.has(&key) {
            let measurement = stable.measure(run, &sizes[run.data]);
            if let Some(error) = &measurement.error {
                bar.suspend(|| eprintln!("{key}: {error}"));
            }
            journal.note(measurement)?;
            report(journal)?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(())
}

/// The data sets, the largest last: the input, and its first rows.
fn data(flags: &Flags, workers: u32, work: &Path, programs: &Path) -> Result<Vec<Data>> {
    let whole = match &flags.input {
        Some(input) => std::path::absolute(input)?,
        None => generate(flags.rows, work, programs)?,
    };
    let rows = bare::load(&whole.display().to_string())?;
    let all = rows.rows() as u64;
    let shares: &[u64] = if flags.quick { &[4, 1] } else { &[8, 4, 2, 1] };
    let name = whole.file_stem().context("no name")?.to_string_lossy().into_owned();
    let mut sizes = Vec::new();
    for share in shares {
        let count = all.div_ceil(*share);
        let local = if *share == 1 { whole.clone() } else { work.join(format!("{name}-{count}.libsvm")) };
        if !local.exists() {
            let temporary = local.with_extension("part");
            let mut out = BufWriter::new(std::fs::File::create(&temporary)?);
            for line in BufReader::new(std::fs::File::open(&whole)?).lines().take(count as usize) {
                writeln!(out, "{}", line?)?;
            }
            out.flush()?;
            std::fs::rename(temporary, &local)?;
        }
        let bytes = std::fs::metadata(&local)?.len();
        sizes.push(Data {
            remote: format!("/tmp/lapwing-compare/{name}-{count}.libsvm"),
            bytes,
            local,
            rows: count,
            columns: rows.columns(),
            stored: rows.stored() as u64 / share,
            // One split for each worker is the best for iterated MapReduce: it starts one JVM per split and pass.
            split_size: bytes.div_ceil(u64::from(workers)).next_multiple_of(1 << 20),
        });
    }
    Ok(sizes)
}

fn generate(rows: u64, work: &Path, programs: &Path) -> Result<PathBuf> {
    let path = work.join(format!("generated-{rows}.libsvm"));
    if !path.exists() {
        let temporary = path.with_extension("part");
        let mut command = Command::new(programs.join("datagen"));
        let status = command.args(["--rows", &rows.to_string(), "--output"]).arg(&temporary).status();
        ensure!(status.context("datagen does not run: use deploy/compare/run")?.success(), "datagen failed");
        std::fs::rename(temporary, &path)?;
    }
    Ok(path)
}

/// Brings up what the engines run on, and brings the data there.
fn prepare(flags: &Flags, work: &Path, programs: PathBuf, sizes: &[Data]) -> Result<Stable> {
    let python = match &flags.python {
        Some(python) => Ok(python.clone()),
        None => environment(work).map_err(|error| format!("no Python with pyspark: {error:#}")),
    };
    eprintln!("bringing up Hadoop");
    let place = if flags.cluster {
        let conf = std::env::var_os("HADOOP_CONF_DIR").context("--cluster: HADOOP_CONF_DIR is not set")?;
        Place::cluster(conf.into())
    } else {
        Place::lab(sizes.last().context("no data")?.split_size)?
    };
    for data in sizes {
        place.put(&data.local, &data.remote)?;
    }
    let jars = python.as_ref().ok().and_then(|python| jars(python)).filter(|jars| jars.is_dir());
    let spark_jars = jars.map(|jars| {
        eprintln!("bringing Spark's jars into HDFS, once for all its runs");
        place
            .put(&jars, "/tmp/lapwing-compare/spark-jars")
            .map(|()| place.uri("/tmp/lapwing-compare/spark-jars"))
    });
    let (l2, memory_mb) = (flags.l2, flags.memory);
    Ok(Stable {
        place,
        programs,
        python,
        spark_jars: spark_jars.transpose()?,
        work: work.to_owned(),
        l2,
        memory_mb,
    })
}

/// A Python environment of our own. Without vowpalwabbit the rest can still be measured.
fn environment(work: &Path) -> Result<PathBuf> {
    let folder = work.join("python");
    let python = folder.join("bin/python");
    if !folder.join("ready").exists() {
        eprintln!("making a Python environment with pyspark, numpy and vowpalwabbit");
        let run = |command: &mut Command| -> Result<()> {
            let output = command.output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
            Ok(())
        };
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let pip = |packages: &[&str]| {
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(packages))
        };
        pip(&["pyspark", "numpy"])?;
        if let Err(error) = pip(&["vowpalwabbit"]) {
            eprintln!("vowpalwabbit could not be installed, so it is not measured: {error:#}");
        }
        std::fs::write(folder.join("ready"), "")?;
    }
    Ok(python)
}

/// The folder of pyspark's jars.
fn jars(python: &Path) -> Option<PathBuf> {
    let code = "import os, pyspark; print(os.path.join(os.path.dirname(pyspark.__file__), 'jars'))";
    let output = Command::new(python).args(["-c", code]).output().ok()?;
    output.status.success().then(|| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn told(flags: &Flags, cores: u32, stable: &Stable) -> Setting {
    let said = |command: &mut Command| {
        let output = command.output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        Some(String::from_utf8_lossy(&text).lines().next()?.trim().to_owned())
    };
    let read = |path: &str, key: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(key)).map(str::to_owned);
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_default()
    };
    let memory: u64 = read("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
    let package = |name: &str| {
        let code = format!("import importlib.metadata as m; print('{name}', m.version('{name}'))");
        let python = stable.python.as_ref().ok()?;
        let output = Command::new(python).args(["-c", &code]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let versions = [
        Some(format!("Lapwing {}", env!("CARGO_PKG_VERSION"))),
        said(Command::new("java").arg("-version")),
        package("pyspark"),
        package("vowpalwabbit"),
    ];
    Setting {
        machine: format!("{}, {} GB", read("/proc/cpuinfo", "model name"), memory >> 20),
        cores,
        place: stable.place.describe(),
        versions: versions.into_iter().flatten().collect::<Vec<_>>().join(", "),
        command: format!("deploy/compare/run{}", if flags.quick { " --quick" } else { "" }),
        memory_mb: flags.memory,
        l2: flags.l2,
    }
}
