//! `lapwing::main`: from the command line to an exit code, in whichever role the launcher gave this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser};
use lapwing_container::algorithm::Algorithm;
use lapwing_container::load::{Format, LoadOptions};
use lapwing_container::locate;
use lapwing_container::wire::connection::WireError;
use lapwing_container::worker::{self, Setup};
use tokio::sync::mpsc::{channel, unbounded_channel};

use crate::aggregate;
use crate::driver::Driver;
use crate::engine::Seat;
use crate::error::{Failure, Kind};
use crate::job::{Job, JobArgs, Master};
use crate::launcher::local::Local;
use crate::listener::{bind, listen};
use crate::predict::Predict;
use crate::progress::Progress;
use crate::report::JobReport;
use crate::splits::{self, Cut};
use crate::staging::{self, Role};
use crate::{dry_run, output, parent, self_check};

/// Algorithm's and job's flags side by side.
#[derive(Debug, Parser)]
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
    match staging::role()? {
        Some((role, staging)) => serve(algorithm, role, &staging),
        None => client(&algorithm, &args, program, own),
    }
}

/// The user's own process.
fn client<A: Algorithm>(
    algorithm: &A,
    args: &JobArgs,
    program: String,
    own: BTreeMap<String, String>,
) -> Result<ExitCode, Failure> {
    if args.master == Master::Yarn || args.master == Master::MapReduce {
        return Err(Failure::new(Kind::Usage, "this version runs on one machine: use --master local[N]"));
    }
    let workers = args.wanted_workers()?;
    let job = plan(algorithm, args, workers, program, own)?;
    if args.self_check {
        answer(&self_check::run(algorithm, &job)?.join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    if args.dry_run {
        answer(&dry_run::describe::<A>(&job, args)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut progress = Progress::new(args.progress, args.report.as_deref())?;
    if job.workers < workers {
        let splits = job.splits.len();
        progress.note(&format!(
            "{splits} splits keep {} workers busy, not {workers}: see --split-size",
            job.workers
        ));
    }
    let report = run_here(job, &mut progress);
    progress.finish();
    answer(&serde_json::to_string(&report?).expect("a report is plain data"));
    Ok(ExitCode::SUCCESS)
}

/// Runs a job with this process as the launcher.
fn run_here(job: Job, progress: &mut Progress) -> Result<JobReport, Failure> {
    let failed = |error| Failure::cluster("the staging directory", error);
    // The path of a socket has room for about 100 bytes, which some temporary directories would fill.
    let base = Some(std::env::temp_dir())
        .filter(|path| path.as_os_str().len() < 60)
        .unwrap_or_else(|| "/tmp".into());
    let staging = tempfile::Builder::new().prefix("lapwing-").tempdir_in(base).map_err(failed)?;
    staging::write(staging.path(), &job).map_err(failed)?;
    let job = Arc::new(job);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let outcome = runtime.block_on(parent::run(&job, staging.path(), progress));
    if outcome.is_err() {
        output::discard(&job);
    }
    outcome
}

/// Master or worker.
fn serve<A: Algorithm>(algorithm: A, role: Role, staging: &Path) -> Result<ExitCode, Failure> {
    let (job, key) = staging::read(staging)?;
    parent::watch(staging);
    let algorithm_of = |model: &Path| output::read(model);
    match (role, &job.predict) {
        (Role::Worker(seat), None) => work(algorithm, seat, staging, job, key),
        (Role::Worker(seat), Some(model)) => {
            let predict = Predict::new(algorithm, algorithm_of(model)?, &job);
            work(predict, seat, staging, job, key)
        }
        (Role::Master { attempt }, None) => master(algorithm, attempt, staging, job, key),
        (Role::Master { attempt }, Some(model)) => {
            let predict = Predict::new(algorithm, algorithm_of(model)?, &job);
            master(predict, attempt, staging, job, key)
        }
    }
}

fn work<A: Algorithm>(
    algorithm: A,
    seat: Seat,
    staging: &Path,
    job: Job,
    key: [u8; 32],
) -> Result<ExitCode, Failure> {
    let setup = Setup {
        job: job.id,
        key,
        staging: staging.to_owned(),
        worker: seat.worker,
        incarnation: seat.incarnation,
        host: "localhost".to_owned(),
        cores: job.worker_cores as usize,
        seed: job.seed,
        splits: job.splits,
        load: job.load,
        faults: job.faults,
        patience: Duration::from_secs(job.start_timeout),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::cluster("a worker's runtime", error))?;
    match runtime.block_on(worker::run(algorithm, setup)) {
        // The compute thread may be in the middle of a pass that nobody waits for.
        Ok(()) => std::process::exit(0),
        // A master that ends takes its connections with it; the launcher knows the rest.
        Err(WireError::Io(_)) => std::process::exit(1),
        Err(error) => Err(Failure::cluster(format!("worker {}", seat.worker), error)),
    }
}

fn master<A: Algorithm>(
    algorithm: A,
    attempt: u32,
    staging: &Path,
    job: Job,
    key: [u8; 32],
) -> Result<ExitCode, Failure> {
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::cluster("the master's runtime", error))?;
    let job = Arc::new(job);
    let done = runtime.block_on(async {
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?.to_string();
        locate::Master { attempt, address }.publish(staging)?;
        let mut launcher = Local::connect(staging).await?;
        let (calls, called) = channel(64);
        tokio::spawn(listen(listener, job.id, key, calls));
        let (replies, replied) = unbounded_channel();
        let aggregator = aggregate::spawn(algorithm, job.clone(), replies);
        let done = Driver::new(job, attempt, &mut launcher, aggregator).run(called, replied).await;
        launcher.close().await;
        Ok::<bool, std::io::Error>(done)
    });
    // A worker's goodbye may still be on its way out; threads of the user's are not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    match done {
        Ok(true) => Ok(ExitCode::SUCCESS),
        Ok(false) => Ok(ExitCode::FAILURE),
        Err(error) => Err(Failure::cluster("the master", error)),
    }
}

/// From flags to a job that can run, the input having been looked at.
fn plan<A: Algorithm>(
    algorithm: &A,
    args: &JobArgs,
    workers: u32,
    program: String,
    arguments: BTreeMap<String, String>,
) -> Result<Job, Failure> {
    let absolute = |path: &Path| {
        std::path::absolute(path)
            .map_err(|error| Failure::new(Kind::Input, format!("{}: {error}", path.display())))
    };
    let output = args.output.as_deref().map(absolute).transpose()?;
    if let Some(output) = &output {
        output::check(output, args.overwrite)?;
    }
    let predict = args.predict.as_deref().map(absolute).transpose()?;
    if let Some(model) = &predict {
        // A model that cannot be read is told before anything starts.
        output::read(model)?;
    }
    if args.tolerance.is_some_and(|tolerance| tolerance.is_nan() || tolerance < 0.0) {
        return Err(Failure::new(Kind::Usage, "--tolerance must be a share such as 1e-6"));
    }
    let cut = args.splits.map_or(Cut::Size(args.split_size.0), Cut::Number);
    let splits = splits::plan(&splits::find(&args.input)?, cut);
    let id = lapwing_container::wire::handshake::nonce()
        .map_err(|error| Failure::cluster("random bytes", error))?;
    let id = id[..8].iter().fold(0, |id, &byte| id << 8 | u64::from(byte));
    Ok(Job {
        id,
        name: args.name.clone().unwrap_or_else(|| program.clone()),
        algorithm: program,
        arguments,
        workers: workers.min(splits.len() as u32),
        splits,
        load: LoadOptions { format: args.format.unwrap_or(Format::Libsvm), columns: args.columns },
        worker_cores: args.worker_cores,
        master_memory: args.master_memory.0,
        passes: if predict.is_some() { 1 } else { args.passes },
        tolerance: args.tolerance,
        seed: args.seed,
        on_loss: args.on_loss.unwrap_or_else(|| algorithm.on_loss()),
        max_failures: args.max_failures.unwrap_or_else(|| workers.saturating_mul(2).max(3)),
        start_timeout: args.start_timeout,
        output,
        overwrite: args.overwrite,
        predict,
        faults: args.fault.clone().unwrap_or_default(),
        worker_env: args.worker_env.clone(),
    })
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

#[expect(clippy::print_stdout, reason = "this is the place where the answer goes to the user")]
fn answer(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "this is the place where a failure goes to the user")]
fn complain(text: &str) {
    eprintln!("error: {text}");
}
