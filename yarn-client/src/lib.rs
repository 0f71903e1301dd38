//! A native client for Hadoop YARN.
//!
//! In the order in which a program needs them: the cluster's configuration, the values that everything speaks of, the REST
//! interface by which applications are submitted and watched, and the rights that YARN hands to their containers.

pub mod config;
pub mod types;

pub mod rest;
pub mod shell;

pub mod credentials;
