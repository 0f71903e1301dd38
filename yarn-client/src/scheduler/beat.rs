//! What the ResourceManager tells a master, in this crate's types.

use crate::{
    container::{Completed, Container, NodeToken},
    error::Result,
    proto::{
        convert,
        service::{AllocateResponse, PreemptionContainer, PreemptionMessage, RegisterResponse},
        yarn::NodeReport,
    },
    types::{ContainerId, NodeId, Resource},
};

/// The answer to a registration.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Registered {
    /// The largest container there is. `None` if the ResourceManager's answer was lost (a registration is answered once).
    pub maximum: Option<Resource>,
    /// The application's queue: `root.default`, and before Hadoop 3.4 `default`.
    pub queue: String,
    /// Whether the scheduler counts cores too. By default it counts memory alone.
    pub counts_cores: bool,
    /// Containers of earlier attempts that still run, if the application keeps them. More may follow in [`Beat::previous`].
    pub previous: Vec<Container>,
    /// The tokens for their NodeManagers; they are not sent again.
    pub node_tokens: Vec<NodeToken>,
}

/// The answer to a heartbeat: everything that is new since the last.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Beat {
    /// Containers that answer an ask; [`Container::key`] says which. What nobody asked for was given back already.
    pub granted: Vec<Container>,
    /// Containers that have ended, among them perhaps some that this attempt never knew.
    pub completed: Vec<Completed>,
    /// Tokens for NodeManagers that are new to this attempt.
    pub node_tokens: Vec<NodeToken>,
    /// Nodes that came, went or fell ill.
    pub nodes: Vec<NodeChange>,
    /// Containers that the scheduler wants back.
    pub preemption: Preemption,
    /// How much more the application could get at the moment.
    pub headroom: Resource,
    /// How many nodes the cluster has.
    pub cluster_nodes: u32,
    /// Containers of earlier attempts that were not yet known at registration.
    pub previous: Vec<Container>,
    /// The ResourceManager had restarted: this is what the new registration brought. Ends of containers are reported again
    /// once their nodes have come back to it.
    pub resynced: Option<Registered>,
}

/// A node that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeChange {
    /// Which.
    pub node: NodeId,
    /// How it is now.
    pub state: NodeState,
    /// Its rack, such as `/default-rack`.
    pub rack: String,
    /// What its health check says.
    pub health: String,
}

/// How a node is (`org.apache.hadoop.yarn.api.records.NodeState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum NodeState {
    /// It has registered and was not heard since.
    New,
    /// It takes containers.
    Running,
    /// It takes none: its health check fails.
    Unhealthy,
    /// It was taken out of service.
    Decommissioned,
    /// It was not heard for too long. Its processes may still run, if only the NodeManager died.
    Lost,
    /// Its NodeManager was restarted.
    Rebooted,
    /// It is being taken out of service and takes no new containers.
    Decommissioning,
    /// It was shut down in an orderly way.
    Shutdown,
    /// A state that Hadoop 3.5 does not know.
    Unknown,
}

/// Containers that the scheduler wants back. Asked for again at every heartbeat until it has been seen to or time is up
/// (15 s by default), when they are killed as [`ExitStatus::Preempted`](crate::ExitStatus).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preemption {
    /// These will go.
    pub certain: Vec<ContainerId>,
    /// These will go unless as much is released elsewhere.
    pub negotiable: Vec<ContainerId>,
}

impl NodeState {
    /// Whether its containers are lost.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Lost | Self::Decommissioned | Self::Rebooted | Self::Shutdown)
    }

    fn from_wire(state: i32) -> Self {
        use NodeState::*;
        let states = [New, Running, Unhealthy, Decommissioned, Lost, Rebooted, Decommissioning, Shutdown];
        let index = usize::try_from(state).ok().and_then(|state| state.checked_sub(1));
        index.and_then(|index| states.get(index)).copied().unwrap_or(Unknown)
    }
}

impl Registered {
    pub(super) fn from_wire(answer: RegisterResponse) -> Result<Self> {
        const CPU: i32 = 1;
        Ok(Self {
            counts_cores: answer.resource_types.contains(&CPU),
            maximum: answer.maximum_capability.map(Resource::from),
            queue: answer.queue.unwrap_or_default(),
            previous: each(answer.previous_containers, convert::container)?,
            node_tokens: each(answer.nm_tokens, convert::node_token)?,
        })
    }
}

impl Beat {
    pub(super) fn from_wire(answer: AllocateResponse) -> Result<Self> {
        Ok(Self {
            cluster_nodes: answer.cluster_nodes().try_into().unwrap_or(0),
            granted: each(answer.allocated, convert::container)?,
            completed: each(answer.completed, Completed::from_wire)?,
            node_tokens: each(answer.nm_tokens, convert::node_token)?,
            nodes: each(answer.updated_nodes, NodeChange::from_wire)?,
            preemption: Preemption::from_wire(answer.preempt.unwrap_or_default())?,
            headroom: answer.limit.unwrap_or_default().into(),
            previous: each(answer.previous_containers, convert::container)?,
            resynced: None,
        })
    }
}

impl NodeChange {
    fn from_wire(report: NodeReport) -> Result<Self> {
        Ok(Self {
            state: NodeState::from_wire(report.state()),
            node: convert::node(report.node)?,
            rack: report.rack.unwrap_or_default(),
            health: report.health_report.unwrap_or_default(),
        })
    }
}

impl Preemption {
    fn from_wire(message: PreemptionMessage) -> Result<Self> {
        let ids = |containers| {
            each(containers, |container: PreemptionContainer| convert::container_id(container.id))
        };
        Ok(Self {
            certain: ids(message.strict.unwrap_or_default().containers)?,
            negotiable: ids(message.contract.unwrap_or_default().containers)?,
        })
    }
}

fn each<A, B>(from: Vec<A>, convert: impl FnMut(A) -> Result<B>) -> Result<Vec<B>> {
    from.into_iter().map(convert).collect()
}
