//! The ResourceManager's scheduler as an application master sees it: register, heartbeat, finish.
//!
//! A heartbeat ([`Scheduler::allocate`]) tells what is wanted and brings what was granted and what has ended. The
//! ResourceManager numbers its answers and keeps the last one, so a heartbeat whose answer was lost is simply sent again, word
//! for word. After a restart or a failover the ResourceManager knows the application but neither its master nor its asks: the
//! master registers again and tells everything again, which happens in here and is reported in [`Beat::resynced`].
//! Source: `org.apache.hadoop.yarn.client.api.impl.AMRMClientImpl`.

mod beat;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use prost::Message;

use crate::{
    asks::{Ask, Asks, News},
    credentials::Token,
    error::{Error, ErrorKind, Result},
    proto::{
        convert,
        security::AmRmTokenIdentifier,
        service::{
            AllocateRequest, AllocateResponse, FinishRequest, FinishResponse, RegisterRequest,
            RegisterResponse,
        },
    },
    rest::FinalStatus,
    rpc::{Deadlines, Identity, Proxy},
    types::{ApplicationAttemptId, ContainerId},
};

pub use beat::{Beat, NodeChange, NodeState, Preemption, Registered};

/// The session of one application attempt with the ResourceManager.
///
/// ```no_run
/// # async fn master(addresses: Vec<String>, token: yarn_client::credentials::Token) -> yarn_client::Result<()> {
/// use yarn_client::{Ask, FinalStatus, LaunchContext, NodeManagers, Scheduler, shell, types::Resource};
///
/// let mut scheduler = Scheduler::new(addresses, &token)?;
/// let nodes = NodeManagers::new();
/// let context = LaunchContext { command: shell::command(["sleep", "10"]), ..LaunchContext::default() };
/// nodes.add_tokens(scheduler.register("", -1, "").await?.node_tokens);
/// scheduler.ask(Ask::new(1, Resource::new(512, 1)));
/// let mut done = false;
/// while !done {
///     let beat = scheduler.allocate(0.0).await?;
///     nodes.add_tokens(beat.node_tokens);
///     for container in &beat.granted {
///         nodes.start(container, &context).await?;
///     }
///     done = !beat.completed.is_empty();
///     tokio::time::sleep(scheduler.pace()).await;
/// }
/// scheduler.finish(FinalStatus::Succeeded, "", "").await
/// # }
/// ```
///
/// All its calls may be given up (dropped, or lost in a `select!`) and made again: nothing is told twice or forgotten.
pub struct Scheduler {
    proxy: Proxy,
    deadlines: Deadlines,
    attempt: ApplicationAttemptId,
    registration: RegisterRequest,
    asks: Asks,
    response_id: i32,
    /// The heartbeat that was sent and perhaps processed: it has to be sent again as it was.
    unanswered: Option<(AllocateRequest, News)>,
    /// What a registration in the course of a heartbeat brought.
    resynced: Option<Registered>,
}

/// `AMCommandProto`, from before there were exceptions for it.
const RESYNC: i32 = 1;
const SHUT_DOWN: i32 = 2;

impl Scheduler {
    /// For the attempt that the AMRM token belongs to ([`kind::AM_RM`](crate::credentials::kind)). `addresses` are the
    /// scheduler addresses (`host:port`, usually port 8030) of all ResourceManagers. Connects when first needed.
    ///
    /// # Errors
    /// The token does not name an attempt.
    pub fn new(addresses: Vec<String>, am_rm_token: &Token) -> Result<Self> {
        Self::with_deadlines(addresses, am_rm_token, Deadlines::default())
    }

    /// As [`Scheduler::new`], with other deadlines. Calls may be made again after they ran out.
    ///
    /// # Errors
    /// The token does not name an attempt.
    pub fn with_deadlines(addresses: Vec<String>, am_rm_token: &Token, deadlines: Deadlines) -> Result<Self> {
        let identifier = AmRmTokenIdentifier::decode(&*am_rm_token.identifier)
            .map_err(|error| Error::invalid(format!("this is no token of an application master: {error}")))?;
        let attempt = convert::attempt(identifier.attempt)
            .map_err(|_| Error::invalid("this is no token of an application master: it names no attempt"))?;
        let identity = Identity::Token(am_rm_token.clone());
        Ok(Self {
            proxy: Proxy::new(
                "org.apache.hadoop.yarn.api.ApplicationMasterProtocolPB",
                addresses,
                identity,
                deadlines.clone(),
            ),
            deadlines,
            attempt,
            registration: RegisterRequest::default(),
            asks: Asks::default(),
            response_id: 0,
            unanswered: None,
            resynced: None,
        })
    }

