//! Hadoop RPC: bytes, then one connection, then a service behind one or several addresses.

mod connection;
#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod frame;
mod proxy;
mod stream;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::credentials::Token;

pub(crate) use proxy::Proxy;

/// Who is calling.
#[derive(Clone, Debug)]
pub enum Identity {
    /// A user name that nobody checks: for clusters without security, and there not for the scheduler and the
    /// NodeManagers, which always want a token.
    User(String),
    /// Whoever the token was given to.
    Token(Token),
}

/// How long to wait for what. Nothing waits longer than the sum of [`Deadlines::retry`] and [`Deadlines::call`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For a connection, authentication included. 20 s as in Hadoop (`ipc.client.connect.timeout`).
    pub connect: Duration,
    /// For one answer. 60 s.
    pub call: Duration,
    /// For trying again: how long a call goes on over lost connections, standby servers and restarts. 60 s.
    pub retry: Duration,
    /// Silence while an answer is due, after which a ping shows whether the connection still is one. 30 s.
    pub ping: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(20), call: seconds(60), retry: seconds(60), ping: seconds(30) }
    }
}
