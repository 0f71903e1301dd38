//! The two roles that a launcher gives: master and worker, on this machine or in a container.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lapwing_container::algorithm::Algorithm;
use lapwing_container::files::Files;
use lapwing_container::locate::Master;
use lapwing_container::wire::connection::WireError;
use lapwing_container::wire::secure::{Door, Gate};
use lapwing_container::worker::{self, Setup};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{channel, unbounded_channel};
use yarn_client::credentials::{Credentials, kind};
use yarn_client::rest::{LocalResource, ResourceManager};
use yarn_client::types::ContainerId;
use yarn_client::{LaunchContext, Scheduler, shell};

use crate::aggregate;
use crate::board::Board;
use crate::cluster::ClusterJob;
use crate::driver::Driver;
use crate::engine::Seat;
use crate::error::{Failure, log};
use crate::job::{Job, Point};
use crate::launcher::Launcher;
use crate::launcher::local::Local;
use crate::launcher::yarn::{Kit, Yarn};
use crate::listener::{bind, listen};
use crate::parent;
use crate::staging::{Role, Start};
use crate::submit::RESOURCES;
use crate::wrap::{Play, wrapped};
use crate::{checkpoint, output};

/// Plays the role that this process was given.
pub(crate) fn serve<A: Algorithm>(
    algorithm: A,
    points: Vec<(Point, A)>,
    start: Start,
    arguments: Vec<String>,
) -> Result<ExitCode, Failure> {
    let (job, trust) = start.read()?;
    if start.on_cluster() {
        let pid = std::process::id();
        match &start.role {
            Role::Master { attempt } => {
                log(&format!("master of {}, attempt {attempt}, process {pid}", job.name))
            }
            Role::Worker(Seat { worker, incarnation }, master) => {
                log(&format!("worker {worker}.{incarnation} of {}, process {pid}, calls {master}", job.name));
            }
        }
    } else {
        parent::watch(&start.staging);
    }
    let gate = trust.gate().map_err(|error| Failure::cluster("the job's certificates", error))?;
    wrapped(algorithm, points, Part { start, job, gate, arguments })
}

/// What a process needs for its role.
struct Part {
    start: Start,
    job: Job,
    gate: Gate,
    arguments: Vec<String>,
}

impl Play for Part {
    type Done = ExitCode;

    fn job(&self) -> &Job {
        &self.job
    }

    fn play<A: Algorithm>(self, algorithm: A) -> Result<ExitCode, Failure> {
        let Self { start, job, gate, arguments } = self;
        match start.role.clone() {
            Role::Worker(seat, master) => work(algorithm, seat, master, start.staging, job, gate),
            Role::Master { attempt } => lead(algorithm, attempt, &start, job, gate, arguments),
        }
    }
}

fn work<A: Algorithm>(
    algorithm: A,
    seat: Seat,
    master: Master,
    staging: String,
    job: Job,
    gate: Gate,
) -> Result<ExitCode, Failure> {
    let memory = job.cluster.as_ref().map(|cluster| cluster.worker_memory_mb << 20);
    let setup = Setup {
        job: job.id,
        gate,
        master,
        staging,
        silence: job.silence,
        master_timeout: job.master_timeout,
        memory,
        worker: seat.worker,
        incarnation: seat.incarnation,
        host: node(),
        cores: job.worker_cores as usize,
        seed: job.seed,
        splits: job.splits,
        load: job.load,
        faults: job.faults,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::cluster("a worker's runtime", error))?;
    match runtime.block_on(worker::run(algorithm, setup)) {
        // The compute thread may be in the middle of a pass that nobody waits for.
        Ok(()) => std::process::exit(0),
        Err(error @ WireError::NoMaster(..)) => {
            log(&format!("worker {} ends: {error}", seat.worker));
            std::process::exit(1)
        }
        Err(error) => Err(Failure::cluster(format!("worker {}", seat.worker), error)),
    }
}

