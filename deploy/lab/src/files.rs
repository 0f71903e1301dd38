//! Files in HDFS, without a JVM for each.

use std::path::Path;

use anyhow::Result;

use crate::{Lab, hdfs};

impl Lab {
    /// Copies a local file, or a folder with all that is in it, to a path in HDFS, over what is there. The blocks are
    /// spread over the DataNodes.
    pub fn put(&self, local: impl AsRef<Path>, remote: &str) -> Result<()> {
        hdfs::put(&self.plan, local.as_ref(), remote)
    }

    /// Hosts of each block of a file in HDFS.
    pub fn block_hosts(&self, path: &str) -> Result<Vec<Vec<String>>> {
        hdfs::block_hosts(&self.plan, path)
    }
}
