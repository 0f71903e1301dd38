//! The server's half of DIGEST-MD5: a list of `name=value` pairs (RFC 2831, section 2.1.1).

use crate::error::{Error, Result};

/// How the rest of the connection is to be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// `auth`: not at all.
    None,
    /// `auth-int`: every message carries a signature.
    Integrity,
    /// `auth-conf`: every message is signed and encrypted.
    Privacy(Cipher),
}

/// The ciphers that today's Java servers offer and that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    TripleDes,
    Rc4,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub(super) realm: String,
    pub(super) nonce: String,
    pub(super) protection: Protection,
    /// The longest sealed message that the server takes, in bytes.
    pub(super) max_buffer: usize,
}

impl Protection {
    /// Its name on the wire.
    pub(crate) fn qop(self) -> &'static str {
        match self {
            Self::None => "auth",
            Self::Integrity => "auth-int",
            Self::Privacy(_) => "auth-conf",
        }
    }
}

impl Cipher {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TripleDes => "3des",
            Self::Rc4 => "rc4",
        }
    }
}

impl Challenge {
    pub(super) fn parse(challenge: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(challenge)
            .map_err(|_| Error::authentication("the challenge is not UTF-8"))?;
        let pairs = pairs(text)?;
        let get = |name: &str| {
            pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        if get("algorithm").is_none_or(|name| name != "md5-sess") {
            return Err(Error::authentication("the challenge is not for md5-sess"));
        }
        let nonce = get("nonce").ok_or_else(|| Error::authentication("the challenge has no nonce"))?;
        let max_buffer = match get("maxbuf") {
            None => 65536,
            Some(digits) => digits
                .parse()
                .map_err(|_| Error::authentication(format!("maxbuf={digits:?} is no number")))?,
        };
        Ok(Self {
            realm: get("realm").unwrap_or_default().to_owned(),
            nonce: nonce.to_owned(),
            protection: choose(get("qop").unwrap_or("auth"), get("cipher").unwrap_or_default())?,
            max_buffer,
        })
    }
}

/// The list stands in the server's order of preference (`hadoop.rpc.protection`), which is the administrator's.
fn choose(qops: &str, ciphers: &str) -> Result<Protection> {
    let offered = |name: &str| ciphers.split(',').any(|cipher| cipher.trim() == name);
    let cipher = [Cipher::TripleDes, Cipher::Rc4].into_iter().find(|cipher| offered(cipher.name()));
    let known = |qop: &str| match qop.trim() {
        "auth" => Some(Protection::None),
        "auth-int" => Some(Protection::Integrity),
        "auth-conf" => cipher.map(Protection::Privacy),
        _ => None,
    };
    qops.split(',').find_map(known).ok_or_else(|| {
        Error::authentication(format!(
            "the server offers protection {qops:?} with ciphers {ciphers:?}: none that we speak"
        ))
    })
}

/// `name=value, name="quoted \" value"`.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_matches([',', ' ']);
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=').ok_or_else(|| malformed(text))?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted).ok_or_else(|| malformed(text))?,
            None => {
                let (value, after) = value.split_once(',').unwrap_or((value, ""));
                (value.trim().to_owned(), after)
            }
        };
        pairs.push((name.trim().to_owned(), value));
        rest = after.trim_start_matches([',', ' ']);
    }
    Ok(pairs)
}

/// The value up to the closing quote, and what stands after it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn malformed(text: &str) -> Error {
    let start: String = text.chars().take(100).collect();
    Error::authentication(format!("{start:?} is not a list of name=value"))
}