fn lead<A: Algorithm>(
    algorithm: A,
    attempt: u32,
    start: &Start,
    job: Job,
    gate: Gate,
    arguments: Vec<String>,
) -> Result<ExitCode, Failure> {
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::cluster("the master's runtime", error))?;
    let job = Arc::new(job);
    let attempt = if start.on_cluster() { attempt_of_container()? } else { attempt };
    let failed = |error: std::io::Error| Failure::cluster("the master", error);
    let done = runtime.block_on(async {
        let (door, address) = open(&job, attempt, &start.staging, gate).map_err(failed)?;
        let master = Master { attempt, address };
        match job.cluster.clone() {
            None => {
                let since = Instant::now();
                publish(&master, &start.staging).await?;
                let launcher =
                    Local::connect(Path::new(&start.staging), master, worker::heartbeat(job.silence))
                        .await
                        .map_err(failed)?;
                Ok::<bool, Failure>(drive(algorithm, (attempt, since), job, door, launcher).await)
            }
            Some(cluster) => {
                let launcher = register(&job, cluster.clone(), master.clone(), arguments).await?;
                let since = Instant::now();
                publish(&master, &start.staging).await?;
                tokio::select! {
                    done = drive(algorithm, (attempt, since), job.clone(), door, launcher) => Ok(done),
                    () = killed(&cluster, &job) => Ok(false),
                }
            }
        }
    });
    // Threads of the user's are not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(if done? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says where this master is, to workers of the one before it.
async fn publish(master: &Master, staging: &str) -> Result<(), Failure> {
    let (master, staging) = (master.clone(), staging.to_owned());
    let published = tokio::task::spawn_blocking(move || master.publish(&staging)).await;
    let published = published.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    published.map_err(|error| Failure::cluster("telling the workers where the master is", error))
}

/// YARN starts every attempt with the same environment; its number is in the token, and in the container's name.
fn attempt_of_container() -> Result<u32, Failure> {
    let name = std::env::var("CONTAINER_ID").unwrap_or_default();
    let id: ContainerId = name.parse().map_err(|_| {
        Failure::cluster("the environment variable CONTAINER_ID", format!("{name:?} is none"))
    })?;
    Ok(id.attempt.attempt.unsigned_abs())
}

/// Returns when YARN ends this process. If that is the end of the application, and not of this attempt alone, nobody else tidies
/// up behind a job that its client has left alone.
async fn killed(cluster: &ClusterJob, job: &Arc<Job>) {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    terminate.recv().await;
    if cluster.detached && is_over(cluster).await {
        let (staging, job) = (cluster.staging.clone(), job.clone());
        let tidy = move || {
            output::discard(&job);
            Files::remove_at(&staging)
        };
        let _ = tokio::task::spawn_blocking(tidy).await;
    }
}

