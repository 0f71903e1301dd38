//! `yarn_service_protos.proto`: requests and responses of the ResourceManager's and NodeManagers' services.

use prost::Message;

use super::{
    security::Token,
    yarn::{
        ApplicationId, ApplicationReport, Container, ContainerId, ContainerLaunchContext, ContainerStatus,
        NodeId, NodeReport, Resource, ResourceRequest, SerializedException,
    },
};

#[derive(Clone, PartialEq, Message)]
pub struct RegisterRequest {
    #[prost(string, optional, tag = "1")]
    pub host: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pub rpc_port: Option<i32>,
    #[prost(string, optional, tag = "3")]
    pub tracking_url: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RegisterResponse {
    #[prost(message, optional, tag = "1")]
    pub maximum_capability: Option<Resource>,
    #[prost(message, repeated, tag = "4")]
    pub previous_containers: Vec<Container>,
    #[prost(string, optional, tag = "5")]
    pub queue: Option<String>,
    #[prost(message, repeated, tag = "6")]
    pub nm_tokens: Vec<NmToken>,
    /// 0 memory, 1 CPU: what the scheduler counts.
    #[prost(int32, repeated, packed = "false", tag = "7")]
    pub resource_types: Vec<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NmToken {
    #[prost(message, optional, tag = "1")]
    pub node: Option<NodeId>,
    #[prost(message, optional, tag = "2")]
    pub token: Option<Token>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AllocateRequest {
    #[prost(message, repeated, tag = "1")]
    pub asks: Vec<ResourceRequest>,
    #[prost(message, repeated, tag = "2")]
    pub releases: Vec<ContainerId>,
    #[prost(message, optional, tag = "3")]
    pub blacklist: Option<Blacklist>,
    #[prost(int32, optional, tag = "4")]
    pub response_id: Option<i32>,
    #[prost(float, optional, tag = "5")]
    pub progress: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Blacklist {
    #[prost(string, repeated, tag = "1")]
    pub additions: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub removals: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct AllocateResponse {
    /// 1 resync, 2 shut down; today's ResourceManagers throw exceptions instead.
    #[prost(int32, optional, tag = "1")]
    pub command: Option<i32>,
    #[prost(int32, optional, tag = "2")]
    pub response_id: Option<i32>,
    #[prost(message, repeated, tag = "3")]
    pub allocated: Vec<Container>,
    #[prost(message, repeated, tag = "4")]
    pub completed: Vec<ContainerStatus>,
    #[prost(message, optional, tag = "5")]
    pub limit: Option<Resource>,
    #[prost(message, repeated, tag = "6")]
    pub updated_nodes: Vec<NodeReport>,
    #[prost(int32, optional, tag = "7")]
    pub cluster_nodes: Option<i32>,
    #[prost(message, optional, tag = "8")]
    pub preempt: Option<PreemptionMessage>,
    #[prost(message, repeated, tag = "9")]
    pub nm_tokens: Vec<NmToken>,
    #[prost(message, optional, tag = "12")]
    pub am_rm_token: Option<Token>,
    #[prost(message, repeated, tag = "17")]
    pub previous_containers: Vec<Container>,
}

#[derive(Clone, PartialEq, Message)]
pub struct PreemptionMessage {
    #[prost(message, optional, tag = "1")]
    pub strict: Option<StrictPreemptionContract>,
    #[prost(message, optional, tag = "2")]
    pub contract: Option<PreemptionContract>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StrictPreemptionContract {
    #[prost(message, repeated, tag = "1")]
    pub containers: Vec<PreemptionContainer>,
}

#[derive(Clone, PartialEq, Message)]
pub struct PreemptionContract {
    #[prost(message, repeated, tag = "2")]
    pub containers: Vec<PreemptionContainer>,
}

#[derive(Clone, PartialEq, Message)]
pub struct PreemptionContainer {
    #[prost(message, optional, tag = "1")]
    pub id: Option<ContainerId>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FinishRequest {
    #[prost(string, optional, tag = "1")]
    pub diagnostics: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub tracking_url: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub final_status: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct FinishResponse {
    #[prost(bool, optional, tag = "1")]
    pub unregistered: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StartContainersRequest {
    #[prost(message, repeated, tag = "1")]
    pub requests: Vec<StartContainerRequest>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StartContainerRequest {
    #[prost(message, optional, tag = "1")]
    pub context: Option<ContainerLaunchContext>,
    /// Exactly as it was received.
    #[prost(message, optional, tag = "2")]
    pub token: Option<Token>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StartContainersResponse {
    #[prost(message, repeated, tag = "2")]
    pub succeeded: Vec<ContainerId>,
    #[prost(message, repeated, tag = "3")]
    pub failed: Vec<ContainerException>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ContainerException {
    #[prost(message, optional, tag = "1")]
    pub container: Option<ContainerId>,
    #[prost(message, optional, tag = "2")]
    pub exception: Option<SerializedException>,
}

/// `StopContainersRequestProto` and `GetContainerStatusesRequestProto` have the same form.
#[derive(Clone, PartialEq, Message)]
pub struct ContainerIds {
    #[prost(message, repeated, tag = "1")]
    pub containers: Vec<ContainerId>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StopContainersResponse {
    #[prost(message, repeated, tag = "1")]
    pub succeeded: Vec<ContainerId>,
    #[prost(message, repeated, tag = "2")]
    pub failed: Vec<ContainerException>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetContainerStatusesResponse {
    #[prost(message, repeated, tag = "1")]
    pub statuses: Vec<ContainerStatus>,
    #[prost(message, repeated, tag = "2")]
    pub failed: Vec<ContainerException>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetApplicationReportRequest {
    #[prost(message, optional, tag = "1")]
    pub application: Option<ApplicationId>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetApplicationReportResponse {
    #[prost(message, optional, tag = "1")]
    pub report: Option<ApplicationReport>,
}
