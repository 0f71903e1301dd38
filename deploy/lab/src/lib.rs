//! A real Hadoop on one machine, for tests.
//!
//! NameNode, DataNodes, ResourceManager, NodeManagers with the MapReduce shuffle, and the job history server: each a
//! process of its own, from the published artifacts, without root and without fixed ports, so several labs live side
//! by side.
mod artifacts;
mod daemon;
mod guard;
mod hdfs;
mod http;
mod java;
mod lab;
mod net;
mod options;
mod plan;
mod process;
mod ready;
mod role;
mod site;

pub use lab::{DataNodeCounters, Lab, Node};
pub use options::{Options, RpcProtection, Site};
pub use role::Role;
