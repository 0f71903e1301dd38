//! `Security.proto` and `yarn_security_token.proto`: tokens as they travel, and the one identifier that we read.

use prost::Message;

use super::yarn::ApplicationAttemptId;

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct Token {
    #[prost(bytes = "bytes", required, tag = "1")]
    pub identifier: bytes::Bytes,
    #[prost(bytes = "bytes", required, tag = "2")]
    pub password: bytes::Bytes,
    #[prost(string, required, tag = "3")]
    pub kind: String,
    #[prost(string, required, tag = "4")]
    pub service: String,
}

/// The password stays out of logs.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("kind", &self.kind)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// What stands inside the identifier of an AMRM token: which attempt it belongs to.
#[derive(Clone, PartialEq, Message)]
pub struct AmRmTokenIdentifier {
    #[prost(message, optional, tag = "1")]
    pub attempt: Option<ApplicationAttemptId>,
    #[prost(int32, optional, tag = "2")]
    pub key_id: Option<i32>,
}
