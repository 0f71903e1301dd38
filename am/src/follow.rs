//! A submitted job, as its user sees it: looked at until its end, killed by Ctrl-C.

use std::time::{Duration, Instant};

use lapwing_container::files::Files;
use yarn_client::rest::{ApplicationReport, ApplicationState};
use yarn_client::types::ApplicationId;

use crate::board::Bulletin;
use crate::cluster::{Cluster, room};
use crate::error::{Failure, Kind};
use crate::job::Job;
use crate::launcher::News;
use crate::parent::Signals;
use crate::progress::Progress;
use crate::report::JobReport;
use crate::submit::Submitted;

/// How often the client looks.
const LOOK: Duration = Duration::from_millis(500);

/// Looks at an application until its end.
pub(crate) async fn follow(
    job: &Job,
    id: ApplicationId,
    cluster: &Cluster,
    staging: &str,
    signals: &mut Signals,
    progress: &mut Progress,
) -> Result<Submitted, Failure> {
    progress.note(&format!(
        "submitted {id} to the queue {}",
        job.cluster.as_ref().map_or("", |cluster| &cluster.queue)
    ));
    let mut watch = Watch {
        page: page_client()?,
        attempt: 1,
        known: 0,
        url: None,
        began: Instant::now(),
        heard: Instant::now(),
        ran: false,
    };
    loop {
        let looked = tokio::select! {
            looked = watch.look(id, cluster, job, progress) => looked?,
            name = signals.next() => {
                let interrupted =
                    |what: String| Failure::new(Kind::Interrupted, format!("interrupted by {name}; {what}"));
                return match cluster.manager.kill(id, Duration::from_secs(10)).await {
                    Ok(_) => Err(interrupted(format!("{id} is killed"))),
                    Err(error) => Ok(Submitted::OutOfSight(interrupted(format!(
                        "{id} may still run, try `yarn application -kill {id}`: {error}"
                    )))),
                };
            }
        };
        if let Some(report) = looked {
            let (known, ran) = ((watch.attempt, watch.known), watch.ran);
            return conclude(id, &report, known, ran, staging, progress).await.map(Submitted::Done);
        }
        if watch.heard.elapsed() > PATIENCE {
            let seconds = PATIENCE.as_secs();
            let text = format!(
                "the ResourceManager has said nothing of {id} for {seconds} s, and it may still run: try `yarn application -status {id}`"
            );
            return Ok(Submitted::OutOfSight(Failure::new(Kind::Cluster, text)));
        }
    }
}

/// A ResourceManager that has said nothing of the application for so long is not waited for.
const PATIENCE: Duration = Duration::from_secs(300);

struct Watch {
    page: reqwest::Client,
    /// The master that was last heard, and how many of its news are shown.
    attempt: u32,
    known: usize,
    url: Option<String>,
    began: Instant,
    /// When the ResourceManager last answered.
    heard: Instant,
    ran: bool,
}

impl Watch {
    /// Looks once; the report when the application is over.
    async fn look(
        &mut self,
        id: ApplicationId,
        cluster: &Cluster,
        job: &Job,
        progress: &mut Progress,
    ) -> Result<Option<ApplicationReport>, Failure> {
        tokio::time::sleep(LOOK).await;
        // The ResourceManager may restart, and then knows the application again or has lost it with everything else.
        let Ok(report) = cluster.manager.report(id).await else { return Ok(None) };
        self.heard = Instant::now();
        if report.state.is_final() {
            return Ok(Some(report));
        }
        if report.state == ApplicationState::Running {
            self.ran = true;
            if self.url.is_none() && report.tracking_url.is_some() {
                self.url = report.tracking_url.clone();
                progress.note(&format!("follow it at {}", self.url.as_deref().unwrap_or_default()));
            }
            self.news(progress).await;
        } else if self.began.elapsed() > Duration::from_secs(job.start_timeout) && !self.ran {
            let queue = job.cluster.as_ref().map_or("", |cluster| cluster.queue.as_str());
            let why = room(&cluster.manager, queue).await;
            let diagnostics = first_line(&report.diagnostics);
            let _ = cluster.manager.kill(id, Duration::from_secs(10)).await;
            let seconds = job.start_timeout;
            let text = format!(
                "{id} got no container for its master within {seconds} s: {why}. YARN says: {diagnostics}"
            );
            return Err(Failure::new(Kind::Cluster, text));
        }
        Ok(None)
    }

    async fn news(&mut self, progress: &mut Progress) {
        let Some(url) = &self.url else { return };
        let (known, attempt) = (self.known, self.attempt);
        let url = format!("{}/api/v1/news?after={known}&attempt={attempt}", url.trim_end_matches('/'));
        let Ok(answer) = self.page.get(url).send().await else { return };
        let Ok(bytes) = answer.bytes().await else { return };
        // A page of the proxy's own, while the master is not there, is no bulletin.
        let Ok(bulletin) = serde_json::from_slice::<Bulletin>(&bytes) else { return };
        if bulletin.attempt != self.attempt {
            (self.attempt, self.known) = (bulletin.attempt, 0);
        }
        self.known += bulletin.news.len();
        bulletin.news.iter().for_each(|news| progress.show(news));
    }
}

/// The end as the master told it, or as YARN did when the master could not.
async fn conclude(
    id: ApplicationId,
    report: &ApplicationReport,
    (attempt, known): (u32, usize),
    ran: bool,
    staging: &str,
    progress: &mut Progress,
) -> Result<Box<JobReport>, Failure> {
    let root = staging.to_owned();
    let read = move || {
        let (files, directory) = Files::of(&root)?;
        files.read(&format!("{directory}/news.json"), 256 << 20)
    };
    let told = tokio::task::spawn_blocking(read).await.ok().and_then(Result::ok).unwrap_or_default();
    let mut end = None;
    if let Ok(bulletin) = serde_json::from_slice::<Bulletin>(&told) {
        let known = if bulletin.attempt == attempt { known } else { 0 };
        for (number, news) in bulletin.news.into_iter().enumerate() {
            match news {
                News::End(outcome) => end = Some(outcome),
                news if number >= known => progress.show(&news),
                _ => {}
            }
        }
    }
    let logs = format!("see `yarn logs -applicationId {id}`");
    match end {
        Some(outcome) => {
            outcome.map_err(|failure| Failure { text: format!("{} ({logs})", failure.text), ..failure })
        }
        _ => {
            let kind = match report.state {
                ApplicationState::Killed => Kind::Interrupted,
                _ if ran => Kind::Lost,
                _ => Kind::Cluster,
            };
            let text = format!("{id} is {}: {}; {logs}", report.state, first_line(&report.diagnostics));
            Err(Failure::new(kind, text))
        }
    }
}

fn page_client() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build();
    client.map_err(|error| Failure::cluster("the client's HTTP", error))
}

/// Diagnostics are long; their first lines say what happened.
fn first_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(3).collect();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join(" ") }
}
