//! Messages over a byte stream: one reader and one writer, small messages passing between the chunks of large ones.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::codec::{Buffer, CodecError, Wire, buffer, recycle};
use super::frame::{FRAME_CAP, FrameError, HEADER_BYTES, Header, Kind, Tag};
use super::message::{Message, PAYLOAD_CAP};

/// What ended or spoilt a connection.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The stream ended or broke.
    #[error("{}", broken(.0))]
    Io(#[from] io::Error),
    /// A header was not one of ours.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A body was not a message.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A state or an update over the cap.
    #[error("a message claims {0} bytes, more than the {PAYLOAD_CAP} allowed")]
    TooLong(u64),
    /// Frames in an order that makes no sense.
    #[error("the peer broke the protocol: {0}")]
    Order(&'static str),
    /// The peer belongs to another job.
    #[error("the peer belongs to another job")]
    Job,
    /// The peer could not prove that it knows the job's key.
    #[error("the peer does not know this job's key")]
    Key,
    /// The peer said nothing in time.
    #[error("no answer within {0} s")]
    Silent(u64),
    /// No master took the place of the one that was lost.
    #[error("no master was found within {0} s after the last one was lost: {1}")]
    NoMaster(u64, Box<WireError>),
}

/// The usual end of a process that was killed deserves better words than those of the library that met it.
fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection ended".to_owned(),
        _ => format!("the connection broke: {error}"),
    }
}

/// A message as it came, its payload whole.
#[derive(Debug)]
pub struct Inbound {
    /// What it belongs to.
    pub tag: Tag,
    /// What it says.
    pub message: Message,
    /// The bytes that followed it; empty for most.
    pub payload: Buffer,
}

/// A message to send. The payload is shared: a broadcast encodes its state once.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What it belongs to.
    pub tag: Tag,
    /// What it says; its `payload` must be the length of the payload below.
    pub message: Message,
    /// The bytes that follow.
    pub payload: Option<Arc<Buffer>>,
}

/// The receiving half.
#[derive(Debug)]
pub struct Reader<S> {
    stream: S,
    job: u64,
    /// A message whose payload is on its way, with the payload's length and how much of it is missing.
    partial: Option<(Inbound, usize, usize)>,
    scratch: Buffer,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    /// Reads messages of one job from a stream.
    pub fn new(stream: S, job: u64) -> Self {
        Self { stream, job, partial: None, scratch: Buffer::new() }
    }

    /// The next whole message. Not safe to cancel: keep one task on it.
    pub async fn next(&mut self) -> Result<Inbound, WireError> {
        loop {
            let mut header = [0; HEADER_BYTES];
            self.stream.read_exact(&mut header).await?;
            let header = Header::decode(&header)?;
            if header.tag.job != self.job {
                return Err(WireError::Job);
            }
            let length = header.length as usize;
            match header.kind {
                Kind::Control => {
                    if let Some(inbound) = self.control(header.tag, length).await? {
                        return Ok(inbound);
                    }
                }
                Kind::Chunk => {
                    if let Some(inbound) = self.chunk(length).await? {
                        return Ok(inbound);
                    }
                }
            }
        }
    }

    /// A control frame is the whole message unless it announces a payload.
    async fn control(&mut self, tag: Tag, length: usize) -> Result<Option<Inbound>, WireError> {
        self.scratch.clear();
        self.scratch.resize(length, 0);
        self.stream.read_exact(&mut self.scratch).await?;
        let message = Message::decode(&self.scratch)?;
        let announced = message.payload();
        if announced > PAYLOAD_CAP {
            return Err(WireError::TooLong(announced));
        }
        let inbound = Inbound { tag, message, payload: Buffer::new() };
        if announced == 0 {
            return Ok(Some(inbound));
        }
        if self.partial.is_some() {
            return Err(WireError::Order("a second payload began before the first one's end"));
        }
        self.partial = Some((inbound, announced as usize, announced as usize));
        Ok(None)
    }

    async fn chunk(&mut self, length: usize) -> Result<Option<Inbound>, WireError> {
        let Some((inbound, whole, missing)) = &mut self.partial else {
            return Err(WireError::Order("a chunk came without a message that announced it"));
        };
        if length == 0 || length > *missing {
            return Err(WireError::Order("a chunk is empty or longer than what was announced"));
        }
        let payload = &mut inbound.payload;
        let have = *whole - *missing;
        if have == 0 {
            // The cap was checked; still, memory that is new grows only as fast as bytes come.
            *payload = buffer(*whole);
            if payload.len() > *whole {
                payload.resize(*whole, 0);
            }
        }
        if payload.len() < have + length {
            payload.resize(have + length, 0);
        }
        self.stream.read_exact(&mut payload[have..have + length]).await?;
        *missing -= length;
        Ok(if *missing == 0 { self.partial.take().map(|(inbound, ..)| inbound) } else { None })
    }
}

/// Writes what comes through the queue until it closes. Messages without payload pass between the chunks of one with.
pub async fn write_all<S: AsyncWrite + Unpin>(
    mut stream: S,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
) -> Result<(), WireError> {
    let mut large: VecDeque<Outgoing> = VecDeque::new();
    loop {
        let Some(next) = (match large.pop_front() {
            Some(outgoing) => Some(outgoing),
            None => queue.recv().await,
        }) else {
            return Ok(stream.shutdown().await?);
        };
        write_control(&mut stream, &next).await?;
        let payload = next.payload.iter().flat_map(|payload| payload.chunks(FRAME_CAP as usize));
        for chunk in payload {
            let header = Header { kind: Kind::Chunk, length: chunk.len() as u32, tag: next.tag }.encode();
            stream.write_all(&header).await?;
            stream.write_all(chunk).await?;
            while let Ok(other) = queue.try_recv() {
                if other.payload.is_none() {
                    write_control(&mut stream, &other).await?;
                    continue;
                }
                if is_state(&other) {
                    // A peer that is so far behind needs the newest only; the others would pile up.
                    large.retain(|older| !is_state(older) || older.tag.pass >= other.tag.pass);
                }
                large.push_back(other);
            }
        }
        // TLS keeps what the socket would not take at once, and would send it with the next message only.
        stream.flush().await?;
        next.payload.and_then(Arc::into_inner).into_iter().for_each(recycle);
    }
}

