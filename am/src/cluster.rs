//! The Hadoop cluster as its configuration files describe it: who we are, where its services are, what a path means there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use yarn_client::config::{Configuration, RmService};
use yarn_client::rest::{ResourceManager, RestError};
use yarn_client::types::Resource;
use yarn_client::{Deadlines, Identity, NameNode};

use crate::error::{Failure, Kind};

/// What the master needs to know of the cluster, staged with the job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClusterJob {
    /// Whom HDFS and YARN take us for.
    pub(crate) user: String,
    /// The queue.
    pub(crate) queue: String,
    /// `host:port` of the ResourceManagers' schedulers.
    pub(crate) schedulers: Vec<String>,
    /// Their web addresses.
    pub(crate) webs: Vec<String>,
    /// Hosts from which YARN's web proxy comes.
    pub(crate) proxies: Vec<String>,
    /// Memory of a worker's container, MiB.
    pub(crate) worker_memory_mb: u64,
    /// Label of the nodes for workers.
    pub(crate) node_label: Option<String>,
    /// Ports that the master may listen on; any if none are said.
    pub(crate) ports: Option<(u16, u16)>,
    /// A master that the ResourceManager has not heard of for so long is replaced.
    pub(crate) master_expiry: Duration,
    /// The staging directory, as a URI.
    pub(crate) staging: String,
    /// The master removes the staging directory itself: nobody waits for it to end.
    pub(crate) detached: bool,
}

/// The client's view of the cluster.
pub(crate) struct Cluster {
    configuration: Configuration,
    pub(crate) user: String,
    pub(crate) manager: ResourceManager,
}

impl Cluster {
    /// Reads the configuration that `HADOOP_CONF_DIR` names.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let configuration = Configuration::from_environment().map_err(|error| {
            let text = format!("Hadoop's configuration: {error}; set HADOOP_CONF_DIR to the directory with core-site.xml and yarn-site.xml");
            Failure::new(Kind::Cluster, text)
        })?;
        let user = user();
        let manager = ResourceManager::from_configuration(&configuration).map_err(|error| rest(&error))?;
        Ok(Self { manager: manager.user(user.clone()), configuration, user })
    }

    /// A path as a URI: one without a scheme is on the cluster's file system.
    pub(crate) fn qualify(&self, path: &str) -> Result<String, Failure> {
        if path.starts_with("file:") {
            let text =
                format!("{path}: files on this machine cannot be seen from the cluster; put them into HDFS");
            return Err(Failure::new(Kind::Input, text));
        }
        if path.contains("://") && !path.starts_with("hdfs:///") {
            return Ok(path.to_owned());
        }
        let root =
            self.configuration.default_fs().map_err(|error| Failure::cluster("fs.defaultFS", error))?;
        if !root.starts_with("hdfs://") {
            return Err(Failure::new(Kind::Cluster, format!("fs.defaultFS is {root}, which is not HDFS")));
        }
        let path = path.strip_prefix("hdfs://").unwrap_or(path);
        let root = root.trim_end_matches('/');
        Ok(if path.starts_with('/') {
            format!("{root}{path}")
        } else {
            format!("{root}/user/{}/{path}", self.user)
        })
    }

    /// The NameNode behind a URI.
    pub(crate) fn name_node(&self, uri: &str) -> Result<NameNode, Failure> {
        self.name_node_within(uri, Deadlines::default())
    }

    fn name_node_within(&self, uri: &str, deadlines: Deadlines) -> Result<NameNode, Failure> {
        let addresses = self.configuration.name_nodes(authority(uri));
        let addresses = addresses.map_err(|error| Failure::cluster("the NameNode's address", error))?;
        let addresses = addresses.iter().map(ToString::to_string).collect();
        Ok(NameNode::with_deadlines(addresses, Identity::User(self.user.clone()), deadlines))
    }

    /// Speaks with the NameNode of each of these paths and of the cluster's own file system. What reads and writes files later
    /// tries for minutes on end, which is right for a job that runs and wrong for a user who mistyped an address.
    pub(crate) fn reach_hdfs(&self, paths: &[String]) -> Result<(), Failure> {
        let mut known = BTreeSet::new();
        let second = Duration::from_secs(1);
        let deadlines =
            Deadlines { connect: 10 * second, call: 15 * second, retry: 10 * second, ..Deadlines::default() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::cluster("the client's runtime", error))?;
        for path in [self.qualify("/")?].iter().chain(paths).filter(|path| path.starts_with("hdfs://")) {
            if known.insert(authority(path)) {
                let name_node = self.name_node_within(path, deadlines.clone())?;
                let status = runtime.block_on(name_node.status("/"));
                status.map_err(|error| Failure::cluster(format!("hdfs://{}", authority(path)), error))?;
            }
        }
        Ok(())
    }

    /// `host:port` of all schedulers.
    pub(crate) fn schedulers(&self) -> Result<Vec<String>, Failure> {
        let addresses = self.configuration.resource_manager(RmService::Scheduler);
        let addresses = addresses.map_err(|error| Failure::cluster("the scheduler's address", error))?;
        Ok(addresses.iter().map(ToString::to_string).collect())
    }

    /// Web addresses of all ResourceManagers.
    pub(crate) fn webs(&self) -> Result<Vec<String>, Failure> {
        self.configuration
            .resource_manager_web()
            .map_err(|error| Failure::cluster("the ResourceManager's address", error))
    }

    /// Hosts of YARN's web proxy: one of its own if the cluster has it, and the ResourceManagers, in which it else runs.
    pub(crate) fn proxies(&self) -> Result<Vec<String>, Failure> {
        let own = self.configuration.get("yarn.web-proxy.address").ok().flatten();
        let webs = self.webs()?;
        let host = |address: &String| {
            let address = address.split_once("://").map_or(address.as_str(), |(_, rest)| rest);
            let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
            host.trim_matches(['[', ']']).to_owned()
        };
        Ok(own.iter().chain(&webs).map(host).collect())
    }

    /// A master that the ResourceManager has not heard of for so long is replaced: as the ResourceManager says itself, or else as
    /// the configuration here does.
    pub(crate) async fn master_expiry(&self) -> Duration {
        const NAME: &str = "yarn.am.liveness-monitor.expiry-interval-ms";
        let told = self.manager.property(NAME).await.ok().flatten();
        let told = told.or_else(|| self.configuration.get(NAME).ok().flatten());
        // Hadoop 3.4 waits for 15 minutes, those before it for 10.
        told.and_then(|text| text.parse().ok()).map_or(Duration::from_secs(600), Duration::from_millis)
    }

    /// How many attempts of a master the cluster allows.
    pub(crate) async fn most_attempts(&self) -> u32 {
        for name in ["yarn.resourcemanager.am.global.max-attempts", "yarn.resourcemanager.am.max-attempts"] {
            let told = self.manager.property(name).await.ok().flatten();
            if let Some(most) = told.and_then(|text| text.parse().ok()) {
                return most;
            }
        }
        2
    }

    /// One `core-site.xml` with everything resolved that this machine knows, for containers: nothing depends on what the nodes
    /// have in their own configuration. What looks like a password stays here.
    pub(crate) fn flat_configuration(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\"?>\n<configuration>\n");
        let wanted = |name: &str| {
            ["fs.defaultFS", "dfs.", "hadoop.", "yarn.resourcemanager.", "ipc.", "io."]
                .iter()
                .any(|start| name.starts_with(start))
                && !["password", "secret", "credential"].iter().any(|word| name.contains(word))
        };
        let properties: BTreeMap<&str, String> = (self.configuration.names())
            .filter(|name| wanted(name))
            .filter_map(|name| Some((name, self.configuration.get(name).ok()??)))
            .collect();
        for (name, value) in properties {
            let (name, value) = (escape(name), escape(&value));
            xml.push_str(&format!("<property><name>{name}</name><value>{value}</value></property>\n"));
        }
        xml + "</configuration>\n"
    }
}

