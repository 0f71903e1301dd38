//! A native client for Hadoop YARN.

pub mod types;
