use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a lab is made of. [`Options::default`] is a plain cluster of three nodes with Hadoop's own pace.
///
/// Labs with equal options can be shared, see [`Lab::shared`](crate::Lab::shared).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Options {
    /// Version of the published artifacts: `HADOOP_VERSION`, or the one this crate is tried with.
    pub hadoop_version: String,
    /// Nodes, each with a NodeManager.
    pub nodes: usize,
    /// How many of the nodes have a DataNode too: the first ones.
    pub datanodes: usize,
    /// Memory that a NodeManager may give to containers.
    pub node_memory_mb: u32,
    /// Cores that a NodeManager may give to containers. Nothing ties them to the machine's.
    pub node_vcores: u32,
    /// Copies of a block.
    pub replication: u32,
    /// Bytes of a block: 1024 is the least.
    pub block_size: u64,
    /// Time between two heartbeats of a NodeManager. 1000 is what users have; 100 makes tests quick, because a
    /// container asked for anywhere starts at a heartbeat.
    pub node_heartbeat_ms: u32,
    /// Whether the ResourceManager schedules between heartbeats too. Off, as in Hadoop.
    pub async_scheduling: bool,
    /// What RPC connections with a token do to their bytes.
    pub rpc_protection: RpcProtection,
    /// Properties put over the lab's own, for all daemons and clients.
    pub properties: BTreeMap<Site, BTreeMap<String, String>>,
}

/// `hadoop.rpc.protection`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RpcProtection {
    /// Who speaks is proved once, the bytes are plain: Hadoop's default.
    Authentication,
    /// Every message is signed.
    Integrity,
    /// Every message is encrypted.
    Privacy,
}

/// A configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Site {
    /// `core-site.xml`
    Core,
    /// `hdfs-site.xml`
    Hdfs,
    /// `yarn-site.xml`
    Yarn,
    /// `mapred-site.xml`
    Mapred,
    /// `capacity-scheduler.xml`
    Scheduler,
}

impl Options {
    /// Sets one property of one file, over whatever the lab says itself.
    pub fn property(mut self, site: Site, name: &str, value: &str) -> Self {
        self.properties.entry(site).or_default().insert(name.into(), value.into());
        self
    }

    /// Sets the number of nodes, all with a DataNode up to the third.
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.nodes = nodes;
        self.datanodes = nodes.min(3);
        self
    }

    /// Sets the memory and the cores of each node.
    pub fn node_size(mut self, memory_mb: u32, vcores: u32) -> Self {
        (self.node_memory_mb, self.node_vcores) = (memory_mb, vcores);
        self
    }

    /// Sets the bytes of a block and its copies.
    pub fn blocks(mut self, size: u64, replication: u32) -> Self {
        (self.block_size, self.replication) = (size, replication);
        self
    }

    /// Heartbeats every 100 ms: containers start at once, which users' clusters do not do.
    pub fn quick(mut self) -> Self {
        self.node_heartbeat_ms = 100;
        self
    }

    /// Sets what RPC connections with a token do to their bytes.
    pub fn rpc_protection(mut self, protection: RpcProtection) -> Self {
        self.rpc_protection = protection;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hadoop_version: std::env::var("HADOOP_VERSION").unwrap_or_else(|_| "3.4.2".into()),
            nodes: 3,
            datanodes: 3,
            node_memory_mb: 4096,
            node_vcores: 8,
            replication: 2,
            block_size: 128 << 20,
            node_heartbeat_ms: 1000,
            async_scheduling: false,
            rpc_protection: RpcProtection::Authentication,
            properties: BTreeMap::new(),
        }
    }
}

impl RpcProtection {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Integrity => "integrity",
            Self::Privacy => "privacy",
        }
    }
}

impl Site {
    pub(crate) const ALL: [Self; 5] = [Self::Core, Self::Hdfs, Self::Yarn, Self::Mapred, Self::Scheduler];

    /// The short word for it: `yarn` for `yarn-site.xml`.
    pub(crate) fn word(self) -> &'static str {
        let file = self.file();
        file.split_once(['-', '.']).map_or(file, |(word, _)| word)
    }

    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Core => "core-site.xml",
            Self::Hdfs => "hdfs-site.xml",
            Self::Yarn => "yarn-site.xml",
            Self::Mapred => "mapred-site.xml",
            Self::Scheduler => "capacity-scheduler.xml",
        }
    }
}

impl std::str::FromStr for Site {
    type Err = anyhow::Error;

    /// Reads `core`, `hdfs`, `yarn`, `mapred` or `capacity`.
    fn from_str(word: &str) -> anyhow::Result<Self> {
        let site = Self::ALL.into_iter().find(|site| site.word() == word);
        site.ok_or_else(|| anyhow::anyhow!("{word} is no site: core, hdfs, yarn, mapred and capacity are"))
    }
}
