//! What a client asks of YARN over HTTP: submit, watch and kill applications, see nodes and queues.
//!
//! [`ResourceManager`] asks whichever of a cluster's ResourceManagers works. Every request has a deadline, answers are
//! capped, and refusals are typed ([`RestError`]).
//!
//! ```no_run
//! # async fn submit() -> Result<(), Box<dyn std::error::Error>> {
//! use yarn_client::{config::Configuration, rest::{ResourceManager, Submission}, shell, types::Resource};
//!
//! let yarn = ResourceManager::from_configuration(&Configuration::from_environment()?)?.user("alice");
//! let new = yarn.new_application().await?;
//! let command = shell::command(["sleep", "60"]);
//! yarn.submit(&Submission::new(new.id, "nap", command, Resource::new(256, 1))).await?;
//! println!("{}", yarn.report(new.id).await?.state);
//! # Ok(())
//! # }
//! ```

mod application;
mod cluster;
mod error;
mod http;
mod json;
mod queue;
mod submission;

use std::fmt;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use reqwest::{Client, ClientBuilder, Method, Url, redirect};
use serde_json::json;

pub use application::{ApplicationReport, ApplicationState, FinalStatus};
pub use cluster::{ClusterInfo, ClusterMetrics, NodeReport};
pub use error::RestError;
pub use queue::QueueReport;
pub use submission::{Access, LocalResource, Submission, Visibility};

use crate::config::Configuration;
use crate::types::{ApplicationId, Resource};
use http::{Answer, Transport};
use json::Fields;

/// A cluster's ResourceManager, or several of which one works, over HTTP (`/ws/v1/cluster`).
pub struct ResourceManager {
    transport: Transport,
}

/// An id for a new application, and what its containers may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewApplication {
    /// The id.
    pub id: ApplicationId,
    /// The largest container that the cluster gives.
    pub largest_container: Resource,
}

impl ResourceManager {
    /// A client for ResourceManagers at these addresses: `http://rm.example.org:8088` or `rm.example.org:8088`.
    ///
    /// # Errors
    /// [`RestError::BadAddress`].
    pub fn new<A: AsRef<str>>(addresses: impl IntoIterator<Item = A>) -> Result<Self, RestError> {
        Self::with_client(addresses, Client::builder())
    }

    /// A client that connects in its own way: other certificates, a proxy. For `https` addresses the crate's feature
    /// `https` must be switched on.
    ///
    /// # Errors
    /// [`RestError::BadAddress`].
    pub fn with_client<A: AsRef<str>>(
        addresses: impl IntoIterator<Item = A>,
        client: ClientBuilder,
    ) -> Result<Self, RestError> {
        let servers: Vec<Url> =
            addresses.into_iter().map(|address| server(address.as_ref())).collect::<Result<_, _>>()?;
        let bad = |reason: String| {
            let address = servers.iter().map(Url::to_string).collect::<Vec<_>>().join(", ");
            RestError::BadAddress { address, reason }
        };
        if servers.is_empty() {
            return Err(bad("there must be at least one".into()));
        }
        // Redirects are followed by hand: the body must go along, and a token must not go everywhere.
        let client = client.redirect(redirect::Policy::none()).connect_timeout(CONNECT_TIMEOUT);
        #[cfg(feature = "https")]
        // Fails where the program has installed a provider of its own, which then counts.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = client.build().map_err(|error| bad(error.to_string()))?;
        let transport = Transport {
            client,
            servers,
            preferred: AtomicUsize::new(0),
            user: None,
            delegation_token: None,
            timeout: Duration::from_secs(20),
            patience: Duration::from_secs(20),
            max_answer: MAX_ANSWER_BYTES,
        };
        Ok(Self { transport })
    }

    /// A client for the ResourceManagers that a configuration names.
    ///
    /// # Errors
    /// [`RestError::BadAddress`], also if the configuration is malformed.
    pub fn from_configuration(configuration: &Configuration) -> Result<Self, RestError> {
        let addresses = configuration.resource_manager_web();
        Self::new(addresses.map_err(|error| RestError::BadAddress {
            address: "yarn.resourcemanager.webapp.address".into(),
            reason: error.to_string(),
        })?)
    }