fn is_state(outgoing: &Outgoing) -> bool {
    matches!(outgoing.message, Message::State { .. })
}

async fn write_control<S: AsyncWrite + Unpin>(stream: &mut S, outgoing: &Outgoing) -> Result<(), WireError> {
    let body = outgoing.message.encode()?;
    let header = Header { kind: Kind::Control, length: body.len() as u32, tag: outgoing.tag }.encode();
    let mut frame = Vec::with_capacity(HEADER_BYTES + body.len());
    frame.extend_from_slice(&header);
    frame.extend_from_slice(&body);
    Ok(stream.write_all(&frame).await?)
}

#[cfg(test)]
mod tests {
    use super::super::message::RoundKind;
    use super::*;
    use crate::merge_tree::Node;

    const TAG: Tag = Tag { job: 7, attempt: 1, lane: 0, pass: 3 };

    fn update(bytes: usize) -> Outgoing {
        let mut payload = Buffer::new();
        (0..bytes).for_each(|i| payload.push(i as u8));
        let node = Node { level: 0, index: 0 };
        let message = Message::Update { kind: RoundKind::Train, node, nanos: 0, payload: bytes as u64 };
        Outgoing { tag: TAG, message, payload: Some(Arc::new(payload)) }
    }

    fn heartbeat() -> Outgoing {
        Outgoing { tag: TAG, message: Message::Heartbeat { resident_bytes: 1 }, payload: None }
    }

    #[tokio::test]
    async fn small_messages_pass_between_the_chunks_of_large_ones() {
        let (near, far) = tokio::io::duplex(4096);
        let (queue, outgoing) = mpsc::unbounded_channel();
        for message in [update(3_000_000), update(10), heartbeat()] {
            queue.send(message).unwrap();
        }
        drop(queue);
        let writer = tokio::spawn(write_all(near, outgoing));
        let mut reader = Reader::new(far, 7);
        let first = reader.next().await.unwrap();
        assert_eq!(first.message, Message::Heartbeat { resident_bytes: 1 });
        for expected in [update(3_000_000), update(10)] {
            let got = reader.next().await.unwrap();
            assert_eq!((got.tag, &got.message), (TAG, &expected.message));
            assert_eq!(got.payload.as_slice(), expected.payload.unwrap().as_slice());
        }
        assert!(matches!(reader.next().await, Err(WireError::Io(_))));
        writer.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_is_behind_gets_the_newest_state_only() {
        let state = |pass| {
            let mut outgoing = update(2_000_000);
            let (kind, summary) = (RoundKind::Train, super::super::message::Summary::default());
            let payload = 2_000_000;
            outgoing.message =
                Message::State { kind, nodes: Vec::new(), summary, safe: 0, digest: 0, payload };
            outgoing.tag.pass = pass;
            outgoing
        };
        let (near, far) = tokio::io::duplex(4096);
        let (queue, outgoing) = mpsc::unbounded_channel();
        // The first is on its way when the others come; the last round is begun a second time, for other nodes.
        for pass in [1, 2, 3, 4, 4] {
            queue.send(state(pass)).unwrap();
        }
        drop(queue);
        let writer = tokio::spawn(write_all(near, outgoing));
        let mut reader = Reader::new(far, 7);
        for pass in [1, 4, 4] {
            assert_eq!(reader.next().await.unwrap().tag.pass, pass);
        }
        assert!(reader.next().await.is_err());
        writer.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_claim_over_the_cap_and_frames_out_of_order_are_refused() {
        async fn outcome(frames: Vec<(Kind, Vec<u8>)>) -> WireError {
            let mut bytes = Vec::new();
            for (kind, body) in frames {
                bytes.extend(Header { kind, length: body.len() as u32, tag: TAG }.encode());
                bytes.extend(body);
            }
            Reader::new(bytes.as_slice(), 7).next().await.unwrap_err()
        }
        let mut claim = update(1).message;
        let Message::Update { payload, .. } = &mut claim else { unreachable!() };
        *payload = 4 << 30;
        let claim = claim.encode().unwrap().to_vec();
        assert!(matches!(outcome(vec![(Kind::Control, claim)]).await, WireError::TooLong(n) if n == 4 << 30));
        assert!(matches!(outcome(vec![(Kind::Chunk, vec![1])]).await, WireError::Order(_)));
        let small = update(3).message.encode().unwrap().to_vec();
        let too_much = vec![(Kind::Control, small.clone()), (Kind::Chunk, vec![0; 4])];
        assert!(matches!(outcome(too_much).await, WireError::Order(_)));
        let twice = vec![(Kind::Control, small.clone()), (Kind::Control, small)];
        assert!(matches!(outcome(twice).await, WireError::Order(_)));
        assert!(matches!(outcome(vec![(Kind::Control, vec![9; 40])]).await, WireError::Codec(_)));
    }

    #[tokio::test]
    async fn a_peer_of_another_job_is_turned_away() {
        let bytes = Header { kind: Kind::Control, length: 0, tag: TAG }.encode();
        assert!(matches!(Reader::new(bytes.as_slice(), 8).next().await, Err(WireError::Job)));
    }
}
