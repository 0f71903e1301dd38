//! What a master on a cluster shows: a plain page behind its tracking URL, and the news for the client that follows the job.
//!
//! YARN's web proxy lets GET through, without streaming, redirects or empty answers; so there is one page, and one list.
//! They are for the proxy alone, which knows its users: whoever comes to the port directly is refused, as by Hadoop's own masters.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::job::Job;
use crate::launcher::News;
use crate::report::PassReport;

/// The news so far.
#[derive(Debug)]
pub(crate) struct Board {
    job: Arc<Job>,
    attempt: u32,
    news: Mutex<Vec<String>>,
    passes: Mutex<Vec<PassReport>>,
}

#[derive(serde::Deserialize)]
struct After {
    #[serde(default)]
    after: usize,
    /// Of which attempt's news so many are known.
    #[serde(default)]
    attempt: u32,
}

/// News, and whose.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Bulletin {
    /// The attempt of the master that tells them.
    pub(crate) attempt: u32,
    /// What is not yet known of this attempt's news.
    pub(crate) news: Vec<News>,
}

impl Board {
    pub(crate) fn new(job: Arc<Job>, attempt: u32) -> Arc<Self> {
        Arc::new(Self { job, attempt, news: Mutex::default(), passes: Mutex::default() })
    }

    /// Adds news; the job's progress if it changed by that, from 0 to 1.
    pub(crate) fn post(&self, news: &News) -> Option<f32> {
        let line = serde_json::to_string(news).expect("news are plain data");
        self.news.lock().expect("no thread panics with it").push(line);
        let News::Pass(pass) = news else { return None };
        self.passes.lock().expect("no thread panics with it").push(pass.clone());
        Some(pass.pass as f32 / self.job.passes as f32)
    }

    /// The news but the first few, a line of JSON each.
    pub(crate) fn after(&self, known: usize) -> Vec<String> {
        self.news.lock().expect("no thread panics with it").iter().skip(known).cloned().collect()
    }

    /// All news, as JSON: a [`Bulletin`].
    pub(crate) fn bulletin(&self) -> String {
        format!("{{\"attempt\":{},\"news\":[{}]}}", self.attempt, self.after(0).join(","))
    }

    /// The pages, for callers from these hosts.
    pub(crate) fn router(self: Arc<Self>, proxies: Vec<String>) -> Router {
        let pages = Router::new().route("/", get(page)).route("/api/v1/news", get(news)).with_state(self);
        pages.layer(from_fn_with_state(Arc::new(proxies), admit))
    }
}

/// Names are looked up at each request, of which there are few: a proxy may move.
async fn admit(
    State(proxies): State<Arc<Vec<String>>>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let caller = caller.ip().to_canonical();
    for host in &*proxies {
        let Ok(addresses) = tokio::net::lookup_host((host.as_str(), 0)).await else { continue };
        if addresses.into_iter().any(|address| same_host(caller, address.ip().to_canonical())) {
            return next.run(request).await;
        }
    }
    (StatusCode::FORBIDDEN, "this page is behind the ResourceManager's proxy: see the tracking URL\n")
        .into_response()
}

/// A machine that calls itself may show any of its loopback addresses.
fn same_host(caller: IpAddr, host: IpAddr) -> bool {
    caller == host || caller.is_loopback() && host.is_loopback()
}

async fn news(State(board): State<Arc<Board>>, Query(After { after, attempt }): Query<After>) -> String {
    let known = if attempt == board.attempt { after } else { 0 };
    format!("{{\"attempt\":{},\"news\":[{}]}}", board.attempt, board.after(known).join(","))
}

async fn page(State(board): State<Arc<Board>>) -> Html<String> {
    let job = &board.job;
    let rows: String = board
        .passes
        .lock()
        .expect("no thread panics with it")
        .iter()
        .rev()
        .map(|pass| {
            let objective = pass.objective.map_or("-".to_owned(), |objective| format!("{objective:.6}"));
            let (covered, rows) = (pass.rows_covered, pass.rows);
            format!(
                "<tr><td>{}<td>{objective}<td>{covered} of {rows}<td>{}<td>{:.3}</tr>\n",
                pass.pass, pass.workers, pass.seconds
            )
        })
        .collect();
    let name = job.name.replace('&', "&amp;").replace('<', "&lt;");
    let (passes, workers, splits) = (job.passes, job.workers, job.splits.len());
    Html(format!(
        "<!doctype html><meta charset=utf-8><meta http-equiv=refresh content=5><title>{name}</title>\
         <style>body{{font-family:sans-serif;margin:2em}}td,th{{padding:.2em 1em;text-align:right}}</style>\
         <h1>{name}</h1><p>{workers} workers, {splits} splits, {passes} passes at the most.</p>\
         <table><tr><th>pass<th>objective<th>rows<th>workers<th>seconds</tr>\n{rows}</table>\n"
    ))
}
