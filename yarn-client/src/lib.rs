//! A native client for Hadoop YARN.

pub mod config;
pub mod credentials;
mod error;
mod proto;
mod rpc;
mod sasl;
pub mod types;

pub use error::{Error, ErrorKind, Result};
pub use rpc::{Deadlines, Identity};
