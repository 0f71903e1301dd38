#![doc = include_str!("../README.md")]
//!
//! # Layout
//! In the order in which a lab comes to life: [`Options`] say what is wanted; `java` and `artifacts` find what runs it;
//! `net` draws addresses; `plan` is all decisions in one file; `site` writes Hadoop's configuration; `guard` sees to the
//! end before anything begins; `daemon` starts one process and `ready` all of them; [`Lab`] is the result.

mod addresses;
mod archive;
mod artifacts;
mod daemon;
mod faults;
mod files;
mod guard;
mod hdfs;
mod http;
mod java;
mod lab;
mod missing;
mod net;
mod node;
mod observe;
mod options;
mod plan;
mod process;
mod ready;
mod role;
mod shared;
mod site;
mod tools;

pub use faults::ContainerProcess;
pub use lab::Lab;
pub use missing::missing;
pub use node::Node;
pub use observe::DataNodeCounters;
pub use options::{Options, RpcProtection, Site};
pub use role::Role;
