//! A native client for Hadoop YARN.
