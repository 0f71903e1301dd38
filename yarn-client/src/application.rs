//! What the ResourceManager tells about an application's master by RPC and not by REST: where it listens and, if it is an
//! unmanaged one, its token.
//!
//! Source: `org.apache.hadoop.yarn.api.ApplicationClientProtocol`.

use crate::{
    credentials::Token,
    error::{Error, Result},
    proto::{
        convert,
        service::{GetApplicationReportRequest, GetApplicationReportResponse},
        yarn,
    },
    rest::ApplicationState,
    rpc::{Deadlines, Identity, Proxy},
    types::{ApplicationAttemptId, ApplicationId},
};

/// The ResourceManager's RPC interface for clients.
pub struct ApplicationClient {
    proxy: Proxy,
}

/// An application as its master has it (part of `org.apache.hadoop.yarn.api.records.ApplicationReport`; the rest is in
/// [`rest::ApplicationReport`](crate::rest::ApplicationReport)).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MasterReport {
    /// How far the application has come.
    pub state: ApplicationState,
    /// Its present attempt.
    pub attempt: Option<ApplicationAttemptId>,
    /// Where its master says it is.
    pub host: String,
    /// The port that its master has registered; -1 for none.
    pub rpc_port: i32,
    /// The token for its master: only of an unmanaged one, only for its owner, and only once the attempt has been launched.
    pub am_rm_token: Option<Token>,
}

impl ApplicationClient {
    /// `addresses` are the client addresses (`host:port`, usually port 8032) of all ResourceManagers. Connects when first
    /// needed.
    pub fn new(addresses: Vec<String>, identity: Identity) -> Self {
        let protocol = "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB";
        Self { proxy: Proxy::new(protocol, addresses, identity, Deadlines::default()) }
    }

    /// How an application's master is doing.
    ///
    /// # Errors
    /// `ApplicationNotFoundException`, or no ResourceManager was reached.
    pub async fn master(&self, id: ApplicationId) -> Result<MasterReport> {
        let request = GetApplicationReportRequest { application: Some(id.into()) };
        let answer: GetApplicationReportResponse = self.proxy.call("getApplicationReport", &request).await?;
        let report = answer.report.ok_or_else(|| Error::protocol("an answer without a report"))?;
        MasterReport::from_wire(report)
    }
}

impl MasterReport {
    fn from_wire(report: yarn::ApplicationReport) -> Result<Self> {
        Ok(Self {
            state: convert::application_state(report.state()),
            rpc_port: report.rpc_port.unwrap_or(-1),
            attempt: report.attempt.map(|attempt| convert::attempt(Some(attempt))).transpose()?,
            host: report.host.unwrap_or_default(),
            am_rm_token: report.am_rm_token.map(Token::from),
        })
    }
}
