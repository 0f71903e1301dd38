use std::fmt;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{MalformedCredentials, writable};

/// The kinds of token that YARN and HDFS use.
pub mod kind {
    /// An application master's own, for the ResourceManager's scheduler; given by the ResourceManager.
    pub const AM_RM: &str = "YARN_AM_RM_TOKEN";
    /// For the containers of one NodeManager; given by the ResourceManager with the first container there.
    pub const NODE_MANAGER: &str = "NMToken";
    /// For one container to be started; given by the ResourceManager.
    pub const CONTAINER: &str = "ContainerToken";
    /// For the ResourceManager's client interfaces.
    pub const RM_DELEGATION: &str = "RM_DELEGATION_TOKEN";
    /// For HDFS.
    pub const HDFS_DELEGATION: &str = "HDFS_DELEGATION_TOKEN";
    /// What WebHDFS calls the one for HDFS: has to become [`HDFS_DELEGATION`] before HDFS clients find it.
    pub const WEBHDFS_DELEGATION: &str = "WEBHDFS delegation";
}

/// A right to do something, given out by a server (`org.apache.hadoop.security.token.Token`).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Token {
    /// Who may do what: signed by the server, and sent to it in clear.
    pub identifier: Vec<u8>,
    /// The signature of the identifier, which proves ownership and is never sent.
    pub password: Vec<u8>,
    /// What sort of right it is: see [`kind`].
    pub kind: String,
    /// The server that it is for, as that server spells itself; empty for the application master's own.
    pub service: String,
}

impl Token {
    /// The text form that REST interfaces use (`Token.encodeToUrlString`): URL-safe base64 without padding.
    pub fn to_url_string(&self) -> String {
        let mut bytes = Vec::new();
        writable::write_token(self, &mut bytes);
        BASE64.encode(bytes)
    }

    /// Reads the text form (`Token.decodeFromUrlString`): either base64 alphabet, padding and bytes after the end are fine.
    ///
    /// # Errors
    /// The text is not base64, or what it holds is no token.
    pub fn from_url_string(text: &str) -> Result<Self, MalformedCredentials> {
        // Hadoop's decoder does not count the padding, so we do not either.
        let url_safe = text.trim().trim_end_matches('=').replace('+', "-").replace('/', "_");
        let bytes =
            BASE64.decode(url_safe).map_err(|error| MalformedCredentials::Base64(error.to_string()))?;
        writable::read_token(&bytes)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("kind", &self.kind)
            .field("service", &self.service)
            .field("identifier", &format_args!("{} bytes", self.identifier.len()))
            .finish_non_exhaustive()
    }
}

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);
