//! The user's process in local mode: it plays YARN's part. Master and workers are its children; when it goes, they go.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixListener;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::engine::Seat;
use crate::error::{Failure, Kind};
use crate::job::Job;
use crate::launcher::local::{SOCKET, Wish};
use crate::launcher::{Happening, News};
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
    let mut children = Children::new(job.clone(), staging);
    let mut master = children.master().map_err(failed)?;
    let _alive = master.stdin.take();
    // The master reads happenings until its end; the sender goes with it.
    let (happenings, outbox) = unbounded_channel();
    let (inbox, mut wishes) = unbounded_channel();
    tokio::spawn(speak(listener, outbox, inbox));
    let mut end = None;
    loop {
        tokio::select! {
            wish = wishes.recv(), if end.is_none() => match wish {
                Some(Wish::Launch(seat, master)) => children.launch(seat, &master, happenings.clone()),
                Some(Wish::Release(seat)) => children.release(seat),
                Some(Wish::Tell(News::End(outcome))) => end = Some(outcome),
                Some(Wish::Tell(news)) => progress.show(&news),
                None => end = Some(Err(master_lost(&mut master).await)),
            },
            _ = master.wait() => {
                // If the answer is known, a master that fails while it ends changes nothing.
                if end.is_none() {
                    let last = last_word(&mut wishes, progress).await;
                    end = Some(match last {
                        Some(outcome) => outcome,
                        None => Err(master_lost(&mut master).await),
                    });
                }
                break;
            }
            () = tokio::time::sleep(GRACE), if end.is_some() => break,
            name = signals.next() => {
                end = Some(Err(Failure::new(Kind::Interrupted, format!("interrupted by {name}"))));
                break;
            }
        }
    }
    let _ = master.kill().await;
    children.end().await;
    end.expect("the loop ends with an outcome").map(|report| *report)
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

/// Passes lines between the master's socket and this process.
async fn speak(
    listener: UnixListener,
    mut outbox: UnboundedReceiver<Happening>,
    inbox: UnboundedSender<Wish>,
) {
    let Ok((stream, _)) = listener.accept().await else { return };
    let (read, mut write) = stream.into_split();
    let writer = tokio::spawn(async move {
        while let Some(happening) = outbox.recv().await {
            let mut line = serde_json::to_string(&happening).expect("happenings are plain data");
            line.push('\n');
            if write.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let Ok(wish) = serde_json::from_str(&line) else { break };
        if inbox.send(wish).is_err() {
            break;
        }
    }
    writer.abort();
}

/// The end of the job, if the master told it before it went. One that never called is not waited for longer than that.
async fn last_word(
    wishes: &mut UnboundedReceiver<Wish>,
    progress: &mut Progress,
) -> Option<Result<Box<JobReport>, Failure>> {
    let listen = async {
        while let Some(wish) = wishes.recv().await {
            match wish {
                Wish::Tell(News::End(outcome)) => return Some(outcome),
                Wish::Tell(news) => progress.show(&news),
                Wish::Launch(..) | Wish::Release(_) => {}
            }
        }
        None
    };
    tokio::time::timeout(GRACE, listen).await.ok().flatten()
}

async fn master_lost(master: &mut Child) -> Failure {
    let status = tokio::time::timeout(GRACE, master.wait()).await;
    let how = match status {
        Ok(Ok(status)) => describe(status),
        _ => "closed its connection".to_owned(),
    };
    Failure::new(Kind::Lost, format!("the master {how} before the job's end; nothing was written"))
}

/// The worker processes.
struct Children {
    job: Arc<Job>,
    staging: String,
    kill: BTreeMap<Seat, oneshot::Sender<()>>,
    tasks: tokio::task::JoinSet<()>,
}

impl Children {
    fn new(job: Arc<Job>, staging: &Path) -> Self {
        Self {
            job,
            staging: staging.display().to_string(),
            kill: BTreeMap::new(),
            tasks: tokio::task::JoinSet::new(),
        }
    }

    fn master(&self) -> std::io::Result<Child> {
        let mut command = self.command()?;
        command.envs(environment(&self.staging, &Role::Master { attempt: 1 }));
        command.spawn()
    }

    fn launch(&mut self, seat: Seat, master: &str, happenings: UnboundedSender<Happening>) {
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
            let _ = happenings.send(Happening::Ended(seat, how));
        });
    }

    fn release(&mut self, seat: Seat) {
        if let Some(kill) = self.kill.remove(&seat) {
            let _ = kill.send(());
        }
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
        let mut command = Command::new(std::env::current_exe()?);
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
