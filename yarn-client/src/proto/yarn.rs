//! `yarn_protos.proto`: the records that YARN's services exchange.

use prost::Message;

use super::security::Token;

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ApplicationId {
    #[prost(int32, optional, tag = "1")]
    pub id: Option<i32>,
    #[prost(int64, optional, tag = "2")]
    pub cluster_timestamp: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ApplicationAttemptId {
    #[prost(message, optional, tag = "1")]
    pub application: Option<ApplicationId>,
    #[prost(int32, optional, tag = "2")]
    pub attempt: Option<i32>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct ContainerId {
    #[prost(message, optional, tag = "2")]
    pub attempt: Option<ApplicationAttemptId>,
    /// The low 40 bits count, the rest is the epoch of the ResourceManager.
    #[prost(int64, optional, tag = "3")]
    pub id: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// MiB.
    #[prost(int64, optional, tag = "1")]
    pub memory: Option<i64>,
    #[prost(int32, optional, tag = "2")]
    pub virtual_cores: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Priority {
    #[prost(int32, optional, tag = "1")]
    pub priority: Option<i32>,
}

#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct NodeId {
    #[prost(string, optional, tag = "1")]
    pub host: Option<String>,
    #[prost(int32, optional, tag = "2")]
    pub port: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Container {
    #[prost(message, optional, tag = "1")]
    pub id: Option<ContainerId>,
    #[prost(message, optional, tag = "2")]
    pub node: Option<NodeId>,
    #[prost(string, optional, tag = "3")]
    pub node_http_address: Option<String>,
    #[prost(message, optional, tag = "4")]
    pub resource: Option<Resource>,
    #[prost(message, optional, tag = "5")]
    pub priority: Option<Priority>,
    #[prost(message, optional, tag = "6")]
    pub token: Option<Token>,
    #[prost(int32, optional, tag = "7")]
    pub execution_type: Option<i32>,
    #[prost(int64, optional, tag = "8")]
    pub allocation_request_id: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Url {
    #[prost(string, optional, tag = "1")]
    pub scheme: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub host: Option<String>,
    /// -1 for a URL without one; a missing field would be read as port 0.
    #[prost(int32, optional, tag = "3")]
    pub port: Option<i32>,
    #[prost(string, optional, tag = "4")]
    pub file: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub user_info: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct LocalResource {
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Url>,
    #[prost(int64, optional, tag = "2")]
    pub size: Option<i64>,
    #[prost(int64, optional, tag = "3")]
    pub timestamp: Option<i64>,
    #[prost(int32, optional, tag = "4")]
    pub kind: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    pub visibility: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StringLocalResource {
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub value: Option<LocalResource>,
}

#[derive(Clone, PartialEq, Message)]
pub struct StringString {
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ContainerLaunchContext {
    #[prost(message, repeated, tag = "1")]
    pub local_resources: Vec<StringLocalResource>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub tokens: Option<bytes::Bytes>,
    #[prost(message, repeated, tag = "4")]
    pub environment: Vec<StringString>,
    #[prost(string, repeated, tag = "5")]
    pub command: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ContainerStatus {
    #[prost(message, optional, tag = "1")]
    pub container: Option<ContainerId>,
    /// 1 new, 2 running, 3 complete.
    #[prost(int32, optional, tag = "2")]
    pub state: Option<i32>,
    #[prost(string, optional, tag = "3")]
    pub diagnostics: Option<String>,
    /// Absent means -1000.
    #[prost(int32, optional, tag = "4")]
    pub exit_status: Option<i32>,
    /// 1 scheduled, 2 running, 3 paused, 4 completing, 5 done.
    #[prost(int32, optional, tag = "8")]
    pub sub_state: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ResourceRequest {
    #[prost(message, optional, tag = "1")]
    pub priority: Option<Priority>,
    /// Host name, rack name or `*`.
    #[prost(string, optional, tag = "2")]
    pub resource_name: Option<String>,
    #[prost(message, optional, tag = "3")]
    pub capability: Option<Resource>,
    #[prost(int32, optional, tag = "4")]
    pub containers: Option<i32>,
    #[prost(bool, optional, tag = "5")]
    pub relax_locality: Option<bool>,
    #[prost(string, optional, tag = "6")]
    pub node_label: Option<String>,
    #[prost(int64, optional, tag = "8")]
    pub allocation_request_id: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct NodeReport {
    #[prost(message, optional, tag = "1")]
    pub node: Option<NodeId>,
    #[prost(string, optional, tag = "2")]
    pub http_address: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub rack: Option<String>,
    #[prost(int32, optional, tag = "7")]
    pub state: Option<i32>,
    #[prost(string, optional, tag = "8")]
    pub health_report: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ApplicationReport {
    #[prost(string, optional, tag = "5")]
    pub host: Option<String>,
    #[prost(int32, optional, tag = "6")]
    pub rpc_port: Option<i32>,
    #[prost(int32, optional, tag = "8")]
    pub state: Option<i32>,
    #[prost(message, optional, tag = "16")]
    pub attempt: Option<ApplicationAttemptId>,
    #[prost(message, optional, tag = "19")]
    pub am_rm_token: Option<Token>,
}

/// `SerializedExceptionProto`: a Java exception inside a reply that is itself a success.
#[derive(Clone, PartialEq, Message)]
pub struct SerializedException {
    #[prost(string, optional, tag = "1")]
    pub message: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub class: Option<String>,
    #[prost(message, optional, boxed, tag = "4")]
    pub cause: Option<Box<SerializedException>>,
}
