//! Hadoop RPC version 9 as bytes: what a client writes, and how an answer is taken apart. No IO happens here.
//!
//! A frame is a 4-byte big-endian length and then protobuf messages one after the other, each with its own varint length.
//! Source: `org.apache.hadoop.ipc.Client`, `Server` and `RpcConstants`.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use prost::Message;

use crate::{
    error::{Error, Result},
    proto::rpc::{
        IpcConnectionContext, RequestHeader, RpcRequestHeader, RpcResponseHeader, RpcSasl, UserInformation,
    },
};

/// Largest frame taken, in bytes: Hadoop's own default (`ipc.maximum.response.length`).
pub(crate) const MAX_FRAME: usize = 128 << 20;

/// Call ids that are no calls. A response carries them as unsigned numbers.
pub(crate) const SASL_CALL: i32 = -33;
const CONTEXT_CALL: i32 = -3;
const PING_CALL: i32 = -4;

/// What a connection begins with; `sasl` says whether authentication follows.
pub(crate) fn preamble(sasl: bool) -> [u8; 7] {
    // The last byte is -33 for SASL, 0 for none; the one before is the service class, which nobody uses.
    [b'h', b'r', b'p', b'c', 9, 0, if sasl { 0xDF } else { 0 }]
}

/// A call. `client` names this connection among all of the server's clients: 16 bytes.
pub(crate) fn request(
    call: i32,
    client: &Bytes,
    protocol: &str,
    method: &str,
    message: &impl Message,
) -> Result<Bytes> {
    // Every protocol that this crate speaks has stayed at version 1.
    let what = RequestHeader { method: method.into(), protocol: protocol.into(), protocol_version: 1 };
    frame(&[&header(call, client, 0), &what, message])
}

/// Says which protocol the connection is for and, unless a token has said so already, who is calling.
pub(crate) fn context(client: &Bytes, protocol: &str, user: Option<&str>) -> Result<Bytes> {
    // A user beside a token is fatal: the user of a token is the application attempt.
    let user = user.map(|user| UserInformation { effective_user: Some(user.into()), real_user: None });
    let context = IpcConnectionContext { user, protocol: Some(protocol.into()) };
    frame(&[&header(CONTEXT_CALL, client, -1), &context])
}

/// A sign of life. The server answers nothing.
pub(crate) fn ping(client: &Bytes) -> Result<Bytes> {
    frame(&[&header(PING_CALL, client, -1)])
}

/// A step of the authentication, or (state WRAP) a sealed piece of what follows it.
pub(crate) fn sasl(message: &RpcSasl) -> Result<Bytes> {
    frame(&[&header(SASL_CALL, &Bytes::new(), -1), message])
}

/// Takes the first whole frame, without its length, off `buffer`; `None` when more bytes are needed.
///
/// # Errors
/// The length is above `cap`. It is checked when its four bytes are there: nothing is reserved for the frame before.
pub(crate) fn next(buffer: &mut BytesMut, cap: usize) -> Result<Option<Bytes>> {
    let Some(prefix) = buffer.first_chunk::<4>() else { return Ok(None) };
    if prefix == b"HTTP" {
        return Err(Error::protocol("it speaks HTTP, not Hadoop RPC: this is the port of a web page"));
    }
    let length = u32::from_be_bytes(*prefix) as usize;
    if length > cap {
        return Err(Error::protocol(format!("a frame of {length} bytes (at most {cap} are taken)")));
    }
    if buffer.len() - 4 < length {
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// An answer: its header, and the bytes after it (on success one delimited message, else nothing).
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) header: RpcResponseHeader,
    pub(crate) body: Bytes,
}

impl Response {
    pub(crate) fn parse(mut frame: Bytes) -> Result<Self> {
        let header = RpcResponseHeader::decode_length_delimited(&mut frame).map_err(malformed)?;
        Ok(Self { header, body: frame })
    }

    /// The call that this answers, in the numbering of requests.
    pub(crate) fn call(&self) -> i32 {
        self.header.call_id.cast_signed()
    }

    pub(crate) fn message<M: Message + Default>(&self) -> Result<M> {
        decode(self.body.clone())
    }
}

/// The one delimited message that `body` holds.
pub(crate) fn decode<M: Message + Default>(body: Bytes) -> Result<M> {
    M::decode_length_delimited(body).map_err(malformed)
}

fn malformed(error: prost::DecodeError) -> Error {
    Error::protocol(error.to_string())
}

fn header(call_id: i32, client: &Bytes, retry: i32) -> RpcRequestHeader {
    RpcRequestHeader {
        rpc_kind: Some(2),
        rpc_op: Some(0),
        call_id,
        client_id: client.clone(),
        retry_count: Some(retry),
    }
}

/// A part of a frame: what of a message does not depend on its type, so that different ones stand in one list.
trait Part {
    fn length(&self) -> usize;
    fn put(&self, out: &mut BytesMut);
}

impl<M: Message> Part for M {
    fn length(&self) -> usize {
        let length = self.encoded_len();
        length + prost::length_delimiter_len(length)
    }

    fn put(&self, out: &mut BytesMut) {
        // Cannot fail: the buffer grows.
        let _ = self.encode_length_delimited(out);
    }
}

fn frame(parts: &[&dyn Part]) -> Result<Bytes> {
    let length: usize = parts.iter().map(|part| part.length()).sum();
    let prefix = u32::try_from(length).ok().filter(|_| length <= MAX_FRAME);
    let prefix =
        prefix.ok_or_else(|| Error::invalid(format!("a request of {length} bytes (at most {MAX_FRAME})")))?;
    let mut out = BytesMut::with_capacity(4 + length);
    out.put_u32(prefix);
    parts.iter().for_each(|part| part.put(&mut out));
    Ok(out.freeze())
}

#[cfg(test)]
mod tests;
