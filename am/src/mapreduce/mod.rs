//! `--master mapreduce`: the very same program and algorithm as iterated MapReduce, the way that Lapwing replaces, to compare
//! with. Each pass is one job of Hadoop Streaming: map tasks read their splits again, take the state from the distributed
//! cache, run one pass and emit one update each; the reduce task merges along the same tree; this process steps, writes the
//! next state and starts the next job. So the model has the same bits.
//!
//! It is to be as good as iterated MapReduce gets: see [`Streaming::settings`]. What a JVM per task and a job per pass cost
//! remains, as does a first job that counts rows and columns: the first state may depend on them.
//!
//! - [`feed`]: who reads which split.
//! - [`streaming`]: one job, from its command line to its end.
//! - [`task`]: this program in a map or reduce task; [`records`]: what passes between them.

mod feed;
mod records;
mod streaming;
mod task;

use std::ffi::OsString;
use std::io::{Cursor, Write};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use lapwing_container::algorithm::{Algorithm, RoundKind};
use lapwing_container::files::Files;
use lapwing_container::merge_tree::Tree;
use lapwing_container::wire::message::{PAYLOAD_CAP, Round, Summary};
use lapwing_container::wire::{Buffer, Wire};
use serde_json::{Map, Value};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use zip::write::SimpleFileOptions;

use self::feed::Feed;
use self::records::{Harvest, Note};
use self::streaming::{NUMBERS, Streaming};
use self::task::{Broadcast, FOLDER, HARVEST, STAGED, STATE, Staged, Work, aligned};
use crate::aggregate::{self, Reply, Request};
use crate::chronicle::Chronicle;
use crate::cluster::Cluster;
use crate::error::{Failure, Kind};
use crate::flags::JobArgs;
use crate::job::{Job, Point};
use crate::launcher::{Lease, News};
use crate::parent::Signals;
use crate::progress::Progress;
use crate::report::JobReport;
use crate::wrap::{Play, wrapped};
use crate::{binary, output, submit};

pub(crate) use task::Task;

/// A NodeManager hears of a kill at its next heartbeat, and is patient with the process for a quarter of a second.
const LINGERING: Duration = Duration::from_secs(3);

/// Runs a job as iterated MapReduce and sees it through.
pub(crate) fn run<A: Algorithm>(
    algorithm: A,
    points: Vec<(Point, A)>,
    job: Job,
    args: &JobArgs,
    arguments: &[OsString],
    cluster: &Cluster,
    progress: &mut Progress,
) -> Result<JobReport, Failure> {
    check(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::cluster("the client's runtime", error))?;
    // First of all: from here on a signal leaves nothing behind.
    let signals = {
        let _inside = runtime.enter();
        Signals::new().map_err(|error| Failure::cluster("signals", error))?
    };
    runtime.block_on(submit::check_queue(args, cluster))?;
    let home = cluster.qualify(&format!("/user/{}/.lapwing", cluster.user))?;
    let staging = format!("{home}/mapreduce-{:016x}", job.id);
    let feed = feed_of(&job, args);
    if feed == Feed::Task {
        progress.note("map tasks read their splits themselves, wherever they run: MapReduce places tasks by blocks only for plain text that is cut by --split-size and whose files are not combined");
    }
    let outcome = stage(&job, args, arguments, cluster, &home, &staging, feed).and_then(|program| {
        let streaming = Streaming::new(&job, args, cluster, feed, staging.clone(), program)?;
        let rounds = Rounds { runtime: &runtime, signals, streaming, progress, start: Instant::now() };
        wrapped(algorithm, points, rounds)
    });
    let _ = Files::remove_at(&staging);
    if outcome.is_err() {
        output::discard(&job);
        // MapReduce's master lives for a moment after its application is killed, and may just then make its output's folder.
        let end = Instant::now() + LINGERING;
        while Instant::now() < end {
            std::thread::sleep(LINGERING / 10);
            let _ = Files::remove_at(&staging);
        }
    }
    // A thread that is still busy with HDFS is not waited for.
    runtime.shutdown_background();
    outcome
}

