//! The NodeManagers: start, stop and look at containers.
//!
//! Each NodeManager wants a token of its own, which the scheduler sends **once** per node and attempt; they are kept here.
//! Connections are kept while they are used. Source: `org.apache.hadoop.yarn.client.api.impl.NMClientImpl`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{
    container::{Container, ContainerStatus, NodeToken},
    credentials::Token,
    error::{Error, Result},
    launch::LaunchContext,
    proto::service::{
        ContainerException, ContainerIds, GetContainerStatusesResponse, StartContainerRequest,
        StartContainersRequest, StartContainersResponse, StopContainersResponse,
    },
    rpc::{Deadlines, Identity, Proxy},
    types::NodeId,
};

/// The NodeManagers for which there is a token. All methods may be called at the same time.
#[derive(Default)]
pub struct NodeManagers {
    deadlines: Deadlines,
    nodes: Mutex<HashMap<NodeId, Node>>,
}

struct Node {
    token: Token,
    proxy: Option<Arc<Proxy>>,
    used: Instant,
}

const PROTOCOL: &str = "org.apache.hadoop.yarn.api.ContainerManagementProtocolPB";

/// Connections that were not used for so long are closed: a large cluster's NodeManagers close them too.
const IDLE: Duration = Duration::from_secs(30);

impl NodeManagers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// None yet, with other deadlines.
    pub fn with_deadlines(deadlines: Deadlines) -> Self {
        Self { deadlines, ..Self::default() }
    }

    /// Keeps tokens that a registration or a heartbeat brought. To be done before anything else with what it brought.
    pub fn add_tokens(&self, tokens: impl IntoIterator<Item = NodeToken>) {
        let mut nodes = self.lock();
        for NodeToken { node, token } in tokens {
            nodes.insert(node, Node { token, proxy: None, used: Instant::now() });
        }
    }

    /// Starts a container. When it returns, the NodeManager has taken the order; files are fetched after that.
    ///
    /// # Errors
    /// No token for the node; the NodeManager's exception (`InvalidContainerException`: the container is lost, ask for
    /// another); or the NodeManager was not reached in time.
    pub async fn start(&self, container: &Container, context: &LaunchContext) -> Result<()> {
        let request =
            StartContainerRequest { context: Some(context.to_wire()?), token: Some(container.token.clone()) };
        let request = StartContainersRequest { requests: vec![request] };
        let started = Instant::now();
        let mut repeated = false;
        loop {
            // Not repeated by the proxy, so that it is known here whether it was.
            let answer = self
                .proxy(&container.node)?
                .call_once::<StartContainersResponse>("startContainers", &request)
                .await;
            let outcome = answer.and_then(|answer| accepted(answer.failed));
            let Err(error) = outcome else { return Ok(()) };
            // The order had arrived; its answer had not.
            if repeated && error.to_string().contains("Attempt to relaunch the same container") {
                return Ok(());
            }
            if !error.is_temporary() || started.elapsed() >= self.deadlines.retry {
                return Err(error.at(&container.node.to_string()).during("startContainers"));
            }
            repeated = true;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Stops a container: SIGTERM, and SIGKILL soon after. Its end is reported by the scheduler.
    ///
    /// # Errors
    /// No token for the node, the NodeManager's exception (it may not know the container any more), or it was not reached.
    pub async fn stop(&self, container: &Container) -> Result<()> {
        let answer: StopContainersResponse =
            self.proxy(&container.node)?.call("stopContainers", &only(container)).await?;
        accepted(answer.failed)
            .map_err(|error| error.at(&container.node.to_string()).during("stopContainers"))
    }

    /// How a container is doing.
    ///
    /// # Errors
    /// As for [`NodeManagers::stop`].
    pub async fn status(&self, container: &Container) -> Result<ContainerStatus> {
        let answer: GetContainerStatusesResponse =
            self.proxy(&container.node)?.call("getContainerStatuses", &only(container)).await?;
        let context = |error: Error| error.at(&container.node.to_string()).during("getContainerStatuses");
        accepted(answer.failed).map_err(context)?;
        let status = answer.statuses.into_iter().next();
        let status = status.ok_or_else(|| context(Error::protocol("an answer without the container")))?;
        ContainerStatus::from_wire(status).map_err(context)
    }

    fn proxy(&self, node: &NodeId) -> Result<Arc<Proxy>> {
        let mut nodes = self.lock();
        let now = Instant::now();
        for (other, entry) in nodes.iter_mut() {
            if other != node && now.duration_since(entry.used) > IDLE {
                entry.proxy = None;
            }
        }
        let no_token = || Error::invalid(format!("there is no token for the NodeManager {node}"));
        let entry = nodes.get_mut(node).ok_or_else(no_token)?;
        entry.used = now;
        let proxy = entry.proxy.get_or_insert_with(|| {
            let identity = Identity::Token(entry.token.clone());
            Arc::new(Proxy::new(PROTOCOL, vec![node.to_string()], identity, self.deadlines.clone()))
        });
        Ok(Arc::clone(proxy))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn only(container: &Container) -> ContainerIds {
    ContainerIds { containers: vec![container.id.into()] }
}

/// These calls succeed as a whole even if they fail for every container: the failures stand in a list.
fn accepted(failed: Vec<ContainerException>) -> Result<()> {
    let Some(failure) = failed.into_iter().next() else { return Ok(()) };
    let exception = failure.exception.unwrap_or_default();
    Err(Error::remote(exception.class, exception.message.as_deref(), false))
}
