//! What daemons have done.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::{Lab, http};

/// What a DataNode has done since it started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataNodeCounters {
    /// Host name of its node.
    pub host: String,
    /// Bytes sent to readers, with 4 bytes of checksum for each 512 of data. A NodeManager that fetches a binary or a
    /// jar for a container is a reader, too.
    pub bytes_read: u64,
    /// Read requests for a block or a part of one.
    pub blocks_read: u64,
    /// Bytes received from writers.
    pub bytes_written: u64,
}

impl Lab {
    /// What each DataNode has done since it started.
    pub fn datanode_counters(&self) -> Result<Vec<DataNodeCounters>> {
        // Counters are published every 100 ms: wait, so that they hold all that was done before this call.
        std::thread::sleep(Duration::from_millis(250));
        let datanodes = self.nodes.iter().filter_map(|node| Some((&node.host, node.datanode_web.as_ref()?)));
        let counters = |(host, web): (&String, &String)| {
            let bean = http::bean(web, "Hadoop:service=DataNode,name=DataNodeActivity-*")?;
            let counter = |name: &str| bean[name].as_u64().with_context(|| format!("{web} has no {name}"));
            Ok(DataNodeCounters {
                host: host.clone(),
                bytes_read: counter("BytesRead")?,
                blocks_read: counter("BlocksRead")?,
                bytes_written: counter("BytesWritten")?,
            })
        };
        datanodes.map(counters).collect()
    }
}
