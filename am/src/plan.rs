//! From flags to a job that can run: what the input is, how it is read and cut, and where its blocks are.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use lapwing_container::algorithm::{Algorithm, OnLoss};
use lapwing_container::load::{Format, Load, LoadOptions};
use lapwing_container::split::Split;
use lapwing_container::wire::handshake::nonce;

use crate::cluster::Cluster;
use crate::error::{Failure, Kind};
use crate::flags::JobArgs;
use crate::job::Job;
use crate::output;
use crate::splits::{self, Cut, InputFile, Placement};

/// Nobody can be expected to be heard of more often.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(500);

/// Workers without a master wait so long, unless a cluster takes longer to start the next one.
const MASTER_TIMEOUT: Duration = Duration::from_secs(300);

/// From flags to a job that can run, the input having been looked at.
pub(crate) fn plan<A: Algorithm>(
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
    if let Some(report) = args.report.as_deref().and_then(|report| std::path::absolute(report).ok())
        && let Some(file) = files.iter().find(|file| Path::new(&file.path) == report)
    {
        let text = format!("--report would take the place of what is read: {}", file.path);
        return Err(Failure::new(Kind::Input, text));
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
pub(crate) fn place(
    job: &Job,
    cluster: &Cluster,
) -> Result<(Vec<Placement>, BTreeMap<String, String>), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::cluster("the client's runtime", error))?;
    runtime.block_on(splits::place(&job.splits, |path| cluster.name_node(path)))
}
