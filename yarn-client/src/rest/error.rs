use std::time::Duration;

use super::ApplicationState;
use crate::types::ApplicationId;

/// Why a ResourceManager did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestError {
    /// An address of a ResourceManager is not one, or no address was given.
    #[error("{address:?} is no address of a ResourceManager: {reason}")]
    BadAddress {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No ResourceManager answered in time, or all of them are standing by.
    #[error("no ResourceManager answered within {:.1} s; last tried: {last}", elapsed.as_secs_f32())]
    Unreachable {
        /// The address tried last, and what happened there.
        last: String,
        /// How long it was tried.
        elapsed: Duration,
    },
    /// The ResourceManager refused, and said why.
    #[error("{request}: {message} ({class})")]
    Remote {
        /// Method and address.
        request: String,
        /// HTTP status.
        status: u16,
        /// Java class of the exception without its package: `BadRequestException`, `NotFoundException`.
        class: String,
        /// What it said.
        message: String,
    },
    /// The cluster takes no applications over REST (`yarn.webapp.enable-rest-app-submissions` is false).
    #[error("{request}: the cluster does not take applications over REST: {message}")]
    SubmissionDisabled {
        /// Method and address.
        request: String,
        /// What it said.
        message: String,
    },
    /// The user is not known (401): a cluster with Kerberos wants a ticket or a delegation token.
    #[error("{request}: the ResourceManager wants to know who asks: {message}")]
    Unauthorized {
        /// Method and address.
        request: String,
        /// What it said.
        message: String,
    },
    /// It refused with something else than an exception, usually a page for people.
    #[error("{request}: status {status}: {message}")]
    Refused {
        /// Method and address.
        request: String,
        /// HTTP status.
        status: u16,
        /// The page, as a sentence.
        message: String,
    },
    /// The answer is not what YARN's documentation promises.
    #[error("{request}: {message}")]
    Malformed {
        /// Method and address.
        request: String,
        /// What is wrong in it.
        message: String,
    },
    /// An application did not end in time after it was killed.
    #[error("{id} is still {state} {:.1} s after it was killed", elapsed.as_secs_f32())]
    StillRunning {
        /// The application.
        id: ApplicationId,
        /// Its state at the end.
        state: ApplicationState,
        /// How long it was waited for.
        elapsed: Duration,
    },
}

impl RestError {
    /// Whether what was asked for does not exist (an application that the ResourceManager does not know, or forgot).
    pub fn is_not_found(&self) -> bool {
        // A page saying 404 comes from a server that is no ResourceManager.
        matches!(self, Self::Remote { status: 404, .. })
    }
}
