//! Workers as child processes on this machine. The master asks for them over a socket in the staging directory; the user's
//! process at the other end (see [`crate::parent`]) starts and ends them, as YARN does on a cluster.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lapwing_container::locate::Master;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{Happening, Launcher, Lease, News, Outcome};
use crate::engine::Seat;
use crate::error::{Failure, Kind};

/// Name of the socket in the staging directory.
pub(crate) const SOCKET: &str = "launcher";

/// What the master asks of the user's process, a line of JSON each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Wish {
    /// Start a worker, which is to call this master.
    Launch(Seat, String),
    /// End a worker.
    Release(Seat),
    /// Tell the user.
    Tell(News),
    /// Nothing; the master lives.
    Alive,
}

/// The master's end.
#[derive(Debug)]
pub(crate) struct Local {
    staging: PathBuf,
    master: Master,
    survivors: Vec<Seat>,
    wishes: UnboundedSender<Wish>,
    happenings: Lines<BufReader<OwnedReadHalf>>,
    writer: tokio::task::JoinHandle<()>,
}

impl Local {
    /// Connects to the user's process, which first says which workers there are from before.
    pub(crate) async fn connect(
        staging: &Path,
        master: Master,
        heartbeat: Duration,
    ) -> std::io::Result<Self> {
        let (read, mut write) = UnixStream::connect(staging.join(SOCKET)).await?.into_split();
        let mut happenings = BufReader::new(read).lines();
        let first = happenings.next_line().await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let survivors = serde_json::from_str(&first)?;
        let (wishes, mut queue) = unbounded_channel();
        let writer = tokio::spawn(async move {
            loop {
                let wish = match tokio::time::timeout(heartbeat, queue.recv()).await {
                    Ok(Some(wish)) => wish,
                    Ok(None) => return,
                    Err(_) => Wish::Alive,
                };
                let mut line = serde_json::to_string(&wish).expect("wishes are plain data");
                line.push('\n');
                if write.write_all(line.as_bytes()).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { staging: staging.to_owned(), master, survivors, wishes, happenings, writer })
    }

    fn wish(&self, wish: Wish) {
        // If the user's process is gone, `next` says so.
        let _ = self.wishes.send(wish);
    }
}

impl Launcher for Local {
    fn survivors(&self) -> Vec<(Seat, String)> {
        self.survivors.iter().map(|&seat| (seat, String::new())).collect()
    }

    /// The user's process ends a master before it starts another, so that there are never two.
    fn lease(&self) -> Arc<Lease> {
        Arc::new(Lease::new(Duration::MAX))
    }

    fn launch(&mut self, seat: Seat) {
        self.wish(Wish::Launch(seat, self.master.to_string()));
    }

    fn release(&mut self, seat: Seat) {
        self.wish(Wish::Release(seat));
    }

    fn tell(&mut self, news: News) {
        self.wish(Wish::Tell(news));
    }

    async fn next(&mut self) -> Happening {
        let gone = || {
            // Before this process ends: the threads that watch for this may not get to it.
            let _ = std::fs::remove_dir_all(&self.staging);
            Happening::Over(Failure::new(Kind::Lost, "the process that started this job is gone"))
        };
        match self.happenings.next_line().await {
            Ok(Some(line)) => serde_json::from_str(&line).unwrap_or_else(|_| gone()),
            _ => gone(),
        }
    }

    /// The user's process ends the workers; all wishes are with it when this returns.
    async fn end(self, outcome: Outcome) {
        self.wish(Wish::Tell(News::End(outcome)));
        drop(self.wishes);
        let _ = self.writer.await;
    }
}
