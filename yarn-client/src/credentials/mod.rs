//! Tokens and secrets that a process was given, and the file that carries them.
//!
//! YARN writes this file for every container and names it in `HADOOP_TOKEN_FILE_LOCATION`; the same bytes travel in a
//! container's launch context. Two formats exist (`org.apache.hadoop.security.Credentials.SerializedFormat`): Hadoop's own
//! "writable" one, which the ResourceManager and the NodeManagers write, and protobuf. Both are read and written here.
//!
//! `Debug` prints neither passwords nor secrets.

mod file;
mod message;
mod token;
mod writable;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

pub use file::{MAX_FILE_BYTES, TOKEN_FILE_VARIABLE};
pub use token::{Token, kind};

/// Everything that a token file holds (`org.apache.hadoop.security.Credentials`).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Tokens by alias. The alias of the application master's own token is the empty text.
    pub tokens: BTreeMap<String, Token>,
    /// Secrets of the application by alias, passed on by YARN as they were submitted.
    pub secrets: BTreeMap<String, Vec<u8>>,
}

/// The two formats of the token file; the number is its version byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileFormat {
    /// Version 0, understood by every Hadoop.
    #[default]
    Writable = 0,
    /// Version 1, understood since Hadoop 3.0.
    Protobuf = 1,
}

/// Why a token file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The file could not be opened, read or written.
    #[error("token file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file was read and is not a token file.
    #[error("token file {}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        source: MalformedCredentials,
    },
}

/// Why bytes or a text are not credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedCredentials {
    /// The four letters `HDTS` at the beginning are missing.
    #[error("it does not begin with HDTS")]
    NotCredentials,
    /// The version byte is neither 0 nor 1.
    #[error("format version {0} is unknown (0 and 1 are known)")]
    UnknownVersion(u8),
    /// It is longer than [`MAX_FILE_BYTES`].
    #[error("it is longer than {MAX_FILE_BYTES} bytes")]
    TooLong,
    /// It ends in the middle of a field, or a length in it is wrong.
    #[error("the {field} at byte {offset} is cut off or its length is wrong")]
    Truncated {
        /// What was being read.
        field: &'static str,
        /// Where it begins, in bytes from the start.
        offset: usize,
    },
    /// A name is not UTF-8.
    #[error("the {field} at byte {offset} is not UTF-8")]
    NotText {
        /// What was being read.
        field: &'static str,
        /// Where it begins, in bytes from the start.
        offset: usize,
    },
    /// The protobuf format does not decode.
    #[error("it is not valid protobuf: {0}")]
    Protobuf(String),
    /// The text form of a token is not base64.
    #[error("it is not base64: {0}")]
    Base64(String),
}

impl Credentials {
    /// The first token of this [`kind`].
    ///
    /// The service of a token is no help in finding it: that of the application master's is empty, and the others name
    /// addresses as the servers see themselves.
    pub fn token_of_kind(&self, kind: &str) -> Option<&Token> {
        self.tokens.values().find(|token| token.kind == kind)
    }

    /// All tokens of this [`kind`], in the order of their aliases.
    pub fn tokens_of_kind(&self, kind: &str) -> impl Iterator<Item = &Token> {
        self.tokens.values().filter(move |token| token.kind == kind)
    }

    /// What an application master hands on to its containers: everything but its own token, with which a container could
    /// speak to the ResourceManager in the master's name.
    pub fn for_containers(&self) -> Self {
        let mut passed_on = self.clone();
        passed_on.tokens.retain(|_, token| token.kind != kind::AM_RM);
        passed_on
    }

    /// Reads the contents of a token file or of a launch context's `tokens`, in either format.
    ///
    /// Bytes after the end are ignored: a blob that came through the ResourceManager's REST interface has some.
    ///
    /// # Errors
    /// The first thing in it that is malformed. Any bytes may be given; memory in use stays proportional to their number.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedCredentials> {
        let body = bytes.strip_prefix(MAGIC).ok_or(MalformedCredentials::NotCredentials)?;
        match body.first() {
            Some(0) => writable::read(bytes, MAGIC.len() + 1),
            Some(1) => message::read(bytes, MAGIC.len() + 1),
            Some(&version) => Err(MalformedCredentials::UnknownVersion(version)),
            None => Err(MalformedCredentials::Truncated { field: "format version", offset: MAGIC.len() }),
        }
    }

    /// The contents of a token file in this format. Equal credentials give equal bytes.
    pub fn to_bytes(&self, format: FileFormat) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(format as u8);
        match format {
            FileFormat::Writable => writable::write(self, &mut bytes),
            FileFormat::Protobuf => message::write(self, &mut bytes),
        }
        bytes
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aliases: Vec<&String> = self.secrets.keys().collect();
        f.debug_struct("Credentials").field("tokens", &self.tokens).field("secrets of", &aliases).finish()
    }
}

/// What both formats begin with ("Hadoop token storage").
const MAGIC: &[u8] = b"HDTS";

#[cfg(test)]
mod tests;
