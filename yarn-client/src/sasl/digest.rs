//! DIGEST-MD5 (RFC 2831) for a token: the user is the token's identifier, the password its password, both in base64.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use md5::{Digest, Md5};

use super::{
    challenge::{Challenge, Protection},
    layer::{Layer, Side},
};
use crate::{
    credentials::Token,
    error::{Error, Result},
};

/// The longest sealed message that we say we take. Servers send what they like, and we take it.
const OUR_MAX_BUFFER: usize = 65536;

/// What both sides know once the client has answered.
pub(super) struct Exchange {
    session_key: [u8; 16],
    nonce: String,
    client_nonce: String,
    uri: String,
    protection: Protection,
    max_buffer: usize,
}

impl Exchange {
    /// Answers a challenge. `uri` is `<protocol>/<server id>`; `client_nonce` is fresh random text.
    pub(super) fn answer(
        token: &Token,
        challenge: Challenge,
        uri: &str,
        client_nonce: &str,
    ) -> Result<(Self, Bytes)> {
        let user = BASE64_STANDARD.encode(&token.identifier);
        let password = BASE64_STANDARD.encode(&token.password);
        let Challenge { realm, nonce, protection, max_buffer } = challenge;
        let exchange = Self {
            session_key: session_key(&user, &realm, &password, &nonce, client_nonce),
            nonce,
            client_nonce: client_nonce.into(),
            uri: uri.into(),
            protection,
            max_buffer,
        };
        let cipher = match protection {
            Protection::Privacy(cipher) => format!(",cipher=\"{}\"", cipher.name()),
            _ => String::new(),
        };
        let reply = format!(
            "charset=utf-8,username={},realm={},nonce={},nc=00000001,cnonce={},digest-uri={},maxbuf={OUR_MAX_BUFFER},\
             response={},qop={}{cipher}",
            quote(&user),
            quote(&realm),
            quote(&exchange.nonce),
            quote(client_nonce),
            quote(uri),
            exchange.proof("AUTHENTICATE"),
            protection.qop(),
        );
        Ok((exchange, reply.into()))
    }

    /// Checks the server's proof that it knows the password too.
    pub(super) fn verify(&self, success: &[u8]) -> Result<()> {
        let expected = format!("rspauth={}", self.proof(""));
        if success != expected.as_bytes() {
            return Err(Error::authentication("the server did not prove that it knows the token"));
        }
        Ok(())
    }

    pub(super) fn layer(&self) -> Option<Layer> {
        Layer::new(&self.session_key, self.protection, self.max_buffer, Side::Client)
    }

    #[cfg(test)]
    pub(super) fn server_proof(&self) -> String {
        format!("rspauth={}", self.proof(""))
    }

    #[cfg(test)]
    pub(super) fn session_key(&self) -> &[u8; 16] {
        &self.session_key
    }

    /// The hash that client (`AUTHENTICATE`) or server (no word) shows.
    fn proof(&self, word: &str) -> String {
        // For both protections RFC 2831 adds the hash of an empty body, which is written as zeros.
        let body = if self.protection == Protection::None { "" } else { ":00000000000000000000000000000000" };
        let a2 = hex(&md5(&[format!("{word}:{}{body}", self.uri).as_bytes()]));
        let (nonce, client_nonce, qop) = (&self.nonce, &self.client_nonce, self.protection.qop());
        let whole = format!("{}:{nonce}:00000001:{client_nonce}:{qop}:{a2}", hex(&self.session_key));
        hex(&md5(&[whole.as_bytes()]))
    }
}

/// Random text for one authentication.
pub(super) fn fresh_nonce() -> Result<String> {
    let mut random = [0; 30];
    getrandom::fill(&mut random)
        .map_err(|error| Error::authentication(format!("no random numbers: {error}")))?;
    Ok(BASE64_STANDARD.encode(random))
}

/// H(A1) of RFC 2831 in its md5-sess form, from which all keys come.
fn session_key(user: &str, realm: &str, password: &str, nonce: &str, client_nonce: &str) -> [u8; 16] {
    let secret = md5(&[user.as_bytes(), b":", realm.as_bytes(), b":", password.as_bytes()]);
    md5(&[&secret, b":", nonce.as_bytes(), b":", client_nonce.as_bytes()])
}

pub(super) fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn quote(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
