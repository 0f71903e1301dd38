//! `hdfs.proto` and `ClientNamenodeProtocol.proto`: as much as it takes to learn where a file's blocks are.

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct GetBlockLocationsRequest {
    #[prost(string, required, tag = "1")]
    pub path: String,
    #[prost(uint64, required, tag = "2")]
    pub offset: u64,
    #[prost(uint64, required, tag = "3")]
    pub length: u64,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetBlockLocationsResponse {
    /// Absent when there is no such file.
    #[prost(message, optional, tag = "1")]
    pub locations: Option<LocatedBlocks>,
}

#[derive(Clone, PartialEq, Message)]
pub struct LocatedBlocks {
    #[prost(uint64, required, tag = "1")]
    pub file_length: u64,
    #[prost(message, repeated, tag = "2")]
    pub blocks: Vec<LocatedBlock>,
    #[prost(bool, required, tag = "3")]
    pub under_construction: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct LocatedBlock {
    #[prost(message, required, tag = "1")]
    pub block: ExtendedBlock,
    #[prost(uint64, required, tag = "2")]
    pub offset: u64,
    #[prost(message, repeated, tag = "3")]
    pub locations: Vec<DatanodeInfo>,
    #[prost(bool, required, tag = "4")]
    pub corrupt: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct ExtendedBlock {
    #[prost(string, required, tag = "1")]
    pub pool: String,
    #[prost(uint64, required, tag = "2")]
    pub block: u64,
    #[prost(uint64, required, tag = "3")]
    pub generation: u64,
    #[prost(uint64, optional, tag = "4")]
    pub bytes: Option<u64>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DatanodeInfo {
    #[prost(message, required, tag = "1")]
    pub id: DatanodeId,
    /// Rack, such as `/default-rack`.
    #[prost(string, optional, tag = "8")]
    pub rack: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DatanodeId {
    #[prost(string, required, tag = "1")]
    pub address: String,
    #[prost(string, required, tag = "2")]
    pub host: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetFileInfoRequest {
    #[prost(string, required, tag = "1")]
    pub path: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetFileInfoResponse {
    /// Absent when there is no such file.
    #[prost(message, optional, tag = "1")]
    pub status: Option<HdfsFileStatus>,
}

#[derive(Clone, PartialEq, Message)]
pub struct HdfsFileStatus {
    /// 1 directory, 2 file, 3 symbolic link.
    #[prost(int32, required, tag = "1")]
    pub kind: i32,
    /// The last part of the path; empty in the answer to getFileInfo.
    #[prost(bytes = "vec", required, tag = "2")]
    pub name: Vec<u8>,
    #[prost(uint64, required, tag = "3")]
    pub length: u64,
    /// Milliseconds since 1970.
    #[prost(uint64, required, tag = "7")]
    pub modified: u64,
    #[prost(uint64, optional, tag = "11")]
    pub block_size: Option<u64>,
    #[prost(message, optional, tag = "12")]
    pub locations: Option<LocatedBlocks>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetListingRequest {
    #[prost(string, required, tag = "1")]
    pub path: String,
    /// The name after which this page of the listing begins.
    #[prost(bytes = "vec", required, tag = "2")]
    pub start_after: Vec<u8>,
    #[prost(bool, required, tag = "3")]
    pub with_locations: bool,
}

#[derive(Clone, PartialEq, Message)]
pub struct GetListingResponse {
    /// Absent when there is no such directory.
    #[prost(message, optional, tag = "1")]
    pub listing: Option<DirectoryListing>,
}

#[derive(Clone, PartialEq, Message)]
pub struct DirectoryListing {
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<HdfsFileStatus>,
    #[prost(uint32, required, tag = "2")]
    pub remaining: u32,
}
