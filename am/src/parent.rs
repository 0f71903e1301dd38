//! The user's process in local mode: it plays YARN's part. Master and workers are its children; when it goes, they go. A master
//! that is lost is started again, and the workers go on with it.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_container::worker::heartbeat;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::engine::Seat;
use crate::error::{Failure, Kind};
use crate::job::Job;
use crate::launcher::local::{SOCKET, Wish};
use crate::launcher::{Happening, News, Outcome};
use crate::progress::Progress;
use crate::report::JobReport;
use crate::staging::{Role, environment};

/// Children that are asked to end have so long before they are killed.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a staged job to its end.
pub(crate) async fn run(
    job: &Arc<Job>,
    staging: &Path,
    mut signals: Signals,
    progress: &mut Progress,
) -> Result<JobReport, Failure> {
    let failed = |error| Failure::cluster("starting the job on this machine", error);
    let listener = UnixListener::bind(staging.join(SOCKET)).map_err(failed)?;
    let (ended, ends) = unbounded_channel();
    let mut parent =
        Parent { job, listener, children: Children::new(job.clone(), staging, ended), ends, progress };
    let mut attempt = 1;
    let outcome = loop {
        match parent.lead(attempt, &mut signals).await {
            Ok(Led::Over(outcome)) => break outcome,
            Ok(Led::Lost(how)) if attempt < job.max_attempts => {
                attempt += 1;
                let most = job.max_attempts;
                parent
                    .progress
                    .note(&format!("the master {how}; starting it again (attempt {attempt} of {most})"));
            }
            Ok(Led::Lost(how)) => {
                let attempts = if attempt > 1 {
                    format!(" in attempt {attempt}, the last of --max-attempts")
                } else {
                    String::new()
                };
                let text = format!("the master {how} before the job's end{attempts}; nothing was written");
                break Err(Failure::new(Kind::Lost, text));
            }
            Err(error) => break Err(failed(error)),
        }
    };
    parent.children.end().await;
    outcome.map(|report| *report)
}

/// What became of one master.
enum Led {
    /// It brought the job to its end, or the user did.
    Over(Outcome),
    /// It was lost; how.
    Lost(String),
}

struct Parent<'a> {
    job: &'a Arc<Job>,
    listener: UnixListener,
    children: Children,
    /// Workers that ended; how.
    ends: UnboundedReceiver<(Seat, String)>,
    progress: &'a mut Progress,
}

impl Parent<'_> {
    /// Sees one master through.
    async fn lead(&mut self, attempt: u32, signals: &mut Signals) -> std::io::Result<Led> {
        let mut master = self.children.master(attempt)?;
        let _alive = master.stdin.take();
        let mut line: Option<Line> = None;
        let mut outcome = None;
        let mut clock = Clock::since(Instant::now());
        let mut heard = clock.now();
        let mut tick = tokio::time::interval(heartbeat(self.job.silence) / 4);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    // The first word to a master is which workers it has from the one before.
                    line = accepted.ok().map(|(stream, _)| Line::new(stream, &self.children.seats()));
                    heard = clock.now();
                }
                wish = Line::next(&mut line) => match wish {
                    Some(wish) => {
                        heard = clock.now();
                        match wish {
                            Wish::Tell(News::End(end)) => outcome = Some(end),
                            wish => self.grant(wish),
                        }
                    }
                    None => line = None,
                },
                Some((seat, how)) = self.ends.recv() => {
                    self.children.forget(seat);
                    if let Some(line) = &line {
                        line.say(&Happening::Ended(seat, how));
                    }
                }
                status = master.wait() => {
                    // What it said last may still be on its way.
                    while line.is_some()
                        && let Ok(Some(wish)) = tokio::time::timeout(GRACE, Line::next(&mut line)).await
                    {
                        match wish {
                            Wish::Tell(News::End(end)) => outcome = Some(end),
                            wish => self.grant(wish),
                        }
                    }
                    let how = status.map_or_else(|error| format!("was lost sight of: {error}"), describe);
                    // If the answer is known, a master that fails while it ends changes nothing.
                    return Ok(outcome.map_or(Led::Lost(how), Led::Over));
                }
                _ = tick.tick() => {
                    let limit = match (&outcome, &line) {
                        (Some(_), _) => GRACE,
                        (None, Some(_)) => self.job.silence,
                        // It has not called yet; or it has hung up and is about to end.
                        (None, None) => Duration::from_secs(self.job.start_timeout),
                    };
                    let quiet = clock.now() - heard;
                    if quiet > limit {
                        if let Some(outcome) = outcome {
                            let _ = master.kill().await;
                            return Ok(Led::Over(outcome));
                        }
                        // One that stands still is as good as lost, and must not wake up beside the next.
                        let _ = master.kill().await;
                        let seconds = quiet.as_secs();
                        return Ok(Led::Lost(format!("gave no sign of life for {seconds} s")));
                    }
                }
                name = signals.next() => {
                    let _ = master.kill().await;
                    return Ok(Led::Over(Err(Failure::new(Kind::Interrupted, format!("interrupted by {name}")))));
                }
            }
        }
    }

    fn grant(&mut self, wish: Wish) {
        match wish {
            Wish::Launch(seat, master) => self.children.launch(seat, &master),
            Wish::Release(seat) => self.children.release(seat),
            Wish::Tell(news) => self.progress.show(&news),
            Wish::Alive => {}
        }
    }
}