/// What `--dry-run` adds: the command, and the settings of each job.
pub(crate) fn describe(
    job: &Job,
    args: &JobArgs,
    cluster: &Cluster,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let feed = feed_of(job, args);
    let streaming = Streaming::new(job, args, cluster, feed, String::new(), String::new())?;
    let reader = match feed {
        Feed::Hadoop { .. } => "Hadoop's TextInputFormat, which places the map tasks",
        Feed::Task => "the map tasks themselves, wherever they run",
    };
    let mut lines = vec![("read by", reader.to_owned()), ("command", streaming.shown())];
    lines.extend(streaming.settings().into_iter().map(|(key, value)| ("setting", format!("{key}={value}"))));
    Ok(lines)
}

/// A job's rounds, one MapReduce job each.
struct Rounds<'a> {
    runtime: &'a tokio::runtime::Runtime,
    signals: Signals,
    streaming: Streaming<'a>,
    progress: &'a mut Progress,
    start: Instant,
}

/// The master's half of the algorithm, on its own thread as in the other engines.
struct Aggregator {
    requests: mpsc::Sender<Request>,
    replies: UnboundedReceiver<Reply>,
}

/// Sums over all map tasks of all rounds.
#[derive(Default)]
struct Totals {
    tasks: u64,
    repeated: u64,
    bytes: u64,
    load_nanos: u64,
    pass_nanos: u64,
}

impl Play for Rounds<'_> {
    type Done = JobReport;

    fn job(&self) -> &Job {
        self.streaming.job
    }

    fn play<A: Algorithm>(mut self, algorithm: A) -> Result<JobReport, Failure> {
        let job = Arc::new(self.streaming.job.clone());
        let splits = job.splits.len() as u32;
        let mut chronicle = Chronicle::new(job.clone(), 1);
        let mut totals = Totals::default();
        self.progress.show(&News::Begun { passes: job.passes, workers: splits, splits });
        let summary = self.load(&job, &mut chronicle)?;
        let (replier, replies) = unbounded_channel();
        // Nobody takes this process's place.
        let lease = Arc::new(Lease::new(Duration::MAX));
        let requests = aggregate::spawn(algorithm, job.clone(), 1, lease, replier);
        let mut aggregator = Aggregator { requests, replies };
        let Reply::Initialised(mut begun) = self.ask(&mut aggregator, Request::Initialise(summary))? else {
            return Err(confused());
        };
        let mut round = Round { pass: 1, kind: RoundKind::Train };
        loop {
            chronicle.broadcast(round, 0..splits);
            let (notes, update) = self.round(round, &(summary, begun.state.to_vec()))?;
            for note in &notes {
                chronicle.update(round, note.pass_nanos);
                if let Some(text) = repeated(note) {
                    chronicle.note(&text);
                    self.progress.note(&text);
                }
            }
            totals.add(&notes);
            let (splits_covered, rows_covered) = (summary.splits, summary.rows);
            chronicle.covered(splits_covered, rows_covered, 0);
            let (splits_stale, rows_stale) = (0, 0);
            let step = Request::Step { round, splits_covered, rows_covered, splits_stale, rows_stale };
            let root = Tree::new(splits).root();
            let _ = aggregator.requests.send(Request::Merge(root, update));
            match self.ask(&mut aggregator, step)? {
                Reply::Trained { next, objective, done, update_bytes, observed } => {
                    let pass = chronicle.trained(objective, update_bytes, &next, observed);
                    if let Some(advice) = chronicle.advice(update_bytes) {
                        self.progress.note(&advice);
                    }
                    self.progress.show(&News::Pass(pass));
                    begun = next;
                    // As the engine goes on: see `Engine::stepped`.
                    let kind = if !done && round.pass < job.passes {
                        RoundKind::Train
                    } else if chronicle.measured() {
                        RoundKind::Evaluate
                    } else {
                        break;
                    };
                    round = Round { pass: round.pass + 1, kind };
                }
                Reply::Scored(objective, observed) => {
                    chronicle.scored(objective, observed);
                    break;
                }
                _ => return Err(confused()),
            }
        }
        chronicle.findings(totals.findings());
        let write =
            Request::Write(chronicle.lines().to_vec(), Box::new(chronicle.close(self.start.elapsed())));
        let Reply::Written(findings) = self.ask(&mut aggregator, write)? else {
            return Err(confused());
        };
        chronicle.findings(findings);
        Ok(chronicle.close(self.start.elapsed()))
    }
}

