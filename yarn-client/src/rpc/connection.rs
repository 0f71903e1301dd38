//! One connection to one daemon: many calls at a time, told apart by their numbers.
//!
//! One task writes and one reads. When either ends, every call that waits is told why; a new connection is the proxy's
//! business. Source: `org.apache.hadoop.ipc.Client.Connection`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::AbortHandle,
    time::{Instant, timeout},
};

use super::{
    Deadlines, Identity,
    frame::{self, Response},
    stream::{Reader, Writer, authenticate, remote},
};
use crate::{
    error::{Error, ErrorKind, Result},
    proto::rpc::RpcStatus,
    sasl::Layer,
};

/// Closes when dropped.
pub(crate) struct Connection {
    protocol: &'static str,
    client: Bytes,
    deadline: Duration,
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Bytes>,
    tasks: [AbortHandle; 2],
}

impl Connection {
    /// Connects, authenticates and says which protocol will be spoken.
    pub(crate) async fn open(
        address: &str,
        protocol: &'static str,
        identity: &Identity,
        deadlines: &Deadlines,
    ) -> Result<Self> {
        let opening = Self::handshake(address, protocol, identity, deadlines);
        let late = |_| Err(Error::connect(std::io::ErrorKind::TimedOut.into()));
        timeout(deadlines.connect, opening).await.unwrap_or_else(late)
    }

    async fn handshake(
        address: &str,
        protocol: &'static str,
        identity: &Identity,
        deadlines: &Deadlines,
    ) -> Result<Self> {
        let mut stream = TcpStream::connect(address).await.map_err(Error::connect)?;
        stream.set_nodelay(true).map_err(Error::io)?;
        stream
            .write_all(&frame::preamble(matches!(identity, Identity::Token(_))))
            .await
            .map_err(Error::io)?;
        let client = client_id()?;
        let mut unread = BytesMut::new();
        let (layer, user) = match identity {
            Identity::Token(token) => (authenticate(&mut stream, &mut unread, token).await?, None),
            Identity::User(user) => (None, Some(user.as_str())),
        };
        let (sealer, opener) = layer.map(|Layer { sealer, opener }| (sealer, opener)).unzip();
        let (reading, writing) = stream.into_split();
        let shared = Arc::<Shared>::default();
        let (outgoing, queue) = mpsc::channel(32);
        let mut writer = Writer { stream: writing, sealer, deadline: deadlines.call };
        writer.write(&frame::context(&client, protocol, user)?).await?;
        let ping = frame::ping(&client)?;
        let write = tokio::spawn(write(writer, queue, ping, deadlines.ping, Arc::clone(&shared)));
        let read = tokio::spawn(read(
            Reader { stream: reading, unread, opener, plain: BytesMut::new() },
            Arc::clone(&shared),
        ));
        let tasks = [write.abort_handle(), read.abort_handle()];
        Ok(Self { protocol, client, deadline: deadlines.call, shared, outgoing, tasks })
    }

    /// Calls a method and waits for its answer.
    ///
    /// # Errors
    /// The daemon's exception; the loss of the connection, in which case nobody knows whether the call was carried out; or no
    /// answer in time. If nothing at all was heard meanwhile, the whole connection counts as lost.
    pub(crate) async fn call<M: Message + Default>(&self, method: &str, request: &impl Message) -> Result<M> {
        let started = Instant::now();
        let (call, answer) = self.shared.expect_answer()?;
        let _forget = Forget { shared: &self.shared, call };
        let frame = frame::request(call, &self.client, self.protocol, method, request)?;
        let exchange = async {
            // Both fail only once the connection is lost, and then the reason is known.
            self.outgoing.send(frame).await.map_err(|_| self.shared.loss())?;
            answer.await.map_err(|_| self.shared.loss())?
        };
        match timeout(self.deadline, exchange).await {
            Ok(answer) => frame::decode(answer?),
            Err(_) => {
                let error = Error::from(ErrorKind::Timeout(self.deadline));
                if self.shared.lock().heard.is_none_or(|heard| heard < started) {
                    self.shared.lose(error.clone());
                }
                Err(error)
            }
        }
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.shared.lock().lost.is_some()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        self.shared.lose(ErrorKind::Closed.into());
    }
}

/// What callers and the two tasks share.
#[derive(Default)]
struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: HashMap<i32, oneshot::Sender<Result<Bytes>>>,
    next_call: i32,
    /// When the last bytes came.
    heard: Option<Instant>,
    lost: Option<Error>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent after every statement, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn expect_answer(&self) -> Result<(i32, oneshot::Receiver<Result<Bytes>>)> {
        let mut state = self.lock();
        if let Some(error) = &state.lost {
            return Err(error.clone());
        }
        let call = state.next_call;
        state.next_call = call.wrapping_add(1) & i32::MAX;
        let (tell, answer) = oneshot::channel();
        state.waiting.insert(call, tell);
        Ok((call, answer))
    }

    /// Wakes everybody. The first reason is the one that counts.
    fn lose(&self, error: Error) {
        let mut state = self.lock();
        if state.lost.is_none() {
            tracing::debug!(%error, calls = state.waiting.len(), "connection lost");
        }
        let error = state.lost.get_or_insert(error).clone();
        for (_, tell) in state.waiting.drain() {
            let _ = tell.send(Err(error.clone()));
        }
    }

    fn loss(&self) -> Error {
        self.lock().lost.clone().unwrap_or_else(|| ErrorKind::Closed.into())
    }

    /// Hands an answer to its caller. Failures without a call of ours are about the whole connection.
    fn deliver(&self, answer: Response) -> Result<()> {
        let call = answer.call();
        let outcome = match answer.header.status() {
            RpcStatus::Success => Ok(answer.body),
            RpcStatus::Error if call >= 0 => Err(remote(answer.header)),
            RpcStatus::Error | RpcStatus::Fatal => return Err(remote(answer.header)),
        };
        // Nobody waits any more after a timeout.
        if let Some(tell) = self.lock().waiting.remove(&call) {
            let _ = tell.send(outcome);
        }
        Ok(())
    }
}

/// A call that is given up leaves nothing behind.
struct Forget<'a> {
    shared: &'a Shared,
    call: i32,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.lock().waiting.remove(&self.call);
    }
}

async fn write(
    mut writer: Writer<impl AsyncWrite + Unpin>,
    mut queue: mpsc::Receiver<Bytes>,
    ping: Bytes,
    silence: Duration,
    shared: Arc<Shared>,
) {
    loop {
        let frame = match timeout(silence, queue.recv()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(_) if shared.lock().waiting.is_empty() => continue,
            Err(_) => ping.clone(),
        };
        if let Err(error) = writer.write(&frame).await {
            return shared.lose(error);
        }
    }
}

async fn read(mut reader: Reader<impl AsyncRead + Unpin>, shared: Arc<Shared>) {
    loop {
        let frame = reader.next().await;
        shared.lock().heard = Some(Instant::now());
        if let Err(error) = frame.and_then(Response::parse).and_then(|answer| shared.deliver(answer)) {
            return shared.lose(error);
        }
    }
}

/// Tells this connection from all others at the server; 16 bytes.
fn client_id() -> Result<Bytes> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| Error::connect(std::io::Error::other(error)))?;
    Ok(Bytes::copy_from_slice(&id))
}
