//! A native client for Hadoop YARN.

pub mod config;
pub mod credentials;
pub mod types;
