//! A native client for Hadoop YARN.

pub mod credentials;
pub mod types;
