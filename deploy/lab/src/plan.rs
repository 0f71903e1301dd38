use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::java::Java;
use crate::net::{self, Ports};
use crate::{Options, Role, archive, artifacts};

/// Everything that is decided before the first daemon starts. It is the file `lab.json` of the lab's folder, so that
/// another process can speak about the same lab.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Mark that every process of the lab carries in its environment, see [`crate::process`].
    pub(crate) id: String,
    pub(crate) options: Options,
    pub(crate) dir: PathBuf,
    pub(crate) jars: PathBuf,
    pub(crate) java_home: PathBuf,
    /// Class data archive, see [`crate::archive`].
    pub(crate) archive: PathBuf,
    range: [u8; 2],
    ports: BTreeMap<String, u16>,
    /// Who runs the daemons, and so is HDFS's superuser and YARN's administrator.
    pub(crate) user: String,
}

impl Plan {
    /// Decides on a lab in a folder that exists.
    pub(crate) fn new(dir: &Path, id: String, options: Options) -> Result<Self> {
        ensure!((1..=200).contains(&options.nodes), "a lab has 1 to 200 nodes, not {}", options.nodes);
        ensure!(
            (1..=options.nodes).contains(&options.datanodes),
            "a lab has 1 to {} DataNodes",
            options.nodes
        );
        let dir = std::path::absolute(dir)?;
        // It becomes part of class paths, Java options and lists.
        let plain = |c: char| !c.is_whitespace() && !":,;*$'\"&<>".contains(c);
        ensure!(
            dir.to_str().is_some_and(|dir| dir.chars().all(plain)),
            "a lab cannot live in {}",
            dir.display()
        );
        let java = Java::find()?;
        let jars = artifacts::fetch(&options.hadoop_version)?;
        let range = net::free_range()?;
        let mut plan = Self {
            id,
            dir,
            archive: archive::path(&jars, &java.version),
            jars,
            java_home: java.home,
            range,
            ports: BTreeMap::new(),
            user: user()?,
            options,
        };
        plan.ports = plan.draw_ports()?;
        Ok(plan)
    }

    pub(crate) fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("lab.json");
        let text = fs::read(&path).with_context(|| format!("no lab in {}", dir.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no lab's", path.display()))
    }

    /// The mark alone, which every version of this file has had: a lab started by another version can be ended.
    pub(crate) fn read_id(dir: &Path) -> Result<String> {
        let text = fs::read(dir.join("lab.json")).with_context(|| format!("no lab in {}", dir.display()))?;
        let state: serde_json::Value = serde_json::from_slice(&text)?;
        state["id"]
            .as_str()
            .map(str::to_owned)
            .with_context(|| format!("the lab in {} has no id", dir.display()))
    }

    pub(crate) fn write(&self) -> Result<()> {
        Ok(fs::write(self.dir.join("lab.json"), serde_json::to_vec_pretty(self)?)?)
    }

    /// The daemons, in the order in which they are best started.
    pub(crate) fn roles(&self) -> Vec<Role> {
        let mut roles = vec![Role::NameNode, Role::ResourceManager];
        roles.extend((1..=self.options.datanodes).map(Role::DataNode));
        roles.extend((1..=self.options.nodes).map(Role::NodeManager));
        roles.push(Role::JobHistory);
        roles
    }

    /// The host of a daemon. A node's DataNode and NodeManager share theirs.
    pub(crate) fn host(&self, role: Role) -> Ipv4Addr {
        let last = match role {
            Role::DataNode(node) | Role::NodeManager(node) => node as u8,
            Role::NameNode => 251,
            Role::ResourceManager => 252,
            Role::JobHistory => 253,
        };
        Ipv4Addr::new(127, self.range[0], self.range[1], last)
    }

    /// `host:port` of one of a daemon's services.
    pub(crate) fn address(&self, role: Role, service: &str) -> String {
        format!("{}:{}", self.bind_host(role, service), self.port(role, service))
    }

    pub(crate) fn port(&self, role: Role, service: &str) -> u16 {
        self.ports[&format!("{role}.{service}")]
    }

    /// Folder with a daemon's own configuration and data.
    pub(crate) fn home(&self, role: Role) -> PathBuf {
        self.dir.join(role.to_string())
    }

    pub(crate) fn conf(&self) -> PathBuf {
        self.dir.join("conf")
    }

    pub(crate) fn log(&self, role: Role) -> PathBuf {
        self.dir.join("logs").join(format!("{role}.log"))
    }

    fn draw_ports(&self) -> Result<BTreeMap<String, u16>> {
        let mut ports = Ports::default();
        for role in self.roles() {
            let services: &[&str] = match role {
                Role::NameNode => &["rpc", "web"],
                Role::ResourceManager => &["rpc", "scheduler", "tracker", "admin", "web"],
                Role::JobHistory => &["rpc", "admin", "web"],
                Role::DataNode(_) => &["data", "ipc", "web"],
                Role::NodeManager(_) => &["rpc", "localizer", "collector", "shuffle", "web"],
            };
            for service in services {
                ports.draw(format!("{role}.{service}"), self.bind_host(role, service))?;
            }
        }
        Ok(ports.named)
    }

    fn bind_host(&self, role: Role, service: &str) -> Ipv4Addr {
        match (role, service) {
            // The NameNode hands out a DataNode's address as it sees it: that of all loopback clients. So DataNodes
            // differ by port there, and the web server alone is on the node's host, to which WebHDFS sends clients.
            (Role::DataNode(_), "data" | "ipc") => Ipv4Addr::LOCALHOST,
            // The shuffle cannot be told a host.
            (Role::NodeManager(_), "shuffle") => Ipv4Addr::UNSPECIFIED,
            _ => self.host(role),
        }
    }
}

fn user() -> Result<String> {
    let output = std::process::Command::new("id").arg("-un").output().context("id does not run")?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
