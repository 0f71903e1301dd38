//! A service, wherever it is at the moment: one protocol behind one or several addresses.
//!
//! Connections are made when first needed and again after each loss. Of several addresses one is active; a standby
//! ResourceManager refuses connections, a standby NameNode answers StandbyException. Source: `RetryPolicies`,
//! `ConfiguredRMFailoverProxyProvider`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use prost::Message;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Deadlines, Identity, connection::Connection};
use crate::error::{Error, ErrorKind, Result};

pub(crate) struct Proxy {
    protocol: &'static str,
    addresses: Vec<String>,
    deadlines: Deadlines,
    identity: Mutex<Identity>,
    current: tokio::sync::Mutex<Current>,
}

#[derive(Default)]
struct Current {
    /// Which of the addresses.
    index: usize,
    connection: Option<Arc<Connection>>,
}

/// The first wait between two rounds over all addresses; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Proxy {
    /// `protocol` is the Java interface that the server knows it by; `addresses` are `host:port`.
    pub(crate) fn new(
        protocol: &'static str,
        addresses: Vec<String>,
        identity: Identity,
        deadlines: Deadlines,
    ) -> Self {
        Self { protocol, addresses, deadlines, identity: Mutex::new(identity), current: Default::default() }
    }

    /// Calls a method, on whichever server is active, until an answer comes.
    ///
    /// A call whose connection was lost is repeated, so it may have been carried out before: its caller must know what to
    /// make of the second answer. [`Error::attempts`] tells that it was repeated.
    ///
    /// # Errors
    /// An exception other than "ask elsewhere" or "ask later", a failed authentication, or nothing but losses for
    /// [`Deadlines::retry`].
    pub(crate) async fn call<M: Message + Default>(&self, method: &str, request: &impl Message) -> Result<M> {
        let started = Instant::now();
        let end = started + self.deadlines.retry + self.deadlines.call;
        let mut pauses = Pauses::new(self.addresses.len());
        for attempt in 1.. {
            let late = |_| Err(ErrorKind::Timeout(started.elapsed()).into());
            let outcome = timeout_at(end, self.attempt(method, request)).await.unwrap_or_else(late);
            let Err(error) = outcome else { return outcome };
            let pause = pauses.next().unwrap_or_default();
            if !error.is_temporary() || started.elapsed() + pause >= self.deadlines.retry {
                return Err(error.during(method).tried(attempt, started.elapsed()));
            }
            tracing::debug!(%error, attempt, "{method} will be tried again");
            sleep(pause).await;
        }
        unreachable!("attempts are counted without an end")
    }

    /// Calls a method once: for callers that have to know whether it may have been carried out before.
    pub(crate) async fn call_once<M: Message + Default>(
        &self,
        method: &str,
        request: &impl Message,
    ) -> Result<M> {
        let deadline = self.deadlines.connect + self.deadlines.call;
        let late = |_| Err(ErrorKind::Timeout(deadline).into());
        timeout(deadline, self.attempt(method, request)).await.unwrap_or_else(late)
    }

    /// From the next connection on, be somebody else; closes the present one.
    pub(crate) async fn set_identity(&self, identity: Identity) {
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = identity;
        self.current.lock().await.connection = None;
    }

    async fn attempt<M: Message + Default>(&self, method: &str, request: &impl Message) -> Result<M> {
        let (address, connection) = self.connection().await?;
        let outcome = connection.call(method, request).await;
        let error = match outcome {
            Ok(answer) => return Ok(answer),
            Err(error) => error.at(&address),
        };
        if connection.is_lost() || error.is("StandbyException") {
            let mut current = self.current.lock().await;
            // Another call may have seen to it already.
            if current.connection.as_ref().is_some_and(|other| Arc::ptr_eq(other, &connection)) {
                current.connection = None;
                current.index = (current.index + 1) % self.addresses.len();
            }
        }
        Err(error)
    }

    /// The open connection or a new one, and its address.
    async fn connection(&self) -> Result<(String, Arc<Connection>)> {
        let mut current = self.current.lock().await;
        let Some(address) = self.addresses.get(current.index).cloned() else {
            return Err(Error::invalid("no address is known for the service"));
        };
        if let Some(connection) = current.connection.as_ref().filter(|connection| !connection.is_lost()) {
            return Ok((address, Arc::clone(connection)));
        }
        let identity = self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match Connection::open(&address, self.protocol, &identity, &self.deadlines).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                current.connection = Some(Arc::clone(&connection));
                Ok((address, connection))
            }
            Err(error) => {
                current.index = (current.index + 1) % self.addresses.len();
                Err(error.at(&address))
            }
        }
    }
}

/// No wait until every address had its turn, then longer and longer ones: whoever restarts is not greeted by a storm.
struct Pauses {
    turns: usize,
    pause: Duration,
}

impl Pauses {
    fn new(addresses: usize) -> Self {
        Self { turns: addresses.saturating_sub(1), pause: PAUSE }
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if let Some(turns) = self.turns.checked_sub(1) {
            self.turns = turns;
            return Some(Duration::ZERO);
        }
        // Half of it is left to chance, so that many masters do not come back in step.
        let chance = f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX);
        let pause = self.pause.mul_f64(0.5 + chance / 2.0);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Some(pause)
    }
}