/// An error of the ResourceManager's REST interface as ours.
pub(crate) fn rest(error: &RestError) -> Failure {
    let hint = match error {
        RestError::SubmissionDisabled { .. } => {
            " An administrator lets it with yarn.webapp.enable-rest-app-submissions in the ResourceManager's yarn-site.xml"
        }
        _ => "",
    };
    Failure::new(Kind::Cluster, format!("{error}{hint}"))
}

/// What a queue and the nodes have left, in words.
pub(crate) async fn room(manager: &ResourceManager, queue: &str) -> String {
    let mut parts = Vec::new();
    if let Ok(Some(report)) = manager.queue(queue).await {
        let left =
            report.room().map_or("an unknown rest".to_owned(), |room| format!("{} MiB", room.memory_mb));
        parts.push(format!("the queue {} may still give {left}", report.path));
    }
    if let Ok(nodes) = manager.nodes().await {
        let free = nodes.iter().filter(|node| node.is_running()).map(|node| {
            format!("{} {} MiB and {} cores", node.id.host, node.available.memory_mb, node.available.vcores)
        });
        let free: Vec<String> = free.collect();
        parts.push(match free.len() {
            0 => "no node is running".to_owned(),
            1..=8 => format!("free on the nodes: {}", free.join(", ")),
            more => format!("{more} nodes run"),
        });
    }
    if parts.is_empty() { "the ResourceManager gives no figures".to_owned() } else { parts.join("; ") }
}

fn authority(uri: &str) -> &str {
    uri.strip_prefix("hdfs://").and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

/// Whole MiB, at least one.
pub(crate) fn resource(bytes: u64, cores: u32) -> Resource {
    Resource { memory_mb: bytes.div_ceil(1 << 20).max(1), vcores: cores }
}

/// As Hadoop's clients have it on a cluster without Kerberos.
fn user() -> String {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    let asked = || {
        let output = std::process::Command::new("id").arg("-un").output().ok()?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|name| !name.is_empty())
    };
    set("HADOOP_USER_NAME").or_else(asked).or_else(|| set("USER")).unwrap_or_else(|| "nobody".to_owned())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
