//! Workers as containers: asked for by the hosts of their blocks, started with the files and secrets that the master itself
//! got, replaced on other nodes. A task of its own (see [`session`]) speaks with YARN, so that heartbeats go on whatever else
//! happens.

mod session;

use std::sync::Arc;

use lapwing_container::files::Files;
use lapwing_container::locate::Master;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use yarn_client::{Container, FinalStatus, LaunchContext, Registered, Scheduler};

use self::session::{Order, Session};
use super::{Happening, Launcher, Lease, News, Outcome};
use crate::board::Board;
use crate::cluster::ClusterJob;
use crate::engine::Seat;
use crate::error::{Failure, Kind, log};
use crate::job::Job;
use crate::output;

/// What a container of ours needs besides its role.
pub(crate) struct Kit {
    pub(crate) context: LaunchContext,
    pub(crate) master: Master,
    /// Memory of the largest container that there is, MiB.
    pub(crate) largest_mb: u64,
}

/// The master's end.
pub(crate) struct Yarn {
    orders: UnboundedSender<Order>,
    happenings: UnboundedReceiver<Happening>,
    survivors: Vec<(Seat, String)>,
    lease: Arc<Lease>,
    board: Arc<Board>,
    job: Arc<Job>,
    staging: ClusterJob,
    task: tokio::task::JoinHandle<()>,
}

impl Yarn {
    /// Takes over a registered session, and the containers that it has from an attempt before.
    pub(crate) fn new(
        job: Arc<Job>,
        cluster: ClusterJob,
        scheduler: Scheduler,
        registered: Registered,
        kit: Kit,
        board: Arc<Board>,
    ) -> Self {
        let (orders, taken) = unbounded_channel();
        let (told, happenings) = unbounded_channel();
        let lease = Arc::new(Lease::new(cluster.master_expiry / 2));
        let session =
            Session::new(job.clone(), cluster.clone(), scheduler, registered, kit, (told, lease.clone()));
        let node = |(&seat, container): (&Seat, &Container)| (seat, container.node.host.clone());
        let survivors = session.running().iter().map(node).collect();
        let task = tokio::spawn(session.run(taken));
        Self { orders, happenings, survivors, lease, board, job, staging: cluster, task }
    }
}

impl Launcher for Yarn {
    fn survivors(&self) -> Vec<(Seat, String)> {
        self.survivors.clone()
    }

    fn lease(&self) -> Arc<Lease> {
        self.lease.clone()
    }

    fn launch(&mut self, seat: Seat) {
        let _ = self.orders.send(Order::Launch(seat));
    }

    fn release(&mut self, seat: Seat) {
        let _ = self.orders.send(Order::Release(seat));
    }

    fn tell(&mut self, news: News) {
        match &news {
            News::Begun { passes, workers, splits } => {
                log(&format!("{workers} workers, {splits} splits, {passes} passes at the most"));
            }
            News::Note(text) => log(text),
            _ => {}
        }
        if let Some(progress) = self.board.post(&news) {
            let _ = self.orders.send(Order::Progress(progress));
        }
    }

    async fn next(&mut self) -> Happening {
        let gone = || Happening::Over(Failure::new(Kind::Lost, "the session with YARN is over"));
        self.happenings.recv().await.unwrap_or_else(gone)
    }

    /// Everything is done before YARN hears of the end, since that ends this process.
    async fn end(self, outcome: Outcome) {
        let (status, diagnostics) = match &outcome {
            Ok(report) => {
                let objective =
                    report.objective.map_or(String::new(), |objective| format!(", objective {objective}"));
                (FinalStatus::Succeeded, format!("{} passes{objective}", report.passes))
            }
            Err(failure) => (FinalStatus::Failed, failure.text.clone()),
        };
        log(&diagnostics);
        let failed = outcome.is_err();
        self.board.post(&News::End(outcome));
        let (board, staging, job) = (self.board.clone(), self.staging.clone(), self.job.clone());
        let _ = tokio::task::spawn_blocking(move || {
            let (files, directory) = Files::of(&staging.staging)?;
            if staging.detached {
                if failed {
                    output::discard(&job);
                }
                return files.remove(directory);
            }
            if files.status(directory)?.is_none() {
                // The client was interrupted and has cleaned up; nobody reads this any more.
                return Ok(());
            }
            files.write(&format!("{directory}/news.json"), board.bulletin().as_bytes(), 0o600)
        })
        .await;
        let _ = self.orders.send(Order::Finish(status, diagnostics));
        let _ = self.task.await;
    }
}