    /// Which attempt this is.
    pub fn attempt(&self) -> ApplicationAttemptId {
        self.attempt
    }

    /// Reports for duty; to be done before anything else and within the AM expiry (15 minutes by default).
    ///
    /// `host` is shown to clients, as is `rpc_port` (-1 for none). `tracking_url` is where the web proxy sends users; empty for
    /// the ResourceManager's own page.
    ///
    /// # Errors
    /// [`ErrorKind::AttemptOver`], or the ResourceManager was not reached in time.
    pub async fn register(&mut self, host: &str, rpc_port: i32, tracking_url: &str) -> Result<Registered> {
        self.registration = RegisterRequest {
            host: Some(host.into()),
            rpc_port: Some(rpc_port),
            tracking_url: Some(tracking_url.into()),
        };
        self.register_again().await
    }

    /// Wants a container, from the next heartbeat on. Takes the place of an earlier ask with the same key.
    pub fn ask(&mut self, ask: Ask) {
        self.asks.ask(ask);
    }

    /// Wants it no more. If it is granted all the same, it is given back.
    pub fn cancel(&mut self, key: i64) {
        self.asks.cancel(key);
    }

    /// Gives a container back; if it runs, it is killed. Its end is reported as [`ExitStatus::Aborted`](crate::ExitStatus).
    pub fn release(&mut self, container: ContainerId) {
        self.asks.release(container);
    }

    /// Wants nothing more on this host (a name as in [`NodeId::host`](crate::types::NodeId)). Nothing lifts this when no host is
    /// left, so keep the list short.
    pub fn avoid(&mut self, host: &str) {
        self.asks.avoid(host);
    }

    /// Takes this host again.
    pub fn allow(&mut self, host: &str) {
        self.asks.allow(host);
    }

    /// How long to wait until the next heartbeat: 200 ms while containers are waited for, else 1 s.
    pub fn pace(&self) -> Duration {
        Duration::from_millis(if self.asks.is_waiting() { 200 } else { 1000 })
    }

    /// The heartbeat. Tells what is new and brings what is new; `progress` (0 to 1) is shown to users.
    ///
    /// Everything in the answer is told only once. Hand [`Beat::node_tokens`] to the NodeManagers before starting what was
    /// granted.
    ///
    /// # Errors
    /// [`ErrorKind::AttemptOver`]: stop working and exit. `InvalidResourceRequestException`: an ask is more than the cluster
    /// has; cancel it and go on. Otherwise the ResourceManager was not reached in time: call again.
    pub async fn allocate(&mut self, progress: f32) -> Result<Beat> {
        // Twice in a row it may have restarted; more often than that something else is wrong.
        for _ in 0..3 {
            let (request, _) = self.unanswered.get_or_insert_with(|| {
                let news = self.asks.take_news();
                let request = AllocateRequest {
                    asks: news.asks.clone(),
                    releases: news.releases.iter().map(|id| (*id).into()).collect(),
                    blacklist: news.blacklist.clone(),
                    response_id: Some(self.response_id),
                    progress: Some(progress),
                };
                (request, news)
            });
            match self.proxy.call::<AllocateResponse>("allocate", request).await {
                Ok(answer) if answer.command() == SHUT_DOWN => {
                    return Err(over("the ResourceManager says so"));
                }
                Ok(answer) if answer.command() == RESYNC => self.resync().await?,
                Ok(answer) => return self.take(answer).await,
                Err(error) if error.is("ApplicationMasterNotRegisteredException") => self.resync().await?,
                Err(error) => return Err(self.refused(error)),
            }
        }
        Err(Error::protocol("the ResourceManager forgets this master as soon as it registers")
            .during("allocate"))
    }