impl Rounds<'_> {
    /// The first job: rows and columns.
    fn load(&mut self, job: &Job, chronicle: &mut Chronicle) -> Result<Summary, Failure> {
        self.runtime.block_on(self.streaming.run(Work::Load, None, &mut self.signals))?;
        let (notes, _) = self.harvest()?;
        let mut summary = Summary { splits: job.training, ..Summary::default() };
        for Note { loaded, .. } in &notes {
            chronicle.loaded(*loaded, self.start.elapsed());
        }
        for Note { loaded, .. } in notes.iter().take(job.training as usize) {
            summary.rows += loaded.rows;
            summary.stored += loaded.stored;
            summary.columns = summary.columns.max(loaded.columns);
        }
        summary.columns = job.load.columns.unwrap_or(summary.columns);
        if summary.rows == 0 {
            return Err(Failure::new(Kind::Input, "the input holds no rows"));
        }
        chronicle.summary(summary);
        self.progress.show(&News::Loaded(job.splits.len() as u32));
        Ok(summary)
    }

    /// One round: the state goes into HDFS, the harvest comes out.
    fn round(&mut self, round: Round, broadcast: &Broadcast) -> Result<(Vec<Note>, Buffer), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::cluster("the state in HDFS", error);
        let work = Work::Round(round);
        // A name for each round: nodes keep what the distributed cache has brought, by its name and time.
        let state = format!("{}/{STATE}-{}", self.streaming.staging, work.word().replace(':', "-"));
        let bytes = broadcast.encode().map_err(|error| failed(&error))?;
        let (files, path) = Files::of(&state).map_err(|error| failed(&error))?;
        files.write(path, &bytes, 0o600).map_err(|error| failed(&error))?;
        self.runtime.block_on(self.streaming.run(work, Some(&state), &mut self.signals))?;
        let harvest = self.harvest();
        let _ = files.remove(path);
        harvest
    }

    /// What the reduce task has left.
    fn harvest(&self) -> Result<(Vec<Note>, Buffer), Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::cluster("the reduce task's result", error);
        let uri = format!("{}/{HARVEST}", self.streaming.staging);
        let (files, path) = Files::of(&uri).map_err(|error| failed(&error))?;
        let bytes = files.read(path, 2 * PAYLOAD_CAP).map_err(|error| failed(&error))?;
        files.remove(path).map_err(|error| failed(&error))?;
        let (notes, update) = Harvest::decode(&aligned(&bytes)).map_err(|error| failed(&error))?;
        Ok((notes, aligned(&update)))
    }

    /// Asks the aggregator; a step may take long, and Ctrl-C ends it.
    fn ask(&mut self, aggregator: &mut Aggregator, request: Request) -> Result<Reply, Failure> {
        // It ends only after a failure, which it has told before.
        let _ = aggregator.requests.send(request);
        let reply = self.runtime.block_on(async {
            tokio::select! {
                reply = aggregator.reply() => reply.ok_or_else(confused),
                name = self.signals.next() => {
                    Err(Failure::new(Kind::Interrupted, format!("interrupted by {name}")))
                }
            }
        })?;
        match reply {
            Reply::Failed(failure) => Err(failure),
            reply => Ok(reply),
        }
    }
}

impl Aggregator {
    async fn reply(&mut self) -> Option<Reply> {
        loop {
            match self.replies.recv().await {
                // The driver never dies alone: nobody has to keep the memory for it.
                Some(Reply::Remembered | Reply::Merged) => {}
                reply => return reply,
            }
        }
    }
}

