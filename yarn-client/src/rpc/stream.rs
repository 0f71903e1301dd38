//! Frames over a socket, sealed if that was agreed on.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::frame::{self, Response};
use crate::{
    credentials::Token,
    error::{Error, ErrorKind, Result},
    proto::rpc::{RpcResponseHeader, RpcSasl, RpcStatus, SaslState},
    sasl::{self, Layer, Negotiation, Opener, Sealer, Step},
};
/// Proves to each other that both know the token. `unread` takes bytes that came after it.
pub(super) async fn authenticate(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    unread: &mut BytesMut,
    token: &Token,
) -> Result<Option<Layer>> {
    let mut negotiation = Negotiation::new(token);
    let mut message = Negotiation::first();
    loop {
        stream.write_all(&frame::sasl(&message)?).await.map_err(Error::io)?;
        let answer = sasl_message(next_frame(stream, unread).await?)?;
        match negotiation.step(answer)? {
            Step::Send(next) => message = next,
            Step::Done(layer) => return Ok(layer),
        }
    }
}

/// What goes out.
pub(super) struct Writer<W> {
    pub(super) stream: W,
    pub(super) sealer: Option<Sealer>,
    /// For each write.
    pub(super) deadline: Duration,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) async fn write(&mut self, frame: &[u8]) -> Result<()> {
        let Some(sealer) = &mut self.sealer else {
            return send(&mut self.stream, frame, self.deadline).await;
        };
        // To the layer this is a stream of bytes: a long frame travels in pieces.
        for piece in frame.chunks(sealer.max_message) {
            let sealed = frame::sasl(&sasl::wrapped(sealer.seal(piece)))?;
            send(&mut self.stream, &sealed, self.deadline).await?;
        }
        Ok(())
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8], deadline: Duration) -> Result<()> {
    let late = |_| Err(std::io::ErrorKind::TimedOut.into());
    timeout(deadline, stream.write_all(bytes)).await.unwrap_or_else(late).map_err(Error::io)
}

/// What comes in.
pub(super) struct Reader<R> {
    pub(super) stream: R,
    /// Bytes that were read and are not a whole frame yet.
    pub(super) unread: BytesMut,
    pub(super) opener: Option<Opener>,
    /// The same once more, behind the layer: a frame may come in several sealed pieces.
    pub(super) plain: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// The next frame.
    pub(super) async fn next(&mut self) -> Result<Bytes> {
        loop {
            let Some(opener) = &mut self.opener else {
                return next_frame(&mut self.stream, &mut self.unread).await;
            };
            if let Some(frame) = frame::next(&mut self.plain, frame::MAX_FRAME)? {
                return Ok(frame);
            }
            let sealed = next_frame(&mut self.stream, &mut self.unread).await?;
            self.plain.extend_from_slice(&opener.open(&wrapped_token(sealed)?)?);
        }
    }
}

/// The sealed bytes of a frame. A server that fails may say so without sealing.
fn wrapped_token(frame: Bytes) -> Result<Bytes> {
    let message = sasl_message(frame)?;
    match message.token {
        Some(token) if message.state == SaslState::Wrap as i32 => Ok(token),
        _ => Err(Error::protocol("a message without the protection that was agreed on")),
    }
}

fn sasl_message(frame: Bytes) -> Result<RpcSasl> {
    let answer = Response::parse(frame)?;
    if answer.header.status() != RpcStatus::Success {
        return Err(remote(answer.header));
    }
    if answer.call() != frame::SASL_CALL {
        return Err(Error::protocol(format!(
            "an answer to call {} instead of authentication",
            answer.call()
        )));
    }
    answer.message()
}

async fn next_frame(stream: &mut (impl AsyncRead + Unpin), unread: &mut BytesMut) -> Result<Bytes> {
    loop {
        if let Some(frame) = frame::next(unread, frame::MAX_FRAME)? {
            return Ok(frame);
        }
        // Grows as bytes arrive, never by what a length claims.
        unread.reserve(16 << 10);
        if stream.read_buf(unread).await.map_err(Error::io)? == 0 {
            return Err(ErrorKind::Closed.into());
        }
    }
}

/// The exception in an answer's header.
pub(super) fn remote(header: RpcResponseHeader) -> Error {
    let fatal = header.status() == RpcStatus::Fatal;
    Error::remote(header.exception_class, header.error_message.as_deref(), fatal)
}