    /// Who asks. A cluster without Kerberos believes it, and runs applications as this user; without it, it takes everybody
    /// for `hadoop.http.staticuser.user`.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.transport.user = Some(user.into());
        self
    }

    /// Who asks, for a cluster with Kerberos: an `RM_DELEGATION_TOKEN` in its text form
    /// ([`Token::to_url_string`](crate::credentials::Token::to_url_string)). No user is named then.
    pub fn delegation_token(mut self, token: impl Into<String>) -> Self {
        self.transport.delegation_token = Some(token.into());
        self.transport.user = None;
        self
    }

    /// How long one server may take for one answer (20 s unless set).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.transport.timeout = timeout;
        self
    }

    /// How long servers that do not answer, or stand by, are tried again (20 s unless set; zero tries each one once).
    pub fn patience(mut self, patience: Duration) -> Self {
        self.transport.patience = patience;
        self
    }

    /// An id for a new application.
    ///
    /// # Errors
    /// [`RestError`], as in all requests here.
    pub async fn new_application(&self) -> Result<NewApplication, RestError> {
        let answer = self.ask(Method::POST, "apps/new-application", &[], None).await?;
        let json = answer.json()?;
        let id = Fields(&json)
            .text("application-id")
            .parse()
            .map_err(|error| answer.malformed(format!("{error}")))?;
        let largest = cluster::resource(Fields(&json).of("maximum-resource-capability"));
        let largest_container =
            largest.ok_or_else(|| answer.malformed("the largest container is missing".into()))?;
        Ok(NewApplication { id, largest_container })
    }

    /// Hands an application over. The ResourceManager looks at it afterwards: an unknown queue, missing rights or tokens that
    /// it cannot renew show as [`ApplicationState::Failed`] in the report.
    ///
    /// # Errors
    /// [`RestError::SubmissionDisabled`]; [`RestError::Remote`] with `BadRequestException` where the master's container is
    /// larger than the cluster allows; and others.
    pub async fn submit(&self, submission: &Submission) -> Result<(), RestError> {
        let answer = self.ask(Method::POST, "apps", &[], Some(&submission.to_json())).await?;
        if answer.status.as_u16() != 202 {
            return Err(answer.malformed(format!("status {} where 202 is promised", answer.status)));
        }
        Ok(())
    }

    /// What the ResourceManager knows about an application.
    ///
    /// # Errors
    /// [`RestError`]; [`RestError::is_not_found`] if it does not know it.
    pub async fn report(&self, id: ApplicationId) -> Result<ApplicationReport, RestError> {
        let answer = self.ask(Method::GET, &format!("apps/{id}"), &[], None).await?;
        let json = answer.json()?;
        ApplicationReport::read(Fields(&json).of("app")).map_err(|message| answer.malformed(message))
    }

    /// The applications with a tag, in whatever state.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn tagged(&self, tag: &str) -> Result<Vec<ApplicationReport>, RestError> {
        let answer = self.ask(Method::GET, "apps", &[("applicationTags", tag)], None).await?;
        let json = answer.json()?;
        let reports = Fields(&json).of("apps").list("app").map(ApplicationReport::read);
        reports.collect::<Result<_, _>>().map_err(|message| answer.malformed(message))
    }

    /// The state of an application: less work for the ResourceManager than a report.
    ///
    /// # Errors
    /// [`RestError`]; [`RestError::is_not_found`] if it does not know it.
    pub async fn state(&self, id: ApplicationId) -> Result<ApplicationState, RestError> {
        let answer = self.ask(Method::GET, &format!("apps/{id}/state"), &[], None).await?;
        state_of(&answer)
    }

    /// Kills an application and waits until it has ended, at most for `wait`. Returns how it ended: it may have finished
    /// before.
    ///
    /// # Errors
    /// [`RestError::StillRunning`]; [`RestError::Remote`] with `ForbiddenException` where the user may not; and others.
    pub async fn kill(&self, id: ApplicationId, wait: Duration) -> Result<ApplicationState, RestError> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(50);
        loop {
            // The same request again, not the state alone: the answer to the first one may have been lost in a failover.
            let killed = json!({"state": "KILLED"});
            let answer = self.ask(Method::PUT, &format!("apps/{id}/state"), &[], Some(&killed)).await?;
            let state = state_of(&answer)?;
            if state.is_final() {
                return Ok(state);
            }
            let elapsed = began.elapsed();
            if elapsed + pause > wait {
                return Err(RestError::StillRunning { id, state, elapsed });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// The nodes of the cluster, lost ones too.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn nodes(&self) -> Result<Vec<NodeReport>, RestError> {
        let answer = self.ask(Method::GET, "nodes", &[], None).await?;
        let json = answer.json()?;
        let nodes = Fields(&json).of("nodes").list("node").map(NodeReport::read);
        nodes.collect::<Result<_, _>>().map_err(|message| answer.malformed(message))
    }

    /// All queues, each before those that it holds; none where the scheduler has no queues.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn queues(&self) -> Result<Vec<QueueReport>, RestError> {
        let answer = self.ask(Method::GET, "scheduler", &[], None).await?;
        Ok(QueueReport::read_all(Fields(&answer.json()?).of("scheduler").of("schedulerInfo")))
    }

    /// One queue by its full name, or by its last one; `None` if there is none.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn queue(&self, name: &str) -> Result<Option<QueueReport>, RestError> {
        let mut queues = self.queues().await?;
        let found = queues.iter().position(|queue| queue.path == name);
        let found = found.or_else(|| queues.iter().position(|queue| queue.name == name && queue.is_leaf));
        Ok(found.map(|index| queues.swap_remove(index)))
    }

    /// What the ResourceManager says about itself.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn cluster_info(&self) -> Result<ClusterInfo, RestError> {
        let answer = self.ask(Method::GET, "info", &[], None).await?;
        Ok(ClusterInfo::read(Fields(&answer.json()?).of("clusterInfo")))
    }

    /// The cluster in numbers.
    ///
    /// # Errors
    /// [`RestError`].
    pub async fn cluster_metrics(&self) -> Result<ClusterMetrics, RestError> {
        let answer = self.ask(Method::GET, "metrics", &[], None).await?;
        Ok(ClusterMetrics::read(Fields(&answer.json()?).of("clusterMetrics")))
    }

    /// A property of the ResourceManager's own configuration, with its variables replaced; `None` if it is not set there.
    ///
    /// # Errors
    /// [`RestError`]; some clusters show it to administrators only.
    pub async fn property(&self, name: &str) -> Result<Option<String>, RestError> {
        let answer = match self.transport.ask(Method::GET, "/conf", &[("name", name)], None).await {
            // The bare status, without any body.
            Err(RestError::Refused { status: 404, message, .. }) if message == http::NO_REASON => {
                return Ok(None);
            }
            answer => answer?,
        };
        Ok(Fields(&answer.json()?).of("property").text_or_none("value"))
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, RestError> {
        self.transport.ask(method, &format!("/ws/v1/cluster/{path}"), query, body).await
    }
}

impl fmt::Debug for ResourceManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<&str> = self.transport.servers.iter().map(Url::as_str).collect();
        f.debug_struct("ResourceManager").field("servers", &servers).finish_non_exhaustive()
    }
}

/// The list of some ten thousand nodes.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A host that drops packets must not use up the time for the others.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

fn server(address: &str) -> Result<Url, RestError> {
    let bad = |reason: String| RestError::BadAddress { address: address.into(), reason };
    let text = if address.contains("://") { address.into() } else { format!("http://{address}") };
    let url = Url::parse(&text).map_err(|error| bad(error.to_string()))?;
    match url.scheme() {
        "http" => Ok(url),
        "https" if cfg!(feature = "https") => Ok(url),
        "https" => Err(bad("yarn-client was built without its feature \"https\"".into())),
        _ => Err(bad("only http and https are spoken".into())),
    }
}

fn state_of(answer: &Answer) -> Result<ApplicationState, RestError> {
    let Ok(state) = Fields(&answer.json()?).text("state").parse();
    Ok(state)
}

#[cfg(test)]
mod tests;
