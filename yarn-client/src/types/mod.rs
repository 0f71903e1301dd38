//! The small values that every part of YARN speaks of, printed and parsed exactly as Hadoop does.
//!
//! They are plain data: no wire format is known here, so the text of an identifier in an environment variable, in a
//! REST answer and in an RPC message all become the same value.

mod id;
mod node;
mod resource;

pub use id::{ApplicationAttemptId, ApplicationId, ContainerId};
pub use node::NodeId;
pub use resource::{Priority, Resource};

/// A text that is not an identifier, a node or a resource as Hadoop prints it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct ParseError {
    /// What was expected, with an example: `"an application id (application_1700000000000_0001)"`.
    pub expected: &'static str,
    /// The beginning of the text that was found (at most 200 characters: it may come from anywhere).
    pub text: String,
}

impl ParseError {
    fn new(expected: &'static str, text: &str) -> Self {
        Self { expected, text: text.chars().take(200).collect() }
    }
}

/// Digits alone: `str::parse` would also take a sign, which Hadoop never prints in these places.
fn number<T: std::str::FromStr>(digits: &str) -> Option<T> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
