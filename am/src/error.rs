//! How a job ends badly: one kind for each exit code, and a sentence.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who or what a job failed by; each has an exit code of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The command line makes no sense: 2.
    Usage,
    /// The input is missing or malformed, or the output exists: 3.
    Input,
    /// The cluster refused or is unreachable; a process or file of the framework failed: 4.
    Cluster,
    /// Workers or the master were lost beyond the policy: 5.
    Lost,
    /// The user's code failed or panicked: 6.
    User,
    /// The user interrupted the job: 130.
    Interrupted,
}

impl Kind {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Kind::Usage => 2,
            Kind::Input => 3,
            Kind::Cluster => 4,
            Kind::Lost => 5,
            Kind::User => 6,
            Kind::Interrupted => 130,
        }
    }
}

/// A kind and a sentence: what happened, where, what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Whose fault.
    pub kind: Kind,
    /// What happened.
    pub text: String,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Something that the framework or its surroundings could not do.
    pub fn cluster(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::new(Kind::Cluster, format!("{what}: {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

/// A line for whoever looks at this container's log.
#[expect(clippy::print_stderr, reason = "it is where YARN keeps a container's log")]
pub(crate) fn log(text: &str) {
    eprintln!("{text}");
}
