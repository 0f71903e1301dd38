//! A native client for Hadoop YARN.

pub mod config;
pub mod types;

mod application;
mod asks;
mod container;
mod exit_status;
mod launch;
mod namenode;
mod node_manager;
mod rpc;
mod sasl;
mod scheduler;

pub mod credentials;
mod error;
mod proto;

pub use application::{ApplicationClient, ApplicationReport, ApplicationState};
pub use asks::Ask;
pub use container::{Completed, Container, ContainerState, ContainerStatus, NodeToken};
pub use error::{Error, ErrorKind, Result};
pub use exit_status::{ExitStatus, explain};
pub use launch::{LaunchContext, LocalResource, LocalResourceKind, LocalResourceVisibility};
pub use namenode::{BlockLocation, FileKind, FileStatus, NameNode};
pub use node_manager::NodeManagers;
pub use rpc::{Deadlines, Identity};
pub use scheduler::{Beat, FinalStatus, NodeChange, NodeState, Preemption, Registered, Scheduler};