/// The connection of a master.
struct Line {
    wishes: UnboundedReceiver<Wish>,
    words: UnboundedSender<String>,
}

impl Line {
    fn new(stream: UnixStream, survivors: &[Seat]) -> Self {
        let (read, mut write) = stream.into_split();
        let (words, mut queue) = unbounded_channel::<String>();
        tokio::spawn(async move {
            while let Some(word) = queue.recv().await {
                if write.write_all(word.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        let (inbox, wishes) = unbounded_channel();
        tokio::spawn(async move {
            let mut lines = BufReader::new(read).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(wish) = serde_json::from_str(&line) else { return };
                if inbox.send(wish).is_err() {
                    return;
                }
            }
        });
        let line = Self { wishes, words };
        line.say(survivors);
        line
    }

    fn say<T: serde::Serialize + ?Sized>(&self, words: &T) {
        let words = serde_json::to_string(words).expect("happenings are plain data");
        let _ = self.words.send(words + "\n");
    }

    /// The next wish; none at the end of the connection. Where there is no connection it waits for ever.
    async fn next(line: &mut Option<Self>) -> Option<Wish> {
        match line {
            Some(line) => line.wishes.recv().await,
            None => std::future::pending().await,
        }
    }
}

/// In a child: ends this process when the user's process ends, however that happens, by the pipe on stdin that it holds open.
pub(crate) fn watch(staging: &str) {
    let staging = staging.to_owned();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        // Nobody else is left to do it.
        let _ = std::fs::remove_dir_all(staging);
        std::process::exit(1);
    });
}

/// The worker processes.
struct Children {
    job: Arc<Job>,
    staging: String,
    kill: BTreeMap<Seat, oneshot::Sender<()>>,
    ended: UnboundedSender<(Seat, String)>,
    tasks: tokio::task::JoinSet<()>,
}

impl Children {
    fn new(job: Arc<Job>, staging: &Path, ended: UnboundedSender<(Seat, String)>) -> Self {
        let (staging, kill, tasks) =
            (staging.display().to_string(), BTreeMap::new(), tokio::task::JoinSet::new());
        Self { job, staging, kill, ended, tasks }
    }

    fn master(&self, attempt: u32) -> std::io::Result<Child> {
        let mut command = self.command()?;
        command.envs(environment(&self.staging, &Role::Master { attempt }));
        command.spawn()
    }

    /// The workers that live.
    fn seats(&self) -> Vec<Seat> {
        self.kill.keys().copied().collect()
    }

    fn launch(&mut self, seat: Seat, master: &str) {
        let spawned = self.command().and_then(|mut command| {
            let master = master.parse().map_err(std::io::Error::other)?;
            command.envs(environment(&self.staging, &Role::Worker(seat, master)));
            let own = |of: Option<u32>| of.is_none_or(|worker| worker == seat.worker);
            for variable in self.job.worker_env.iter().filter(|variable| own(variable.worker)) {
                command.env(&variable.key, &variable.value);
            }
            command.spawn()
        });
        let (kill, killed) = oneshot::channel();
        self.kill.insert(seat, kill);
        let ended = self.ended.clone();
        self.tasks.spawn(async move {
            let how = match spawned {
                Err(error) => format!("could not be started: {error}"),
                Ok(mut child) => {
                    // Waiting would close it, and the child would take that for the end of this process.
                    let _alive = child.stdin.take();
                    let status = tokio::select! {
                        status = child.wait() => status,
                        _ = killed => {
                            let _ = child.start_kill();
                            child.wait().await
                        }
                    };
                    status.map_or_else(|error| format!("was lost sight of: {error}"), describe)
                }
            };
            let _ = ended.send((seat, how));
        });
    }

    fn release(&mut self, seat: Seat) {
        if let Some(kill) = self.kill.remove(&seat) {
            let _ = kill.send(());
        }
    }

    fn forget(&mut self, seat: Seat) {
        self.kill.remove(&seat);
    }

    /// Waits for the workers, who were told to stop, and kills those that linger.
    async fn end(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            self.kill.clear();
            while self.tasks.join_next().await.is_some() {}
        }
    }

    fn command(&self) -> std::io::Result<Command> {
        let program = std::env::current_exe()?;
        // A program that was replaced or removed since it began is still there under this name.
        let program = if program.exists() { program } else { "/proc/self/exe".into() };
        let mut command = Command::new(program);
        command
            .args(std::env::args_os().skip(1))
            // A pipe that nobody writes to: it closes when this process ends, however it ends, and the child with it.
            .stdin(Stdio::piped())
            // Only the answer goes to stdout; what user code prints goes where messages go.
            .stdout(std::io::stderr())
            // Ctrl-C is for this process alone, which then ends its children.
            .process_group(0)
            .kill_on_drop(true);
        Ok(command)
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (_, Some(9)) => {
            "was killed by signal 9 (SIGKILL; the kernel does so when memory runs out)".to_owned()
        }
        (_, signal) => format!("was killed by signal {}", signal.unwrap_or(0)),
    }
}

/// The signals that interrupt a job.
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
