//! Daemons ended and started one by one.

use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;

use crate::lab::PATIENCE;
use crate::{Lab, Role, daemon, process, ready};

/// A process that a container runs. A container has several: the shells that start its command, and the command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerProcess {
    /// Its number.
    pub pid: u32,
    /// `container_1795460676170_0001_01_000002`
    pub container: String,
    /// Host of its node.
    pub host: String,
}

impl Lab {
    /// The process of a daemon, if it runs.
    pub fn pid(&self, role: Role) -> Option<u32> {
        daemon::pid(&self.plan, role)
    }

    /// All processes of the lab: daemons, containers and what those started.
    pub fn processes(&self) -> Vec<u32> {
        process::all(&self.plan.id)
    }

    /// The processes of all containers, also of those whose NodeManager was killed.
    pub fn container_processes(&self) -> Vec<ContainerProcess> {
        let process = |pid| {
            let container = process::variable(pid, "CONTAINER_ID")?;
            Some(ContainerProcess { pid, container, host: process::variable(pid, "NM_HOST")? })
        };
        process::all(&self.plan.id).into_iter().filter_map(process).collect()
    }

    /// Kills a daemon, as a failing machine would. Its containers go on: see [`Lab::crash_node`].
    pub fn kill(&self, role: Role) -> Result<()> {
        self.check(role)?;
        daemon::end(&self.plan, role, Signal::KILL, Duration::ZERO);
        Ok(())
    }

    /// Asks a daemon to end and waits until it has; after ten seconds it is killed.
    pub fn stop(&self, role: Role) -> Result<()> {
        self.check(role)?;
        daemon::end(&self.plan, role, Signal::TERM, Duration::from_secs(10));
        Ok(())
    }

    /// Starts a daemon that was killed or stopped, and returns at once.
    pub fn launch(&self, role: Role) -> Result<()> {
        self.check(role)?;
        daemon::launch(&self.plan, role)
    }

    /// Kills all that runs on a node (counted from 1): NodeManager, DataNode, containers. The machine is gone.
    pub fn crash_node(&self, node: usize) -> Result<()> {
        self.kill(Role::NodeManager(node))?;
        daemon::end(&self.plan, Role::DataNode(node), Signal::KILL, Duration::ZERO);
        let host = self.plan.host(Role::NodeManager(node)).to_string();
        self.container_processes()
            .iter()
            .filter(|process| process.host == host)
            .for_each(ContainerProcess::kill);
        Ok(())
    }

    /// Waits until every daemon that runs now does its work: HDFS out of safe mode, DataNodes and NodeManagers
    /// registered. Of a daemon that was killed it says nothing, so launch it first.
    pub fn wait_ready(&self) -> Result<()> {
        ready::wait_all(&self.plan, PATIENCE)
    }

    /// Refuses a daemon that this lab does not have, such as `nm7` of three nodes.
    fn check(&self, role: Role) -> Result<()> {
        ensure!(self.plan.roles().contains(&role), "this lab has no {role}");
        Ok(())
    }
}

impl ContainerProcess {
    /// Kills it. That it has gone meanwhile is fine.
    pub fn kill(&self) {
        process::signal(self.pid, Signal::KILL);
    }
}
