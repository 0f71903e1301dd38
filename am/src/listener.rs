//! Workers calling in: proved by the job's key, then one task reads and one writes for each.

use std::collections::VecDeque;
use std::time::Duration;

use lapwing_container::wire::connection::{Inbound, Outgoing, Reader, WireError, write_all};
use lapwing_container::wire::handshake;
use lapwing_container::wire::message::{Message, Round};
use lapwing_container::wire::secure::{Door, Incoming, Outbound};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{Sender, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use crate::engine::{Holding, Seat};
use crate::splits::MOST_SPLITS;

/// Strangers that may be in the middle of proving themselves at once.
const STRANGERS: usize = 256;

/// What comes from workers. A worker may call again before the end of its last connection is noticed, so each has a number.
#[derive(Debug)]
pub(crate) enum Call {
    /// A worker called and said what it holds; messages for it go into the queue.
    Arrived(Line, Holding, UnboundedSender<Outgoing>),
    /// A worker said something.
    Said(Line, Inbound),
    /// A worker's connection ended.
    Gone(Line, String),
}

/// One connection of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) seat: Seat,
    pub(crate) number: u64,
}

/// Listens on this address, ready for a thousand workers to call at the same moment.
pub(crate) fn bind(address: std::net::SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a master before this one may still be dying on a port of a small range.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}

/// Takes calls for as long as anyone listens to them.
pub(crate) async fn listen(door: Door, job: u64, calls: Sender<Call>) {
    let mut strangers: VecDeque<AbortHandle> = VecDeque::new();
    for number in 0.. {
        let proof = match door.accept().await {
            Ok(proof) => proof,
            // Out of file descriptors, or the peer gave up meanwhile: not ours to end for.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let calls = calls.clone();
        let stranger = tokio::spawn(async move {
            // A stranger is turned away without a word, and without a message to anyone.
            if let Ok((read, write)) = proof.await {
                tokio::spawn(async move {
                    let mut reader = Reader::new(read, job);
                    if let Ok((seat, holding)) = introduce(&mut reader).await {
                        converse(write, reader, (Line { seat, number }, holding), &calls).await;
                    }
                });
            }
        });
        // Whoever says nothing must not keep the others waiting: the longest there goes first. A worker calls again.
        strangers.retain(|stranger| !stranger.is_finished());
        strangers.push_back(stranger.abort_handle());
        if strangers.len() > STRANGERS
            && let Some(longest) = strangers.pop_front()
        {
            longest.abort();
        }
    }
}

/// Who calls, and what it holds.
async fn introduce(reader: &mut Reader<Incoming>) -> Result<(Seat, Holding), WireError> {
    let limit = Duration::from_secs(handshake::HANDSHAKE_SECONDS);
    let introduction = tokio::time::timeout(limit, async {
        let Message::Hello { worker, incarnation, host, .. } = reader.next().await?.message else {
            return Err(WireError::Order("the first message was no introduction"));
        };
        let mut holding = Holding { host, ..Holding::default() };
        loop {
            match reader.next().await?.message {
                Message::Loaded { split } if holding.loaded.len() < MOST_SPLITS as usize => {
                    holding.loaded.push(split)
                }
                Message::Holding { records, newest } => {
                    let round = |(pass, kind)| Round { pass, kind };
                    holding.records = records.into_iter().map(round).collect();
                    holding.newest = newest.map(round);
                    return Ok((Seat { worker, incarnation }, holding));
                }
                _ => return Err(WireError::Order("an introduction broke off")),
            }
        }
    });
    introduction.await.unwrap_or(Err(WireError::Silent(handshake::HANDSHAKE_SECONDS)))
}

async fn converse(
    write: Outbound,
    mut reader: Reader<Incoming>,
    (line, holding): (Line, Holding),
    calls: &Sender<Call>,
) {
    let (queue, outgoing) = unbounded_channel();
    tokio::spawn(write_all(write, outgoing));
    if calls.send(Call::Arrived(line, holding, queue)).await.is_err() {
        return;
    }
    loop {
        let call = match reader.next().await {
            Ok(inbound) => Call::Said(line, inbound),
            Err(error) => Call::Gone(line, error.to_string()),
        };
        let over = matches!(call, Call::Gone(..));
        if calls.send(call).await.is_err() || over {
            return;
        }
    }
}
