//! A native client for Hadoop YARN.
//!
//! In the order in which a program needs them: the cluster's configuration, the values that everything speaks of, the REST
//! interface by which applications are submitted and watched; then what an application master needs: where its data is, the
//! scheduler, and the NodeManagers. Below stand the layers that carry the calls: proxy, connection, authentication and frames.

pub mod config;
pub mod types;

pub mod rest;
pub mod shell;

mod application;
mod namenode;

mod asks;
mod container;
mod exit_status;
mod launch;
mod node_manager;
mod scheduler;

mod rpc;
mod sasl;

pub mod credentials;
mod error;
mod proto;

pub use application::{ApplicationClient, MasterReport};
pub use asks::Ask;
pub use container::{Completed, Container, ContainerState, ContainerStatus, NodeToken};
pub use error::{Error, ErrorKind, Result};
pub use exit_status::{ExitStatus, explain};
pub use launch::LaunchContext;
pub use namenode::{BlockLocation, FileKind, FileStatus, NameNode};
pub use node_manager::NodeManagers;
pub use rest::FinalStatus;
pub use rpc::{Deadlines, Identity};
pub use scheduler::{Beat, NodeChange, NodeState, Preemption, Registered, Scheduler};
