//! The protobuf format: one delimited message (`Security.proto`: CredentialsProto).
//!
//! The messages are this module's own, so that reading a token file does not need the RPC half of the crate. Passwords
//! are in them: they live only as long as the conversion, because their derived `Debug` would print everything.

use prost::Message;

use super::{Credentials, MalformedCredentials, Token};

#[derive(Message)]
struct CredentialsMessage {
    #[prost(message, repeated, tag = "1")]
    tokens: Vec<EntryMessage>,
    #[prost(message, repeated, tag = "2")]
    secrets: Vec<EntryMessage>,
}

#[derive(Message)]
struct EntryMessage {
    #[prost(string, required, tag = "1")]
    alias: String,
    #[prost(message, optional, tag = "2")]
    token: Option<TokenMessage>,
    #[prost(bytes = "vec", optional, tag = "3")]
    secret: Option<Vec<u8>>,
}

#[derive(Message)]
struct TokenMessage {
    #[prost(bytes = "vec", required, tag = "1")]
    identifier: Vec<u8>,
    #[prost(bytes = "vec", required, tag = "2")]
    password: Vec<u8>,
    #[prost(string, required, tag = "3")]
    kind: String,
    #[prost(string, required, tag = "4")]
    service: String,
}

/// Reads the delimited message that begins at `offset`.
pub(super) fn read(bytes: &[u8], offset: usize) -> Result<Credentials, MalformedCredentials> {
    let body = bytes.get(offset..).unwrap_or_default();
    let message = CredentialsMessage::decode_length_delimited(body)
        .map_err(|error| MalformedCredentials::Protobuf(error.to_string()))?;
    let mut credentials = Credentials::default();
    for entry in message.tokens {
        let TokenMessage { identifier, password, kind, service } = entry.token.unwrap_or_default();
        credentials.tokens.insert(entry.alias, Token { identifier, password, kind, service });
    }
    for entry in message.secrets {
        credentials.secrets.insert(entry.alias, entry.secret.unwrap_or_default());
    }
    Ok(credentials)
}

/// Appends the delimited message.
pub(super) fn write(credentials: &Credentials, out: &mut Vec<u8>) {
    let token = |(alias, token): (&String, &Token)| {
        let Token { identifier, password, kind, service } = token.clone();
        let token = Some(TokenMessage { identifier, password, kind, service });
        EntryMessage { alias: alias.clone(), token, secret: None }
    };
    let secret = |(alias, secret): (&String, &Vec<u8>)| EntryMessage {
        alias: alias.clone(),
        token: None,
        secret: Some(secret.clone()),
    };
    let tokens = credentials.tokens.iter().map(token).collect();
    let secrets = credentials.secrets.iter().map(secret).collect();
    out.extend(CredentialsMessage { tokens, secrets }.encode_length_delimited_to_vec());
}
