use super::application::count32;
use super::json::Fields;
use crate::types::{NodeId, Resource};

/// What a ResourceManager says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterInfo {
    /// When it started, in milliseconds since 1970: the first number of its application ids.
    pub cluster_timestamp: i64,
    /// Hadoop's version.
    pub version: String,
    /// `STARTED` when all is well.
    pub state: String,
    /// Whether it is the one that works (the others stand by).
    pub is_active: bool,
}

/// The cluster in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterMetrics {
    /// All of the active nodes together.
    pub total: Resource,
    /// What is free of it.
    pub available: Resource,
    /// What containers have been promised.
    pub allocated: Resource,
    /// Nodes that may get containers.
    pub active_nodes: u64,
    /// Nodes that have stopped answering.
    pub lost_nodes: u64,
    /// Nodes that have found themselves broken.
    pub unhealthy_nodes: u64,
    /// Applications that run.
    pub running_applications: u64,
    /// Applications that wait.
    pub pending_applications: u64,
}

/// One node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeReport {
    /// Its NodeManager.
    pub id: NodeId,
    /// Its rack: `/default-rack`.
    pub rack: String,
    /// `RUNNING`, or why it gets no containers: `LOST`, `UNHEALTHY`, `DECOMMISSIONED` and so on.
    pub state: String,
    /// Address of its web server; `None` for some nodes that do not run.
    pub http_address: Option<String>,
    /// What it found wrong with itself; empty if nothing.
    pub health: String,
    /// Containers on it.
    pub containers: u64,
    /// What they were promised.
    pub used: Resource,
    /// What is free.
    pub available: Resource,
    /// Its labels.
    pub labels: Vec<String>,
}

impl NodeReport {
    /// Whether it may get containers.
    pub fn is_running(&self) -> bool {
        self.state == "RUNNING"
    }

    pub(super) fn read(node: Fields<'_>) -> Result<Self, String> {
        let resource = |memory, cores| Resource::new(node.count(memory), count32(node.count(cores)));
        // `nodeLabels` is a text, or a list of texts where a node has several.
        let labels = match node.0.get("nodeLabels") {
            Some(serde_json::Value::Array(labels)) => {
                labels.iter().filter_map(|label| label.as_str()).collect()
            }
            Some(serde_json::Value::String(label)) => vec![label.as_str()],
            _ => Vec::new(),
        };
        Ok(Self {
            id: node.text("id").parse().map_err(|error| format!("{error}"))?,
            rack: node.text("rack"),
            state: node.text("state"),
            http_address: node.text_or_none("nodeHTTPAddress"),
            health: node.text("healthReport"),
            containers: node.count("numContainers"),
            used: resource("usedMemoryMB", "usedVirtualCores"),
            available: resource("availMemoryMB", "availableVirtualCores"),
            labels: labels.into_iter().filter(|label| !label.is_empty()).map(String::from).collect(),
        })
    }
}

impl ClusterInfo {
    pub(super) fn read(info: Fields<'_>) -> Self {
        Self {
            cluster_timestamp: info.integer("startedOn").unwrap_or(0),
            version: info.text("hadoopVersion"),
            state: info.text("state"),
            is_active: info.text("haState") == "ACTIVE",
        }
    }
}

impl ClusterMetrics {
    pub(super) fn read(metrics: Fields<'_>) -> Self {
        let resource = |memory, cores| Resource::new(metrics.count(memory), count32(metrics.count(cores)));
        Self {
            total: resource("totalMB", "totalVirtualCores"),
            available: resource("availableMB", "availableVirtualCores"),
            allocated: resource("allocatedMB", "allocatedVirtualCores"),
            active_nodes: metrics.count("activeNodes"),
            lost_nodes: metrics.count("lostNodes"),
            unhealthy_nodes: metrics.count("unhealthyNodes"),
            running_applications: metrics.count("appsRunning"),
            pending_applications: metrics.count("appsPending"),
        }
    }
}

pub(super) fn resource(of: Fields<'_>) -> Option<Resource> {
    (!of.is_missing()).then(|| Resource::new(of.count("memory"), count32(of.count("vCores"))))
}
