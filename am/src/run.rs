//! `lapwing::main`: from the command line to an exit code, in whichever role the launcher gave this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use lapwing_container::algorithm::{Algorithm, OnLoss};
use lapwing_container::load::{Format, Load, LoadOptions};
use lapwing_container::split::Split;
use lapwing_container::wire::handshake::nonce;
use lapwing_container::wire::secure::Trust;

use crate::cluster::Cluster;
use crate::error::{Failure, Kind};
use crate::flags::{Axis, JobArgs, Master};
use crate::job::{Job, Point};
use crate::mapreduce::{self, Task};
use crate::parent::Signals;
use crate::progress::{Progress, say};
use crate::report::JobReport;
use crate::splits::{self, Cut, InputFile, Placement};
use crate::staging::{self, Start};
use crate::submit::{self, Submitted};
use crate::{dry_run, output, parent, roles, self_check, sweep};

// Algorithm's and job's flags side by side. (A documentation comment would open the user's --help.)
#[derive(Debug, Parser)]
#[command(allow_negative_numbers = true)]
struct Cli<A: Args> {
    #[command(flatten)]
    algorithm: A,
    #[command(flatten)]
    job: JobArgs,
}

/// Nobody can be expected to be heard of more often.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(500);

/// Workers without a master wait so long, unless a cluster takes longer to start the next one.
const MASTER_TIMEOUT: Duration = Duration::from_secs(300);

/// The whole `main` of a user's program: client, master or worker, as the environment says. See the crate's documentation.
pub fn main<A: Algorithm + Args>() -> ExitCode {
    main_from::<A>(std::env::args_os())
}

/// The same with arguments from elsewhere; the first is the program's name. Every process of the job must give the same.
pub fn main_from<A: Algorithm + Args>(arguments: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    match start::<A>(&arguments) {
        Ok(code) => code,
        Err(failure) => {
            complain(&failure.text);
            ExitCode::from(failure.kind.code())
        }
    }
}

fn start<A: Algorithm + Args>(arguments: &[OsString]) -> Result<ExitCode, Failure> {
    // A task of MapReduce finds the command line among its files.
    let task = Task::of_process()?;
    let replayed: Option<Vec<OsString>> =
        task.as_ref().map(|task| task.staged.arguments.iter().map(OsString::from).collect());
    let arguments = replayed.as_deref().unwrap_or(arguments);
    let program = arguments.first().map(Path::new).and_then(Path::file_name);
    let program = program.map_or("lapwing".to_owned(), |name| name.to_string_lossy().into_owned());
    let command = Cli::<A>::command().name(program.clone()).bin_name(program.clone());
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| {
        let own = arguments_of::<A>(&matches);
        Cli::<A>::from_arg_matches(&matches).map(|cli| (cli, own))
    });
    let (Cli { algorithm, job: args }, own) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = error.print();
            return Ok(ExitCode::from(error.exit_code() as u8));
        }
    };
    let points = match points::<A>(arguments, &program, &args.sweep) {
        Ok(points) => points,
        Err(error) => {
            let _ = error.print();
            return Ok(ExitCode::from(error.exit_code() as u8));
        }
    };
    if let Some(task) = task {
        return task.run(algorithm, points);
    }
    match Start::of_process()? {
        Some(start) => {
            let words = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
            roles::serve(algorithm, points, start, words)
        }
        None => client(algorithm, points, &args, arguments, program, own),
    }
}