    /// Ends the application; all its containers are killed. Waits until the ResourceManager has put it down.
    ///
    /// The NodeManager may end this process before the answer comes: finish all other work first, and take SIGTERM after this
    /// call for success. `tracking_url` is where users are sent from now on; empty for none.
    ///
    /// # Errors
    /// The ResourceManager was not reached or did not finish in time.
    pub async fn finish(&mut self, status: FinalStatus, diagnostics: &str, tracking_url: &str) -> Result<()> {
        let request = FinishRequest {
            diagnostics: Some(diagnostics.into()),
            tracking_url: Some(tracking_url.into()),
            final_status: Some(convert::final_status(status)),
        };
        let started = Instant::now();
        let mut told = false;
        while started.elapsed() < self.deadlines.retry {
            match self.proxy.call::<FinishResponse>("finishApplicationMaster", &request).await {
                Ok(answer) if answer.unregistered() => return Ok(()),
                Ok(_) => told = true,
                Err(error) if error.is("ApplicationMasterNotRegisteredException") => {
                    self.resync().await?;
                    continue;
                }
                Err(error) => {
                    // An application that was told to end, and has ended, knows its master no more.
                    let told = told || error.attempts() > 1;
                    let error = attempt_over(error);
                    return if told && error.is_attempt_over() { Ok(()) } else { Err(error) };
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(Error::from(ErrorKind::Timeout(started.elapsed())).during("finishApplicationMaster"))
    }

    /// The ResourceManager knows this master no more: registers again and has everything told again.
    async fn resync(&mut self) -> Result<()> {
        tracing::info!(attempt = %self.attempt, "the ResourceManager has restarted: registering again");
        self.unanswered = None;
        self.response_id = 0;
        self.asks.tell_again();
        let registered = self.register_again().await?;
        self.resynced = Some(registered);
        Ok(())
    }

    async fn register_again(&mut self) -> Result<Registered> {
        let answer =
            self.proxy.call::<RegisterResponse>("registerApplicationMaster", &self.registration).await;
        match answer {
            Ok(answer) => Registered::from_wire(answer),
            // The answer to an earlier call was lost, or its caller did not wait for it.
            Err(error) if error.is(WRONG_REQUEST) && error.to_string().contains("already registered") => {
                Ok(Registered::default())
            }
            Err(error) => Err(attempt_over(error)),
        }
    }

    /// Brings the answer into the books. Between the end of the call and the end of the books there is no waiting but for the
    /// lock of the proxy, and what could be lost there is still in `unanswered`.
    async fn take(&mut self, mut answer: AllocateResponse) -> Result<Beat> {
        if let Some(token) = answer.am_rm_token.take() {
            // Sent until it is used, so the next call is made with it. The old one stays good for a day.
            self.proxy.set_identity(Identity::Token(token.into())).await;
        }
        let response_id = answer.response_id();
        let mut beat = Beat::from_wire(answer)?;
        beat.granted.retain(|container| self.asks.accept(container));
        beat.completed.iter().for_each(|completed| self.asks.completed(completed.id));
        beat.resynced = self.resynced.take();
        self.response_id = response_id;
        self.unanswered = None;
        Ok(beat)
    }

    /// A heartbeat that YARN refuses was not processed, so its news is untold. After any other failure, that of a new connection
    /// for one, the attempt before may have been processed, and it has to be sent again as it was.
    fn refused(&mut self, error: Error) -> Error {
        let by_yarn =
            matches!(error.kind(), ErrorKind::Remote { class, .. } if class.starts_with(EXCEPTIONS));
        if let Some((_, news)) = self.unanswered.take_if(|_| by_yarn) {
            self.asks.take_back(news);
        }
        attempt_over(error)
    }
}

/// The package of the exceptions that stand for a decision of YARN's.
const EXCEPTIONS: &str = "org.apache.hadoop.yarn.exceptions.";

const WRONG_REQUEST: &str = "InvalidApplicationMasterRequestException";

/// Gives the exceptions that mean "your attempt is over" one kind.
fn attempt_over(error: Error) -> Error {
    let gone = error.is("ApplicationAttemptNotFoundException")
        || error.is("InvalidToken")
        || (error.is(WRONG_REQUEST) && error.to_string().contains("doesn't exist"));
    let message = error.kind().to_string();
    if gone { error.with_kind(ErrorKind::AttemptOver(message)) } else { error }
}

fn over(message: &str) -> Error {
    Error::from(ErrorKind::AttemptOver(message.into())).during("allocate")
}