/// Whether the ResourceManager takes this application for ended. The next attempt needs what this one has staged.
async fn is_over(cluster: &ClusterJob) -> bool {
    let name = std::env::var("CONTAINER_ID").unwrap_or_default();
    let (Ok(id), Ok(manager)) = (name.parse::<ContainerId>(), ResourceManager::new(&cluster.webs)) else {
        return false;
    };
    let manager = manager.user(cluster.user.clone()).timeout(Duration::from_millis(200));
    // It is so a moment after the containers were told, and a moment before the NodeManager's patience with this process is over.
    // What does not succeed in between is left to the user's next submission.
    for _ in 0..20 {
        if matches!(manager.state(id.attempt.application).await, Ok(state) if state.is_final()) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

async fn drive<A: Algorithm, L: Launcher>(
    algorithm: A,
    (attempt, since): (u32, Instant),
    job: Arc<Job>,
    door: Door,
    mut launcher: L,
) -> bool {
    if attempt > 1 {
        let known = job.clone();
        let before = tokio::task::spawn_blocking(move || {
            output::finished(&known).inspect(|_| {
                checkpoint::remove(&known);
                output::forget_replaced(&known);
            })
        })
        .await;
        if let Ok(Some(report)) = before {
            log(&format!("{}: the output is complete, written by an attempt before this one", job.name));
            launcher.end(Ok(Box::new(report))).await;
            return true;
        }
    }
    let (calls, called) = channel(64);
    tokio::spawn(listen(door, job.id, calls));
    let (replies, replied) = unbounded_channel();
    let aggregator = aggregate::spawn(algorithm, job.clone(), attempt, launcher.lease(), replies);
    match Driver::new(job, attempt, since, &mut launcher, aggregator).run(called, replied).await {
        Some(outcome) => {
            let done = outcome.is_ok();
            launcher.end(outcome).await;
            done
        }
        // The workers are the next master's, and so is the last word.
        None => false,
    }
}

/// Reports for duty at the ResourceManager, with a page behind the tracking URL.
async fn register(
    job: &Arc<Job>,
    cluster: ClusterJob,
    master: Master,
    arguments: Vec<String>,
) -> Result<Yarn, Failure> {
    let credentials =
        Credentials::from_environment().map_err(|error| Failure::cluster("the container's tokens", error))?;
    let credentials = credentials.unwrap_or_default();
    let token = credentials.token_of_kind(kind::AM_RM);
    let token = token
        .ok_or_else(|| Failure::cluster("the container's tokens", "the application master's is missing"))?;
    let mut scheduler = Scheduler::new(cluster.schedulers.clone(), token)
        .map_err(|error| Failure::cluster("the application master's token", error))?;
    let board = Board::new(job.clone(), master.attempt);
    let page = bind_within(cluster.ports).map_err(|error| Failure::cluster("the master's page", error))?;
    let port = page.local_addr().map_or(0, |address| address.port());
    let host = node();
    let router = board.clone().router(cluster.proxies.clone());
    tokio::spawn(async move {
        // Without a page the job goes on all the same.
        let _ = axum::serve(page, router.into_make_service_with_connect_info::<SocketAddr>()).await;
    });
    let url = format!("http://{host}:{port}/");
    let registered = scheduler.register(&host, i32::from(port), &url).await;
    let registered =
        registered.map_err(|error| Failure::cluster("registering at the ResourceManager", error))?;
    // Unknown if the answer was lost; then no container grows.
    let largest_mb = registered.maximum.map_or(cluster.worker_memory_mb, |largest| largest.memory_mb);
    let context = kit(arguments, credentials)?;
    Ok(Yarn::new(job.clone(), cluster, scheduler, registered, Kit { context, master, largest_mb }, board))
}

/// The same program with the same arguments, files, secrets and variables as this container got.
fn kit(arguments: Vec<String>, credentials: Credentials) -> Result<LaunchContext, Failure> {
    let list = std::env::var(RESOURCES).unwrap_or_default();
    let list: BTreeMap<String, (String, u64, i64)> =
        serde_json::from_str(&list).map_err(|error| Failure::cluster("the list of staged files", error))?;
    let user = std::env::var("HADOOP_USER_NAME").unwrap_or_default();
    let file = |(name, (url, size, modified_ms)): (String, (String, u64, i64))| {
        let mut file = LocalResource::file(url, size, modified_ms);
        if !name.contains('.') {
            file.visibility = yarn_client::rest::Visibility::Private;
        }
        (name, file)
    };
    let environment = [
        ("HADOOP_USER_NAME".to_owned(), shell::literal(&user)),
        ("HADOOP_CONF_DIR".to_owned(), "{{PWD}}".to_owned()),
        ("RUST_BACKTRACE".to_owned(), "0".to_owned()),
    ];
    Ok(LaunchContext {
        command: shell::command(&arguments),
        environment: environment.into(),
        local_resources: list.into_iter().map(file).collect(),
        credentials,
    })
}

/// Where this master takes calls, and the address by which workers find it.
fn open(job: &Job, attempt: u32, staging: &str, gate: Gate) -> std::io::Result<(Door, String)> {
    match gate {
        Gate::Key(key) => {
            let path = format!("{staging}/master-{attempt}");
            Ok((Door::Socket(UnixListener::bind(&path)?, key), path))
        }
        Gate::Tls(acceptor, _) => {
            let listener = bind_within(job.cluster.as_ref().and_then(|cluster| cluster.ports))?;
            let address = format!("{}:{}", node(), listener.local_addr()?.port());
            Ok((Door::Port(listener, acceptor), address))
        }
    }
}

/// Any address, as the node's name may stand for several; one of these ports if it matters.
fn bind_within(ports: Option<(u16, u16)>) -> std::io::Result<TcpListener> {
    let Some((from, to)) = ports else { return bind(SocketAddr::from(([0, 0, 0, 0], 0))) };
    let mut last = std::io::Error::other("no port to try");
    for port in from..=to {
        match bind(SocketAddr::from(([0, 0, 0, 0], port))) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(std::io::Error::new(last.kind(), format!("none of the ports {from}-{to} is free: {last}")))
}

/// This machine as the cluster calls it.
fn node() -> String {
    std::env::var("NM_HOST").unwrap_or_else(|_| "localhost".to_owned())
}
