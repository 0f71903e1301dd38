//! `RpcHeader.proto`, `ProtobufRpcEngine2.proto`, `IpcConnectionContext.proto`: the envelope of every call.

use prost::{Enumeration, Message};

/// Before every frame that a client sends.
#[derive(Clone, PartialEq, Message)]
pub struct RpcRequestHeader {
    /// 2 = protobuf. The server refuses a header without it.
    #[prost(int32, optional, tag = "1")]
    pub rpc_kind: Option<i32>,
    /// 0 = final packet. The server refuses a header without it, although it is zero.
    #[prost(int32, optional, tag = "2")]
    pub rpc_op: Option<i32>,
    #[prost(sint32, required, tag = "3")]
    pub call_id: i32,
    #[prost(bytes = "bytes", required, tag = "4")]
    pub client_id: bytes::Bytes,
    #[prost(sint32, optional, tag = "5")]
    pub retry_count: Option<i32>,
}

/// Before every frame that a server sends.
#[derive(Clone, PartialEq, Message)]
pub struct RpcResponseHeader {
    /// Plain, not zigzag as in the request: -33 arrives as 4294967263.
    #[prost(uint32, required, tag = "1")]
    pub call_id: u32,
    #[prost(enumeration = "RpcStatus", required, tag = "2")]
    pub status: i32,
    #[prost(uint32, optional, tag = "3")]
    pub server_ipc_version: Option<u32>,
    #[prost(string, optional, tag = "4")]
    pub exception_class: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub error_message: Option<String>,
    #[prost(int32, optional, tag = "6")]
    pub error_detail: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "7")]
    pub client_id: Option<bytes::Bytes>,
    #[prost(sint32, optional, tag = "8")]
    pub retry_count: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum RpcStatus {
    Success = 0,
    /// The call failed, the connection stays good.
    Error = 1,
    /// The server closes the connection.
    Fatal = 2,
}

#[derive(Clone, PartialEq, Message)]
pub struct RequestHeader {
    #[prost(string, required, tag = "1")]
    pub method: String,
    #[prost(string, required, tag = "2")]
    pub protocol: String,
    #[prost(uint64, required, tag = "3")]
    pub protocol_version: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct IpcConnectionContext {
    #[prost(message, optional, tag = "2")]
    pub user: Option<UserInformation>,
    #[prost(string, optional, tag = "3")]
    pub protocol: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct UserInformation {
    #[prost(string, optional, tag = "1")]
    pub effective_user: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub real_user: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RpcSasl {
    #[prost(uint32, optional, tag = "1")]
    pub version: Option<u32>,
    #[prost(enumeration = "SaslState", required, tag = "2")]
    pub state: i32,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub token: Option<bytes::Bytes>,
    #[prost(message, repeated, tag = "4")]
    pub auths: Vec<SaslAuth>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SaslAuth {
    #[prost(string, required, tag = "1")]
    pub method: String,
    #[prost(string, required, tag = "2")]
    pub mechanism: String,
    #[prost(string, optional, tag = "3")]
    pub protocol: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub server_id: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub challenge: Option<bytes::Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum SaslState {
    Success = 0,
    Negotiate = 1,
    Initiate = 2,
    Challenge = 3,
    Response = 4,
    Wrap = 5,
}
