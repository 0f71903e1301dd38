//! What the ResourceManager tells the owner of an application by RPC and not by REST: the token of an unmanaged master.
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
    rpc::{Deadlines, Identity, Proxy},
    types::{ApplicationAttemptId, ApplicationId},
};

/// The ResourceManager's interface for clients.
pub struct ApplicationClient {
    proxy: Proxy,
}

/// How an application is doing (`org.apache.hadoop.yarn.api.records.ApplicationReport`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ApplicationReport {
    /// Which.
    pub id: ApplicationId,
    /// How far it has come.
    pub state: ApplicationState,
    /// Its present attempt.
    pub attempt: Option<ApplicationAttemptId>,
    /// Where its master says it is.
    pub host: String,
    /// The master's port as registered; -1 for none.
    pub rpc_port: i32,
    /// Where the web proxy leads.
    pub tracking_url: String,
    /// Why it failed, if it did.
    pub diagnostics: String,
    /// 0 to 1, as its master says.
    pub progress: f32,
    /// The token for its master: only of an unmanaged one, only to its owner, and only once the attempt has been launched.
    pub am_rm_token: Option<Token>,
}

/// How far an application has come (`YarnApplicationState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ApplicationState {
    /// A state that Hadoop 3.5 does not know.
    Unknown,
    /// It was just created.
    New,
    /// It is being written down.
    NewSaving,
    /// It was handed in.
    Submitted,
    /// Its queue has taken it; its master has not registered yet.
    Accepted,
    /// Its master has registered.
    Running,
    /// Its master has said that it is over, for good or ill.
    Finished,
    /// It failed.
    Failed,
    /// It was killed.
    Killed,
}

impl ApplicationState {
    /// Whether it is over.
    pub fn is_final(self) -> bool {
        self >= Self::Finished
    }

    fn from_wire(state: i32) -> Self {
        use ApplicationState::*;
        let states = [Unknown, New, NewSaving, Submitted, Accepted, Running, Finished, Failed, Killed];
        usize::try_from(state).ok().and_then(|state| states.get(state)).copied().unwrap_or(Unknown)
    }
}

impl ApplicationClient {
    /// `addresses` are the client addresses (`host:port`, usually port 8032) of all ResourceManagers. Connects when first
    /// needed.
    pub fn new(addresses: Vec<String>, identity: Identity) -> Self {
        let protocol = "org.apache.hadoop.yarn.api.ApplicationClientProtocolPB";
        Self { proxy: Proxy::new(protocol, addresses, identity, Deadlines::default()) }
    }

    /// How an application is doing.
    ///
    /// # Errors
    /// `ApplicationNotFoundException`, or no ResourceManager was reached.
    pub async fn report(&self, id: ApplicationId) -> Result<ApplicationReport> {
        let request = GetApplicationReportRequest { application: Some(id.into()) };
        let answer: GetApplicationReportResponse = self.proxy.call("getApplicationReport", &request).await?;
        let report = answer.report.ok_or_else(|| Error::protocol("an answer without a report"))?;
        ApplicationReport::from_wire(report)
    }
}

impl ApplicationReport {
    fn from_wire(report: yarn::ApplicationReport) -> Result<Self> {
        Ok(Self {
            state: ApplicationState::from_wire(report.state()),
            rpc_port: report.rpc_port.unwrap_or(-1),
            progress: report.progress(),
            id: convert::application(report.application)?,
            attempt: report.attempt.map(|attempt| convert::attempt(Some(attempt))).transpose()?,
            host: report.host.unwrap_or_default(),
            tracking_url: report.tracking_url.unwrap_or_default(),
            diagnostics: report.diagnostics.unwrap_or_default(),
            am_rm_token: report.am_rm_token.map(Token::from),
        })
    }
}
