//! A native client for Hadoop YARN.
//!
//! In the order in which a program needs them: the cluster's configuration, the values that everything speaks of, the REST
//! interface by which applications are submitted and watched, and the rights that YARN hands to their containers.

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
pub mod rest;
pub mod shell;

pub mod credentials;
