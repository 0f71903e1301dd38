//! The NameNode, as far as it takes to run work where the data is: what files there are and which hosts hold their blocks.
//!
//! Nothing is read or written here. Source: `org.apache.hadoop.hdfs.protocol.ClientProtocol`.

use std::ops::Range;

use crate::{
    error::{Error, ErrorKind, Result},
    proto::hdfs::{
        GetBlockLocationsRequest, GetBlockLocationsResponse, GetFileInfoRequest, GetFileInfoResponse,
        GetListingRequest, GetListingResponse, HdfsFileStatus, LocatedBlock, LocatedBlocks,
    },
    rpc::{Deadlines, Identity, Proxy},
};

/// A NameNode, or several of which one is active.
pub struct NameNode {
    proxy: Proxy,
}

/// A file, a directory or a link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStatus {
    /// The whole path, without scheme and host.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes; 0 for a directory.
    pub length: u64,
    /// When it was modified, in milliseconds since 1970.
    pub modified_ms: i64,
    /// Bytes of its blocks (the last may be shorter); 0 for a directory.
    pub block_size: u64,
    /// Its blocks in order, where they were asked for.
    pub blocks: Vec<BlockLocation>,
}

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A symbolic link (HDFS has them switched off).
    SymbolicLink,
}

/// A block of a file and who holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockLocation {
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Names of the hosts that hold it, as their DataNodes call themselves. To ask YARN for one of them it has to be spelt as
    /// its NodeManager spells it.
    pub hosts: Vec<String>,
    /// The rack of each of these hosts.
    pub racks: Vec<String>,
    /// All copies are damaged.
    pub corrupt: bool,
}

/// At most so many pages of a listing: with 1000 names on each, more than a directory may hold.
const MAX_PAGES: usize = 10_000;

impl NameNode {
    /// `addresses` are the RPC addresses (`host:port`, usually port 8020) of all NameNodes of one file system. Connects when
    /// first needed.
    pub fn new(addresses: Vec<String>, identity: Identity) -> Self {
        Self::with_deadlines(addresses, identity, Deadlines::default())
    }

    /// As [`NameNode::new`], with other deadlines.
    pub fn with_deadlines(addresses: Vec<String>, identity: Identity, deadlines: Deadlines) -> Self {
        let protocol = "org.apache.hadoop.hdfs.protocol.ClientProtocol";
        Self { proxy: Proxy::new(protocol, addresses, identity, deadlines) }
    }

    /// The blocks of a file that overlap a range of bytes, in order. (The NameNode is asked for a thousand or so at a time.)
    ///
    /// # Errors
    /// `FileNotFoundException`, `AccessControlException`, or no NameNode was reached.
    pub async fn block_locations(&self, path: &str, range: Range<u64>) -> Result<Vec<BlockLocation>> {
        let mut blocks = Vec::<BlockLocation>::new();
        let mut offset = range.start;
        // Java's numbers end there.
        let range_end = range.end.min(i64::MAX as u64);
        while offset < range_end {
            let request = GetBlockLocationsRequest { path: path.into(), offset, length: range_end - offset };
            let answer: GetBlockLocationsResponse = self.proxy.call("getBlockLocations", &request).await?;
            let found = answer.locations.ok_or_else(|| not_found(path).during("getBlockLocations"))?;
            let end = found.file_length;
            blocks.extend(locations(found).filter(|block| block.offset < range.end));
            let reached = blocks.last().map_or(offset, |block| block.offset.saturating_add(block.length));
            // A file under construction has fewer blocks than bytes.
            if reached <= offset || reached >= end {
                break;
            }
            offset = reached;
        }
        Ok(blocks)
    }

    /// What a path names, without its blocks; `None` if there is nothing.
    ///
    /// # Errors
    /// `AccessControlException`, or no NameNode was reached.
    pub async fn status(&self, path: &str) -> Result<Option<FileStatus>> {
        let request = GetFileInfoRequest { path: path.into() };
        let answer: GetFileInfoResponse = self.proxy.call("getFileInfo", &request).await?;
        answer.status.map(|status| FileStatus::from_wire(status, path)).transpose()
    }

    /// What is in a directory, in order of name and with blocks; of a file, the file itself.
    ///
    /// # Errors
    /// `FileNotFoundException`, `AccessControlException`, or no NameNode was reached.
    pub async fn list(&self, path: &str) -> Result<Vec<FileStatus>> {
        let mut entries = Vec::new();
        let mut start_after = Vec::new();
        for _ in 0..MAX_PAGES {
            let request = GetListingRequest { path: path.into(), start_after, with_locations: true };
            let answer: GetListingResponse = self.proxy.call("getListing", &request).await?;
            let page = answer.listing.ok_or_else(|| not_found(path).during("getListing"))?;
            let last = page.entries.last().map(|entry| entry.name.clone());
            for entry in page.entries {
                entries.push(FileStatus::from_wire(entry, path)?);
            }
            match last {
                Some(last) if page.remaining > 0 => start_after = last,
                _ => return Ok(entries),
            }
        }
        Err(Error::protocol("a listing without an end").during("getListing"))
    }
}

impl FileStatus {
    fn from_wire(status: HdfsFileStatus, parent: &str) -> Result<Self> {
        let name =
            String::from_utf8(status.name).map_err(|_| Error::protocol("a file name that is not UTF-8"))?;
        let kind = match status.kind {
            1 => FileKind::Directory,
            2 => FileKind::File,
            3 => FileKind::SymbolicLink,
            other => return Err(Error::protocol(format!("file type {other}"))),
        };
        // The name is empty when the path itself is meant.
        let path = if name.is_empty() {
            parent.to_owned()
        } else {
            format!("{}/{name}", parent.trim_end_matches('/'))
        };
        Ok(Self {
            path,
            kind,
            length: status.length,
            modified_ms: status.modified.try_into().unwrap_or(i64::MAX),
            block_size: status.block_size.unwrap_or(0),
            blocks: status.locations.into_iter().flat_map(locations).collect(),
        })
    }
}

fn locations(blocks: LocatedBlocks) -> impl Iterator<Item = BlockLocation> {
    blocks.blocks.into_iter().map(|LocatedBlock { block, offset, locations, corrupt }| {
        let place = |node: crate::proto::hdfs::DatanodeInfo| (node.id.host, node.rack.unwrap_or_default());
        let (hosts, racks) = locations.into_iter().map(place).unzip();
        BlockLocation { offset, length: block.bytes.unwrap_or(0), hosts, racks, corrupt }
    })
}

fn not_found(path: &str) -> Error {
    let message = format!("File does not exist: {path}");
    ErrorKind::Remote { class: "java.io.FileNotFoundException".into(), message, fatal: false }.into()
}
