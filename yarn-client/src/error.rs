//! What can go wrong, kept in a form on which a caller can decide.
//!
//! A failure that came from a Hadoop daemon keeps its Java exception class, because YARN says by the class alone whether
//! an application master should retry, register again or stop. The context (which daemon, how often it was tried, for how
//! long) is added by the layer that knows it.

use std::{fmt, io, sync::Arc, time::Duration};

/// The result of everything in this crate that talks to a cluster.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed operation: its kind, and where and how often it was tried.
///
/// One pointer wide, and cheap to clone: the loss of a connection is told to every call that waited on it.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    host: Option<String>,
    operation: Option<String>,
    attempts: u32,
    elapsed: Duration,
}

/// The kinds of failure.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection could be made: refused, no route, unknown host, or no answer in time.
    #[error("cannot connect: {0}")]
    Connect(#[source] Arc<io::Error>),
    /// An established connection failed.
    #[error("connection failed: {0}")]
    Io(#[source] Arc<io::Error>),
    /// The peer closed the connection. A NodeManager does so without a word when it is shown the wrong kind of token.
    #[error("the peer closed the connection")]
    Closed,
    /// No answer came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The daemon answered with an exception.
    #[error("{}: {message}", short_class(class))]
    Remote {
        /// Full name of the Java class, such as `org.apache.hadoop.ipc.StandbyException`.
        class: String,
        /// The message in one line; the Java stack trace is left out.
        message: String,
        /// The daemon closed the connection over it.
        fatal: bool,
    },
    /// Authentication failed on our side: no common mechanism or protection, or the peer did not prove that it knows the token.
    #[error("authentication failed: {0}")]
    Authentication(String),
    /// The peer sent something that is not Hadoop RPC, or more than we take.
    #[error("the peer broke the protocol: {0}")]
    Protocol(String),
    /// This application attempt is over: killed, expired, or followed by a newer one. Stop working; do not unregister.
    #[error("this application attempt is over: {0}")]
    AttemptOver(String),
    /// The call makes no sense as asked.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// The kind of failure.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Whether the daemon answered with an exception whose class name ends so, such as `is("StandbyException")`.
    pub fn is(&self, class_suffix: &str) -> bool {
        matches!(&self.0.kind, ErrorKind::Remote { class, .. }
            if class.strip_suffix(class_suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with(['.', '$'])))
    }

    /// Whether this attempt is over, so that an application master should stop at once.
    pub fn is_attempt_over(&self) -> bool {
        matches!(self.0.kind, ErrorKind::AttemptOver(_))
    }

    /// Whether the connection or the wait failed, not the call itself: the call may or may not have been carried out.
    pub fn is_connection(&self) -> bool {
        use ErrorKind::*;
        matches!(self.0.kind, Connect(_) | Io(_) | Closed | Timeout(_) | Protocol(_))
    }

    /// Whether the same call, perhaps to another server of the same service, may do better in a while.
    pub fn is_temporary(&self) -> bool {
        use ErrorKind::*;
        matches!(self.0.kind, Connect(_) | Io(_) | Closed | Timeout(_))
            || ["StandbyException", "RetriableException", "NMNotYetReadyException"]
                .iter()
                .any(|class| self.is(class))
    }

    /// The daemon's `host:port`, if one was involved.
    pub fn host(&self) -> Option<&str> {
        self.0.host.as_deref()
    }

    /// How often it was tried.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long all the tries took together.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }
}

// How the layers below build and enrich errors.
impl Error {
    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        ErrorKind::Protocol(message.into()).into()
    }

    pub(crate) fn authentication(message: impl Into<String>) -> Self {
        ErrorKind::Authentication(message.into()).into()
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        ErrorKind::Invalid(message.into()).into()
    }

    /// An exception as a daemon tells it. `text` may begin with the class and end with a stack trace.
    pub(crate) fn remote(class: Option<String>, text: Option<&str>, fatal: bool) -> Self {
        let class = class.unwrap_or_default();
        let text = text.unwrap_or_default();
        let text = text.strip_prefix(&*class).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(text);
        let lines = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.starts_with("at ") && !line.starts_with("Caused by: "));
        let message = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
        // A limit, because it comes from elsewhere and goes into logs.
        ErrorKind::Remote { class, message: message.chars().take(2000).collect(), fatal }.into()
    }

    pub(crate) fn io(error: io::Error) -> Self {
        ErrorKind::Io(Arc::new(error)).into()
    }

    pub(crate) fn connect(error: io::Error) -> Self {
        ErrorKind::Connect(Arc::new(error)).into()
    }

    pub(crate) fn at(mut self, host: &str) -> Self {
        self.0.host.get_or_insert_with(|| host.to_owned());
        self
    }

    pub(crate) fn during(mut self, operation: &str) -> Self {
        self.0.operation.get_or_insert_with(|| operation.to_owned());
        self
    }

    pub(crate) fn tried(mut self, attempts: u32, elapsed: Duration) -> Self {
        (self.0.attempts, self.0.elapsed) = (attempts, elapsed);
        self
    }

    /// The same failure and context under another kind.
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, host: None, operation: None, attempts: 1, elapsed: Duration::ZERO }))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, host, operation, attempts, elapsed } = &*self.0;
        match (operation, host) {
            (Some(operation), Some(host)) => write!(f, "{operation} at {host}: ")?,
            (Some(operation), None) => write!(f, "{operation}: ")?,
            (None, Some(host)) => write!(f, "{host}: ")?,
            (None, None) => {}
        }
        write!(f, "{kind}")?;
        if *attempts > 1 {
            write!(f, " ({attempts} attempts in {:.1} s)", elapsed.as_secs_f64())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

/// People read `StandbyException`; only programs need its package.
fn short_class(class: &str) -> &str {
    class.rsplit(['.', '$']).next().unwrap_or(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(class: &str) -> Error {
        ErrorKind::Remote { class: class.into(), message: "m".into(), fatal: false }.into()
    }

    #[test]
    fn a_class_is_matched_by_whole_names() {
        let error = remote("org.apache.hadoop.security.token.SecretManager$InvalidToken");
        assert!(error.is("InvalidToken"));
        assert!(error.is("SecretManager$InvalidToken"));
        assert!(!error.is("Token"));
        assert!(remote("StandbyException").is("StandbyException"));
    }

    #[test]
    fn it_reads_as_a_sentence() {
        let error = remote("org.apache.hadoop.ipc.StandbyException").at("rm1:8030").during("allocate");
        assert_eq!(error.to_string(), "allocate at rm1:8030: StandbyException: m");
        let error = error.tried(3, Duration::from_millis(1200));
        assert_eq!(error.to_string(), "allocate at rm1:8030: StandbyException: m (3 attempts in 1.2 s)");
    }
}
