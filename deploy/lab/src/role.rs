use std::fmt;
use std::str::FromStr;

use anyhow::bail;

/// One daemon of a lab, written `nn`, `rm`, `jhs`, `dn1` or `nm1`. Nodes are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The NameNode.
    NameNode,
    /// The ResourceManager.
    ResourceManager,
    /// The MapReduce job history server.
    JobHistory,
    /// The DataNode of a node.
    DataNode(usize),
    /// The NodeManager of a node.
    NodeManager(usize),
}

impl Role {
    pub(crate) fn main_class(self) -> &'static str {
        match self {
            Self::NameNode => "org.apache.hadoop.hdfs.server.namenode.NameNode",
            Self::ResourceManager => "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager",
            Self::JobHistory => "org.apache.hadoop.mapreduce.v2.hs.JobHistoryServer",
            Self::DataNode(_) => "org.apache.hadoop.hdfs.server.datanode.DataNode",
            Self::NodeManager(_) => "org.apache.hadoop.yarn.server.nodemanager.NodeManager",
        }
    }

    /// Megabytes of Java heap: enough for tests, and nine daemons still fit in two gigabytes.
    pub(crate) fn heap_mb(self) -> u32 {
        match self {
            Self::ResourceManager => 384,
            _ => 256,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameNode => f.write_str("nn"),
            Self::ResourceManager => f.write_str("rm"),
            Self::JobHistory => f.write_str("jhs"),
            Self::DataNode(node) => write!(f, "dn{node}"),
            Self::NodeManager(node) => write!(f, "nm{node}"),
        }
    }
}

impl FromStr for Role {
    type Err = anyhow::Error;

    fn from_str(word: &str) -> anyhow::Result<Self> {
        let node = |digits: &str| digits.parse().ok().filter(|node| *node > 0);
        match word {
            "nn" => return Ok(Self::NameNode),
            "rm" => return Ok(Self::ResourceManager),
            "jhs" => return Ok(Self::JobHistory),
            _ => {}
        }
        if let Some(node) = word.strip_prefix("dn").and_then(node) {
            return Ok(Self::DataNode(node));
        }
        if let Some(node) = word.strip_prefix("nm").and_then(node) {
            return Ok(Self::NodeManager(node));
        }
        bail!("{word} is no daemon: nn, rm, jhs, dn1, nm1 and so on are")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for word in ["nn", "rm", "jhs", "dn1", "nm12"] {
            assert_eq!(word.parse::<Role>().unwrap().to_string(), word);
        }
        for word in ["", "nm", "nm0", "nmx", "node1"] {
            assert!(word.parse::<Role>().is_err(), "{word}");
        }
    }
}
