use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::json::Fields;
use crate::types::{ApplicationId, NodeId, Resource};

/// Where an application is in its life (`org.apache.hadoop.yarn.api.records.YarnApplicationState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApplicationState {
    /// Just submitted.
    New,
    /// Being written to the ResourceManager's store.
    NewSaving,
    /// Written, and not yet seen by the scheduler.
    Submitted,
    /// Waiting in its queue for the master's container, or for the master to register.
    Accepted,
    /// Its master has registered.
    Running,
    /// Its master has said that it ended; whether well, says [`FinalStatus`].
    Finished,
    /// It was refused, or all its attempts failed.
    Failed,
    /// It was killed.
    Killed,
    /// A state that this crate does not know.
    Unknown,
}

/// How an application ended, as its master told (`org.apache.hadoop.yarn.api.records.FinalApplicationStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FinalStatus {
    /// It has not ended, or its master did not tell.
    Undefined,
    /// Well.
    Succeeded,
    /// Not well.
    Failed,
    /// It was killed.
    Killed,
}

/// What the ResourceManager knows about an application.
///
/// Somebody who may not view it sees only the first fields (`hadoop.http.staticuser.user` sees others' applications so).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ApplicationReport {
    /// Its id.
    pub id: ApplicationId,
    /// Where it is in its life.
    pub state: ApplicationState,
    /// How it ended.
    pub final_status: FinalStatus,
    /// Its name.
    pub name: String,
    /// Its type.
    pub application_type: String,
    /// Who submitted it.
    pub user: String,
    /// The queue that it is in.
    pub queue: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// From 0 to 1, as its master tells.
    pub progress: f32,
    /// Why it failed, or what it waits for; may have many lines.
    pub diagnostics: String,
    /// Its page: the master's through the ResourceManager's proxy while it runs.
    pub tracking_url: Option<String>,
    /// The page of its master's logs.
    pub master_logs: Option<String>,
    /// The node that its master runs on.
    pub master_node: Option<NodeId>,
    /// When it was submitted, in milliseconds since 1970 (0 if not known).
    pub started_ms: i64,
    /// When it ended, in milliseconds since 1970 (0 if it has not).
    pub finished_ms: i64,
    /// How long it has lived, or lived.
    pub elapsed: Duration,
    /// Its containers now, the master's included.
    pub running_containers: u64,
    /// What these containers were promised.
    pub allocated: Resource,
}

impl ApplicationState {
    /// Whether it will not change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Killed)
    }
}

impl fmt::Display for ApplicationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "NEW",
            Self::NewSaving => "NEW_SAVING",
            Self::Submitted => "SUBMITTED",
            Self::Accepted => "ACCEPTED",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
            Self::Unknown => "UNKNOWN",
        })
    }
}

impl FromStr for ApplicationState {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use ApplicationState as State;
        let known = [State::New, State::NewSaving, State::Submitted, State::Accepted]
            .into_iter()
            .chain([State::Running, State::Finished, State::Failed, State::Killed])
            .find(|state| state.to_string() == text);
        Ok(known.unwrap_or(Self::Unknown))
    }
}

impl ApplicationReport {
    pub(super) fn read(app: Fields<'_>) -> Result<Self, String> {
        let id = app.text("id").parse().map_err(|error| format!("{error}"))?;
        let Ok(state) = app.text("state").parse();
        let tags = app.text("applicationTags");
        Ok(Self {
            id,
            state,
            final_status: match app.text("finalStatus").as_str() {
                "SUCCEEDED" => FinalStatus::Succeeded,
                "FAILED" => FinalStatus::Failed,
                "KILLED" => FinalStatus::Killed,
                _ => FinalStatus::Undefined,
            },
            name: app.text("name"),
            application_type: app.text("applicationType"),
            user: app.text("user"),
            queue: app.text("queue"),
            tags: tags.split(',').filter(|tag| !tag.is_empty()).map(String::from).collect(),
            progress: (app.number("progress").unwrap_or(0.0) / 100.0).clamp(0.0, 1.0) as f32,
            diagnostics: app.text("diagnostics"),
            tracking_url: app.text_or_none("trackingUrl"),
            master_logs: app.text_or_none("amContainerLogs"),
            master_node: app.text("masterNodeId").parse().ok(),
            started_ms: app.integer("startedTime").unwrap_or(0),
            finished_ms: app.integer("finishedTime").unwrap_or(0),
            elapsed: Duration::from_millis(app.count("elapsedTime")),
            running_containers: app.count("runningContainers"),
            allocated: Resource::new(app.count("allocatedMB"), count32(app.count("allocatedVCores"))),
        })
    }
}

/// YARN counts cores in 32 bits.
pub(super) fn count32(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
