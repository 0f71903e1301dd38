//! `lapwing::main`: from the command line to an exit code, in whichever role the launcher gave this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use lapwing_container::algorithm::Algorithm;
use lapwing_container::wire::handshake::nonce;
use lapwing_container::wire::secure::Trust;

use crate::cluster::Cluster;
use crate::error::Failure;
use crate::flags::{Axis, JobArgs, Master};
use crate::job::{Job, Point};
use crate::mapreduce::{self, Task};
use crate::parent::Signals;
use crate::plan::{place, plan};
use crate::progress::{Progress, say};
use crate::report::JobReport;
use crate::splits;
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
