//! A container: a share of one node's memory and cores, from its grant to its end.

use crate::{
    credentials::Token,
    exit_status::{ExitStatus, explain},
    proto::{convert, security, yarn},
    types::{ContainerId, NodeId, Priority, Resource},
};

/// A container that was granted (`org.apache.hadoop.yarn.api.records.Container`).
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Container {
    /// The key of the ask that it was granted for; -1 if it was asked for without one.
    pub key: i64,
    /// Its name.
    pub id: ContainerId,
    /// The NodeManager that will run it.
    pub node: NodeId,
    /// `host:port` of that NodeManager's web pages.
    pub http_address: String,
    /// What it may use: what was asked for, rounded up by the scheduler.
    pub resource: Resource,
    /// The priority of its ask.
    pub priority: Priority,
    /// The right to start it, passed on to the NodeManager as it came.
    pub(crate) token: security::Token,
}

/// The token with which an application master speaks to one NodeManager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeToken {
    /// Which NodeManager.
    pub node: NodeId,
    /// The token.
    pub token: Token,
}

/// A container that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completed {
    /// Which. It may be one that this attempt never knew: of an attempt before, or that attempt's master.
    pub id: ContainerId,
    /// How it ended.
    pub exit_status: ExitStatus,
    /// What YARN has to say about it; several lines.
    pub diagnostics: String,
}

/// How a container is doing (`org.apache.hadoop.yarn.api.records.ContainerStatus`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerStatus {
    /// Which.
    pub id: ContainerId,
    /// How far it has come.
    pub state: ContainerState,
    /// How it ended, once it is [`ContainerState::Complete`].
    pub exit_status: Option<ExitStatus>,
    /// What YARN has to say about it; several lines.
    pub diagnostics: String,
}

/// How far a container has come. YARN itself says "running" from the moment that a start was asked for; here that is told
/// apart by its second, finer state (`ContainerSubState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ContainerState {
    /// The NodeManager knows of it.
    New,
    /// Its files are being fetched, or it waits for room; there is no process yet.
    Scheduled,
    /// Its process runs.
    Running,
    /// It has ended, or is about to.
    Complete,
}

impl Completed {
    /// Its end as a sentence without a subject, such as "was killed for using 4.2 of 4 GiB".
    pub fn explain(&self) -> String {
        explain(self.exit_status, &self.diagnostics)
    }

    pub(crate) fn from_wire(status: yarn::ContainerStatus) -> crate::Result<Self> {
        Ok(Self {
            id: convert::container_id(status.container)?,
            exit_status: status.exit_status.unwrap_or(ExitStatus::NeverRan.code()).into(),
            diagnostics: status.diagnostics.unwrap_or_default(),
        })
    }
}

impl ContainerStatus {
    pub(crate) fn from_wire(status: yarn::ContainerStatus) -> crate::Result<Self> {
        let state = match (status.state(), status.sub_state()) {
            (3, _) | (_, 4 | 5) => ContainerState::Complete,
            // Hadoop before 3.0 has no second state.
            (2, 0 | 2 | 3) => ContainerState::Running,
            (2, _) => ContainerState::Scheduled,
            _ => ContainerState::New,
        };
        let Completed { id, exit_status, diagnostics } = Completed::from_wire(status)?;
        let exit_status = (state == ContainerState::Complete).then_some(exit_status);
        Ok(Self { id, state, exit_status, diagnostics })
    }
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key, id, node, resource, .. } = self;
        write!(f, "{id} {resource} on {node} for key {key}")
    }
}
