//! The server's side of DIGEST-MD5, by the same arithmetic: for the fake daemons of this crate's tests.

use bytes::Bytes;

use super::{
    challenge::{Challenge, Protection, pairs},
    digest::Exchange,
    layer::{Layer, Side},
};
use crate::credentials::Token;

/// What a server says first.
pub(crate) fn challenge(protection: Protection) -> Bytes {
    let cipher = match protection {
        Protection::Privacy(cipher) => format!("cipher=\"{}\",", cipher.name()),
        _ => String::new(),
    };
    let qop = protection.qop();
    format!("realm=\"default\",nonce=\"a+b\",qop=\"{qop}\",charset=utf-8,{cipher}algorithm=md5-sess").into()
}

/// Checks the client's reply; gives the proof for the client, and the server's layer.
pub(crate) fn accept(token: &Token, protection: Protection, reply: &[u8]) -> Option<(Bytes, Option<Layer>)> {
    let fields = pairs(std::str::from_utf8(reply).ok()?).ok()?;
    let client_nonce = &fields.iter().find(|(name, _)| name == "cnonce")?.1;
    let challenge = Challenge::parse(&challenge(protection)).ok()?;
    let max_buffer = challenge.max_buffer;
    let (exchange, expected) = Exchange::answer(token, challenge, "/default", client_nonce).ok()?;
    let layer = Layer::new(exchange.session_key(), protection, max_buffer, Side::Server);
    (expected == reply).then(|| (exchange.server_proof().into(), layer))
}
