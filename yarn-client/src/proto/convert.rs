//! Between the wire's messages, in which anything may be missing, and this crate's types, in which nothing is.

use super::{security, service, yarn};
use crate::{
    container::{Container, NodeToken},
    credentials::Token,
    error::{Error, Result},
    rest::{ApplicationState, FinalStatus},
    types::{ApplicationAttemptId, ApplicationId, ContainerId, NodeId, Priority, Resource},
};

impl From<ApplicationId> for yarn::ApplicationId {
    fn from(id: ApplicationId) -> Self {
        Self { id: Some(id.id), cluster_timestamp: Some(id.cluster_timestamp) }
    }
}

impl From<ApplicationAttemptId> for yarn::ApplicationAttemptId {
    fn from(id: ApplicationAttemptId) -> Self {
        Self { application: Some(id.application.into()), attempt: Some(id.attempt) }
    }
}

impl From<ContainerId> for yarn::ContainerId {
    fn from(id: ContainerId) -> Self {
        Self { attempt: Some(id.attempt.into()), id: Some(id.id) }
    }
}

impl From<Priority> for yarn::Priority {
    fn from(priority: Priority) -> Self {
        Self { priority: Some(priority.0) }
    }
}

impl From<Resource> for yarn::Resource {
    fn from(resource: Resource) -> Self {
        // More than the wire can say is more than any cluster has.
        let memory = resource.memory_mb.try_into().unwrap_or(i64::MAX);
        let cores = resource.vcores.try_into().unwrap_or(i32::MAX);
        Self { memory: Some(memory), virtual_cores: Some(cores) }
    }
}

impl From<yarn::Resource> for Resource {
    fn from(resource: yarn::Resource) -> Self {
        // Headroom can be below zero, when a queue has more than its share.
        Self::new(resource.memory().try_into().unwrap_or(0), resource.virtual_cores().try_into().unwrap_or(0))
    }
}

impl From<&Token> for security::Token {
    fn from(token: &Token) -> Self {
        let Token { identifier, password, kind, service } = token.clone();
        Self { identifier: identifier.into(), password: password.into(), kind, service }
    }
}

impl From<security::Token> for Token {
    fn from(token: security::Token) -> Self {
        let security::Token { identifier, password, kind, service } = token;
        Self { identifier: identifier.into(), password: password.into(), kind, service }
    }
}

/// `YarnApplicationStateProto`.
pub(crate) fn application_state(state: i32) -> ApplicationState {
    use ApplicationState::*;
    let states = [Unknown, New, NewSaving, Submitted, Accepted, Running, Finished, Failed, Killed];
    usize::try_from(state).ok().and_then(|state| states.get(state)).copied().unwrap_or(Unknown)
}

/// `FinalApplicationStatusProto`.
pub(crate) fn final_status(status: FinalStatus) -> i32 {
    match status {
        FinalStatus::Undefined => 0,
        FinalStatus::Succeeded => 1,
        FinalStatus::Failed => 2,
        FinalStatus::Killed => 3,
    }
}

fn application(id: Option<yarn::ApplicationId>) -> Result<ApplicationId> {
    let id = needed(id, "application id")?;
    Ok(ApplicationId::new(id.cluster_timestamp(), id.id()))
}

pub(crate) fn attempt(id: Option<yarn::ApplicationAttemptId>) -> Result<ApplicationAttemptId> {
    let id = needed(id, "attempt id")?;
    let number = id.attempt();
    Ok(application(id.application)?.attempt(number))
}

pub(crate) fn container_id(id: Option<yarn::ContainerId>) -> Result<ContainerId> {
    let id = needed(id, "container id")?;
    let number = id.id();
    Ok(attempt(id.attempt)?.container(number))
}

pub(crate) fn node(node: Option<yarn::NodeId>) -> Result<NodeId> {
    let node = needed(node, "node")?;
    let port = node.port().try_into().map_err(|_| Error::protocol(format!("port {}", node.port())))?;
    Ok(NodeId::new(node.host.unwrap_or_default(), port))
}

pub(crate) fn container(container: yarn::Container) -> Result<Container> {
    Ok(Container {
        key: container.allocation_request_id.unwrap_or(-1),
        id: container_id(container.id)?,
        node: node(container.node)?,
        http_address: container.node_http_address.unwrap_or_default(),
        resource: container.resource.unwrap_or_default().into(),
        priority: Priority(container.priority.unwrap_or_default().priority()),
        token: container.token.unwrap_or_default(),
    })
}

pub(crate) fn node_token(token: service::NmToken) -> Result<NodeToken> {
    Ok(NodeToken { node: node(token.node)?, token: needed(token.token, "NodeManager token")?.into() })
}

fn needed<T>(value: Option<T>, what: &str) -> Result<T> {
    value.ok_or_else(|| Error::protocol(format!("a message without its {what}")))
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn zeros_are_sent() {
        let id = yarn::ContainerId::from(ApplicationId::new(0, 0).attempt(0).container(0));
        assert_eq!(id.encode_to_vec(), [0x12, 8, 0x0A, 4, 0x08, 0, 0x10, 0, 0x10, 0, 0x18, 0]);
        assert_eq!(container_id(Some(id)).unwrap(), ApplicationId::new(0, 0).attempt(0).container(0));
    }

    #[test]
    fn what_is_missing_or_out_of_range_is_told() {
        assert!(container(yarn::Container::default()).is_err());
        assert!(node(Some(yarn::NodeId { host: Some("h".into()), port: Some(70_000) })).is_err());
        assert_eq!(
            Resource::from(yarn::Resource { memory: Some(-5), virtual_cores: Some(2) }),
            Resource::new(0, 2)
        );
    }
}