/// The user's own process.
fn client<A: Algorithm>(
    algorithm: A,
    points: Vec<(Point, A)>,
    args: &JobArgs,
    arguments: &[OsString],
    program: String,
    own: BTreeMap<String, String>,
) -> Result<ExitCode, Failure> {
    let mapreduce = args.master == Master::MapReduce;
    // Each split has a map task of its own; --workers says how many of them run at a time.
    let workers = if mapreduce { u32::MAX } else { args.wanted_workers()? };
    let cluster = (mapreduce || args.master == Master::Yarn).then(Cluster::from_environment).transpose()?;
    let mut job = plan(&algorithm, args, workers, program, own, cluster.as_ref())?;
    job.points = points.iter().map(|(point, _)| point.clone()).collect();
    if let Some(cluster) = cluster.as_ref().filter(|_| !mapreduce) {
        (job.placement, job.racks) = place(&job, cluster)?;
    }
    if args.self_check {
        answer(&self_check::run(&algorithm, &job)?.join("\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.dry_run {
        answer(&dry_run::describe::<A>(&job, args, cluster.as_ref())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::try_out(&job)?;
    let mut progress = Progress::new(args.progress, args.report.as_deref())?;
    let asked = !mapreduce && args.workers.is_some() || matches!(args.master, Master::Local(Some(_)));
    if asked && job.workers < workers {
        let (splits, busy) = (job.splits.len(), job.workers);
        progress.note(&format!(
            "the input has {splits} split(s), so {busy} of {workers} workers start: see --split-size"
        ));
    }
    let uncut = splits::uncut(&job.splits);
    if uncut > 0 {
        progress.note(&format!("{uncut} packed file(s) cannot be cut: each is in one split whole"));
    }
    let report = match &cluster {
        None => run_here(job, &mut progress),
        Some(cluster) if mapreduce => {
            mapreduce::run(algorithm, points, job, args, arguments, cluster, &mut progress)
        }
        Some(cluster) => match submit::run(job, args, arguments, cluster, &mut progress) {
            Ok(Submitted::Detached(id)) => {
                answer(&id.to_string())?;
                return Ok(ExitCode::SUCCESS);
            }
            Ok(Submitted::Done(report)) => Ok(*report),
            Ok(Submitted::OutOfSight(failure)) | Err(failure) => Err(failure),
        },
    };
    progress.finish();
    let mut report = report?;
    if uncut > 0 {
        report.extra.insert("uncut_files".to_owned(), uncut.into());
    }
    sweep::table(&report).iter().for_each(|line| say(line));
    answer(&serde_json::to_string(&report).expect("a report is plain data"))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs a job with this process as the launcher.
fn run_here(job: Job, progress: &mut Progress) -> Result<JobReport, Failure> {
    let failed = |error| Failure::cluster("the staging directory", error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    // First of all: from here on a signal leaves nothing behind.
    let signals = runtime.block_on(async { Signals::new() }).map_err(failed)?;
    // The path of a socket has room for about 100 bytes, which some temporary directories would fill.
    let base = Some(std::env::temp_dir())
        .filter(|path| path.as_os_str().len() < 60)
        .unwrap_or_else(|| "/tmp".into());
    let staging = tempfile::Builder::new().prefix("lapwing-").tempdir_in(base).map_err(failed)?;
    let key = nonce().map_err(failed)?;
    staging::write(staging.path(), &job, &Trust::Key(key)).map_err(failed)?;
    let job = Arc::new(job);
    let outcome = runtime.block_on(parent::run(&job, staging.path(), signals, progress));
    if outcome.is_err() {
        output::discard(&job);
    }
    outcome
}

/// From flags to a job that can run, the input having been looked at.
fn plan<A: Algorithm>(
    algorithm: &A,
    args: &JobArgs,
    workers: u32,
    program: String,
    arguments: BTreeMap<String, String>,
    cluster: Option<&Cluster>,
) -> Result<Job, Failure> {
    let whole = |path: &str| match cluster {
        Some(cluster) => cluster.qualify(path),
        None if path.contains("://") || path.starts_with("file:") => Ok(path.to_owned()),
        None => {
            let path = std::path::absolute(path);
            let path = path.map_err(|error| Failure::new(Kind::Input, format!("{error}")))?;
            Ok(path.to_string_lossy().into_owned())
        }
    };
    let inputs: Vec<String> = match cluster {
        Some(cluster) => args.input.iter().map(|input| cluster.qualify(input)).collect::<Result<_, _>>()?,
        None => args.input.clone(),
    };
    let validate: Vec<String> = match cluster {
        Some(cluster) => args.validate.iter().map(|path| cluster.qualify(path)).collect::<Result<_, _>>()?,
        None => args.validate.clone(),
    };
    let output = args.output.as_deref().map(whole).transpose()?;
    let predict = args.predict.as_deref().map(whole).transpose()?;
    if let Some(cluster) = cluster {
        let all: Vec<String> =
            inputs.iter().chain(&validate).chain(&output).chain(&predict).cloned().collect();
        cluster.reach_hdfs(&all)?;
    }
    if let Some(output) = &output {
        output::check(output, args.overwrite)?;
    }
    if let Some(model) = &predict {
        // A model that cannot be read is told before anything starts.
        output::read(model)?;
    }
    if args.worker_timeout.0 < SHORTEST_TIMEOUT {
        let text = "--worker-timeout must be at least 500ms: healthy processes are silent for a fraction of a second";
        return Err(Failure::new(Kind::Usage, text));
    }
    if args.tolerance.is_some_and(|tolerance| tolerance.is_nan() || tolerance < 0.0) {
        return Err(Failure::new(Kind::Usage, "--tolerance must be a share such as 1e-6"));
    }
    let cut = args.splits.map_or(Cut::Size(args.split_size.0), Cut::Number);
    let files = splits::find(&inputs)?;
    splits::check(&files, cut)?;
    if let Some(output) = &output {
        let read = files.iter().map(|file| file.path.as_str());
        output::check_apart(output, read.chain(predict.as_deref()))?;
    }
    let mut splits = splits::plan(&files, cut);
    let trained = predict.as_deref().map_or_else(output::Columns::default, output::columns_of);
    let load = settle::<A::Data>(args, &trained, &files, &splits).or_else(|failure| {
        // Rows that are merely to be predicted need no label.
        let unlabelled = output::Columns { label: Some("none".to_owned()), ..trained.clone() };
        let without = trained.label.is_some() && args.label.is_none();
        let tried = without.then(|| settle::<A::Data>(args, &unlabelled, &files, &splits).ok());
        tried.flatten().ok_or(failure)
    })?;
    let training = splits.len() as u32;
    if !args.validate.is_empty() {
        let files = splits::find(&validate)?;
        if let Some(output) = &output {
            output::check_apart(output, files.iter().map(|file| file.path.as_str()))?;
        }
        let cut = Cut::Size(args.split_size.0);
        splits::check(&files, cut)?;
        let scored = (training..).zip(splits::plan(&files, cut));
        splits.extend(scored.map(|(number, split)| Split { number, ..split }));
    }
    let on_loss = args.on_loss.unwrap_or_else(|| algorithm.on_loss());
    if on_loss == OnLoss::Restart && args.quorum.is_some() {
        let text = "--quorum goes on without late workers, and --on-loss restart waits for all: say --on-loss ignore or approximate";
        return Err(Failure::new(Kind::Usage, text));
    }
    let faults = args.fault.clone().unwrap_or_default();
    let last = workers.min(splits.len() as u32) + args.spare - 1;
    if let Some(worker) = faults.last_worker().filter(|&worker| worker > last) {
        return Err(Failure::new(
            Kind::Usage,
            format!("--fault names worker {worker}, the job has 0 to {last}"),
        ));
    }
    let id = nonce().map_err(|error| Failure::cluster("random bytes", error))?;
    let id = id[..8].iter().fold(0, |id, &byte| id << 8 | u64::from(byte));
    Ok(Job {
        id,
        name: args.name.clone().unwrap_or_else(|| program.clone()),
        algorithm: program,
        arguments,
        workers: workers.min(splits.len() as u32),
        splits,
        training,
        points: Vec::new(),
        load,
        worker_cores: args.worker_cores,
        master_memory: args.master_memory.0,
        passes: if predict.is_some() { 1 } else { args.passes },
        tolerance: args.tolerance,
        seed: args.seed,
        // A prediction that skips rows is none.
        on_loss: if predict.is_some() { OnLoss::Restart } else { on_loss },
        max_failures: args.max_failures.unwrap_or_else(|| workers.saturating_mul(2).max(3)),
        quorum: args.quorum,
        pass_deadline: args.pass_deadline.map(|span| span.0),
        min_coverage: args.min_coverage,
        spares: args.spare,
        start_timeout: args.start_timeout,
        silence: args.worker_timeout.0,
        master_timeout: args.master_timeout.map_or(MASTER_TIMEOUT, |span| span.0),
        max_attempts: args.max_attempts,
        checkpoint_every: args.checkpoint_every,
        resume: args.resume,
        output,
        overwrite: args.overwrite,
        predict,
        faults,
        worker_env: args.worker_env.clone(),
        placement: Vec::new(),
        racks: BTreeMap::new(),
        cluster: None,
    })
}

/// How to read the input: what the flags say, and where they leave it open the first file that is not empty.
fn settle<D: Load>(
    args: &JobArgs,
    trained: &output::Columns,
    files: &[InputFile],
    splits: &[Split],
) -> Result<LoadOptions, Failure> {
    let format = args.format.map_or_else(|| splits::format_of(files), Ok)?;
    // A model's columns are found in other tables by their names.
    let trained = if format == Format::Libsvm { output::Columns::default() } else { trained.clone() };
    let options = LoadOptions {
        format,
        columns: args.columns,
        features: args.features.clone().or(trained.features),
        label: args.label.clone().or(trained.label),
        header: args.header,
        delimiter: args.delimiter,
        missing: args.missing,
    };
    if options.format == Format::Libsvm && (args.features.is_some() || args.label.is_some()) {
        let text =
            "--features and --label select columns of CSV and Parquet; LibSVM text says itself what is what";
        return Err(Failure::new(Kind::Usage, text));
    }
    for range in splits.iter().flat_map(|split| &split.ranges) {
        let settled = D::settle(&options, range).map_err(|error| {
            let kind = if error.is_bad_input() { Kind::Input } else { Kind::Cluster };
            Failure::new(kind, error.to_string())
        });
        if let Some(settled) = settled? {
            return Ok(settled);
        }
    }
    Ok(options)
}

/// Which hosts and racks hold how much of each split.
fn place(job: &Job, cluster: &Cluster) -> Result<(Vec<Placement>, BTreeMap<String, String>), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::cluster("the client's runtime", error))?;
    runtime.block_on(splits::place(&job.splits, |path| cluster.name_node(path)))
}

/// The grid of a sweep: the same command line with other values of some flags, each understood as if it stood there alone.
fn points<A: Algorithm + Args>(
    arguments: &[OsString],
    program: &str,
    axes: &[Axis],
) -> Result<Vec<(Point, A)>, clap::Error> {
    let mut grid: Vec<Vec<(&str, &str)>> = if axes.is_empty() { Vec::new() } else { vec![Vec::new()] };
    let own = A::augment_args(clap::Command::new("own"));
    let flags: Vec<&str> = own.get_arguments().filter_map(clap::Arg::get_long).collect();
    for (number, axis) in axes.iter().enumerate() {
        let refuse = |why: String| {
            let text = format!("--sweep {}={}: {why}", axis.flag, axis.values.join(","));
            Err(Cli::<A>::command().name(program.to_owned()).error(ErrorKind::InvalidValue, text))
        };
        if !flags.contains(&axis.flag.as_str()) {
            return refuse(format!("a sweep is over the algorithm's own flags: {}", flags.join(", ")));
        }
        if axes[..number].iter().any(|other| other.flag == axis.flag) {
            return refuse("this flag has its values already".to_owned());
        }
        if (1..axis.values.len()).any(|at| axis.values[..at].contains(&axis.values[at])) {
            return refuse("a value stands there twice".to_owned());
        }
        let extended = grid.iter().flat_map(|point| {
            axis.values.iter().map(|value| [&point[..], &[(axis.flag.as_str(), value.as_str())]].concat())
        });
        grid = extended.collect();
    }
    let point = |settings: Vec<(&str, &str)>| {
        let command = Cli::<A>::command().name(program.to_owned()).args_override_self(true);
        let set = settings.iter().map(|(flag, value)| OsString::from(format!("--{flag}={value}")));
        let matches = command.try_get_matches_from(arguments.iter().cloned().chain(set))?;
        let name =
            settings.iter().map(|(flag, value)| format!("{flag}={value}")).collect::<Vec<_>>().join(",");
        let point = Point { name, arguments: arguments_of::<A>(&matches) };
        Ok((point, Cli::<A>::from_arg_matches(&matches)?.algorithm))
    };
    grid.into_iter().map(point).collect()
}

/// The algorithm's own arguments as they were understood, defaults included.
fn arguments_of<A: Args>(matches: &clap::ArgMatches) -> BTreeMap<String, String> {
    let own = A::augment_args(clap::Command::new("own"));
    let value = |id: &str| {
        let values = matches.get_raw(id)?.map(|value| value.to_string_lossy().into_owned());
        Some((id.to_owned(), values.collect::<Vec<_>>().join(" ")))
    };
    own.get_arguments().filter_map(|argument| value(argument.get_id().as_str())).collect()
}

/// An answer that nobody can read is a failure, though the job may have done its work.
fn answer(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout();
    let told = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    told.map_err(|error| Failure::cluster("writing the answer to stdout", error))
}

fn complain(text: &str) {
    say(&format!("error: {text}"));
}
