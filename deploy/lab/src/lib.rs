//! A real Hadoop on one machine, for tests.
//!
//! NameNode, DataNodes, ResourceManager, NodeManagers with the MapReduce shuffle, and the job history server: each a
//! process of its own, from the published artifacts, without root and without fixed ports, so several labs live side
//! by side.
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

pub use lab::Lab;
pub use missing::missing;
pub use node::Node;
pub use observe::DataNodeCounters;
pub use options::{Options, RpcProtection, Site};
pub use role::Role;
