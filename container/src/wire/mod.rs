//! What master and workers say to each other, and how: values to bytes, messages, frames, and the connection they travel on.

pub mod codec;
pub mod connection;
pub mod frame;
pub mod handshake;
pub mod message;
pub(crate) mod parts;
pub mod secure;

pub use codec::{Buffer, CodecError, Wire, digest, recycle};