impl Totals {
    fn add(&mut self, notes: &[Note]) {
        for note in notes {
            self.tasks += 1;
            self.repeated += u64::from(note.attempt);
            self.bytes += note.loaded.bytes_read;
            self.load_nanos += note.loaded.nanos;
            self.pass_nanos += note.pass_nanos;
        }
    }

    /// For the summary: what the rounds' map tasks did, all together.
    fn findings(&self) -> Map<String, Value> {
        let figures = [
            ("map_tasks", self.tasks as f64),
            ("map_tasks_repeated", self.repeated as f64),
            ("map_bytes_read", self.bytes as f64),
            ("map_load_seconds", self.load_nanos as f64 / 1e9),
            ("map_pass_seconds", self.pass_nanos as f64 / 1e9),
        ];
        figures.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
    }
}

/// Brings into HDFS what the tasks need; where the program is.
fn stage(
    job: &Job,
    args: &JobArgs,
    arguments: &[OsString],
    cluster: &Cluster,
    home: &str,
    staging: &str,
    feed: Feed,
) -> Result<String, Failure> {
    let path = args.binary.clone().map_or_else(std::env::current_exe, Ok);
    let path = path.map_err(|error| Failure::cluster("finding this program", error))?;
    let program = std::fs::read(&path)
        .map_err(|error| Failure::new(Kind::Input, format!("{}: {error}", path.display())))?;
    binary::check(&path, &program)?;
    let words = arguments.iter().map(|word| word.to_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
    let arguments = words.ok_or_else(|| Failure::new(Kind::Usage, "an argument is not valid UTF-8"))?;
    let staged = Staged { job: job.clone(), arguments, feed, staging: staging.to_owned() };
    let staged = serde_json::to_vec(&staged).expect("a job is plain data");
    let numbers: String = (0..job.splits.len()).map(|split| format!("{split}\n")).collect();
    let put = || {
        let program = submit::send_program(home, staging, "program", &program)?;
        let (files, folder) = Files::of(staging)?;
        let bundle =
            bundle(&[(STAGED, &staged), ("core-site.xml", cluster.flat_configuration().as_bytes())])?;
        files.write(&format!("{folder}/{FOLDER}.zip"), &bundle, 0o600)?;
        files.write(&format!("{folder}/{NUMBERS}"), numbers.as_bytes(), 0o600)?;
        Ok(program.url)
    };
    put().map_err(|error: std::io::Error| Failure::cluster(format!("staging in {staging}"), error))
}

/// An archive that each node unpacks once.
fn bundle(entries: &[(&str, &[u8])]) -> std::io::Result<Vec<u8>> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in entries {
        archive.start_file(*name, options)?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}

fn feed_of(job: &Job, args: &JobArgs) -> Feed {
    Feed::of(job, args.splits.is_none().then_some(args.split_size.0))
}

/// Refuses what MapReduce cannot do.
fn check(args: &JobArgs) -> Result<(), Failure> {
    let usage = |text: String| Err(Failure::new(Kind::Usage, text));
    if args.resume || args.checkpoint_every.is_some() {
        return usage("--resume and --checkpoint-every: as MapReduce no checkpoints are written".to_owned());
    }
    if args.detach {
        return usage("--detach: as MapReduce this process drives the passes, so it must stay".to_owned());
    }
    for variable in &args.worker_env {
        let pair = format!("{}={}", variable.key, variable.value);
        if variable.worker.is_some() || pair.contains(char::is_whitespace) {
            return usage(format!(
                "--worker-env {pair}: as MapReduce it is for all tasks, and without blanks"
            ));
        }
    }
    Ok(())
}

fn repeated(note: &Note) -> Option<String> {
    let (split, attempt) = (note.loaded.split, note.attempt);
    (attempt > 0)
        .then(|| format!("the map task of split {split} was repeated: attempt {} counts", attempt + 1))
}

fn confused() -> Failure {
    Failure::new(Kind::Cluster, "the aggregator ended without a word")
}
