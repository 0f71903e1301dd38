//! The security layer of DIGEST-MD5 (RFC 2831, sections 2.3 and 2.4): signs, and perhaps encrypts, every message.
//!
//! The ciphers are those of 2000 because Java's servers offer no others. They keep colleagues from reading along, no more;
//! where that matters the network itself must be protected.

use cbc::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit, typenum::U8};
use des::TdesEde2;
use hmac::{Hmac, Mac};
use md5::Md5;
use rc4::{Rc4, StreamCipher};

use super::{
    challenge::{Cipher, Protection},
    digest::md5,
};
use crate::error::{Error, Result};

/// Both directions of one connection.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
}

/// Seals what goes out. The sequence number and the cipher's state run on from message to message.
pub(crate) struct Sealer {
    key: [u8; 16],
    sequence: u32,
    cipher: Encrypt,
    /// The longest message that gives a sealed one which the peer takes.
    pub(crate) max_message: usize,
}

/// Opens what comes in.
pub(crate) struct Opener {
    key: [u8; 16],
    sequence: u32,
    cipher: Decrypt,
}

/// Whose keys seal and whose open.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Client,
    #[cfg(test)]
    Server,
}

enum Encrypt {
    Not,
    TripleDes(Box<cbc::Encryptor<TdesEde2>>),
    Rc4(Box<Rc4>),
}

enum Decrypt {
    Not,
    TripleDes(Box<cbc::Decryptor<TdesEde2>>),
    Rc4(Box<Rc4>),
}

const SIGNATURE: usize = 10;
/// After the signed (and encrypted) message: a type, always 1, and the sequence number.
const TRAILER: usize = 6;
const BLOCK: usize = 8;

impl Layer {
    pub(super) fn new(
        session_key: &[u8; 16],
        protection: Protection,
        max_buffer: usize,
        side: Side,
    ) -> Option<Self> {
        let (out, back) = match side {
            Side::Client => ("client-to-server", "server-to-client"),
            #[cfg(test)]
            Side::Server => ("server-to-client", "client-to-server"),
        };
        let signing = |way: &str| {
            md5(&[session_key, b"Digest session key to ", way.as_bytes(), b" signing key magic constant"])
        };
        let sealing = |way: &str| {
            md5(&[session_key, b"Digest H(A1) to ", way.as_bytes(), b" sealing key magic constant"])
        };
        let (encrypt, decrypt) = match protection {
            Protection::None => return None,
            Protection::Integrity => (Encrypt::Not, Decrypt::Not),
            Protection::Privacy(Cipher::TripleDes) => {
                let ((key, iv), (back_key, back_iv)) = (des_key(&sealing(out)), des_key(&sealing(back)));
                let encrypt = cbc::Encryptor::new(&key.into(), &iv.into());
                let decrypt = cbc::Decryptor::new(&back_key.into(), &back_iv.into());
                (Encrypt::TripleDes(Box::new(encrypt)), Decrypt::TripleDes(Box::new(decrypt)))
            }
            Protection::Privacy(Cipher::Rc4) => {
                let cipher =
                    |way| Box::new(Rc4::new_from_slice(&sealing(way)).expect("16 bytes are a key of RC4"));
                (Encrypt::Rc4(cipher(out)), Decrypt::Rc4(cipher(back)))
            }
        };
        // A peer that says it takes next to nothing still gets one byte at a time instead of an underflow.
        let max_message = max_buffer.saturating_sub(SIGNATURE + TRAILER + BLOCK).max(1);
        Some(Self {
            sealer: Sealer { key: signing(out), sequence: 0, cipher: encrypt, max_message },
            opener: Opener { key: signing(back), sequence: 0, cipher: decrypt },
        })
    }
}

impl Sealer {
    pub(crate) fn seal(&mut self, message: &[u8]) -> Vec<u8> {
        let signature = signature(&self.key, self.sequence, message).finalize().into_bytes();
        let mut sealed = Vec::with_capacity(message.len() + BLOCK + SIGNATURE + TRAILER);
        sealed.extend_from_slice(message);
        if let Encrypt::TripleDes(_) = self.cipher {
            let padding = BLOCK - (message.len() + SIGNATURE) % BLOCK;
            sealed.resize(message.len() + padding, padding as u8);
        }
        sealed.extend_from_slice(&signature[..SIGNATURE]);
        match &mut self.cipher {
            Encrypt::Not => {}
            Encrypt::TripleDes(cipher) => {
                cipher.encrypt_blocks(Array::<u8, U8>::slice_as_chunks_mut(&mut sealed).0)
            }
            Encrypt::Rc4(cipher) => cipher.apply_keystream(&mut sealed),
        }
        sealed.extend_from_slice(&[0, 1]);
        sealed.extend_from_slice(&self.sequence.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        sealed
    }
}

impl Opener {
    /// # Errors
    /// The message is too short, out of order, or was changed on the way. Nothing can be read after that.
    pub(crate) fn open(&mut self, sealed: &[u8]) -> Result<Vec<u8>> {
        let (body, trailer) = sealed.split_last_chunk::<TRAILER>().ok_or_else(forged)?;
        let [0, 1, sequence @ ..] = *trailer else { return Err(forged()) };
        if u32::from_be_bytes(sequence) != self.sequence {
            return Err(forged());
        }
        let mut body = body.to_vec();
        match &mut self.cipher {
            Decrypt::Not => {}
            Decrypt::TripleDes(cipher) => {
                let (blocks, rest) = Array::<u8, U8>::slice_as_chunks_mut(&mut body);
                if !rest.is_empty() {
                    return Err(forged());
                }
                cipher.decrypt_blocks(blocks);
            }
            Decrypt::Rc4(cipher) => cipher.apply_keystream(&mut body),
        }
        let (padded, claimed) = body.split_last_chunk::<SIGNATURE>().ok_or_else(forged)?;
        let padding = match (&self.cipher, padded.last()) {
            (Decrypt::TripleDes(_), Some(&padding)) => usize::from(padding),
            (Decrypt::TripleDes(_), None) => return Err(forged()),
            _ => 0,
        };
        let message = padded.len().checked_sub(padding).filter(|_| padding <= BLOCK).ok_or_else(forged)?;
        signature(&self.key, self.sequence, &padded[..message])
            .verify_truncated_left(claimed)
            .map_err(|_| forged())?;
        self.sequence = self.sequence.wrapping_add(1);
        body.truncate(message);
        Ok(body)
    }
}

/// The key (twice 7 bytes spread over twice 8) and the initial vector for two-key triple DES.
fn des_key(material: &[u8; 16]) -> ([u8; 16], [u8; 8]) {
    let mut key = [0; 16];
    for (half, spread) in material[..14].chunks_exact(7).zip(key.chunks_exact_mut(8)) {
        let bits = half.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        for (place, byte) in spread.iter_mut().enumerate() {
            // Seven bits each; the eighth, a parity bit, plays no part in the cipher.
            *byte = ((bits >> (49 - 7 * place)) as u8 & 0x7F) << 1;
        }
    }
    let iv = *material.last_chunk().expect("16 bytes end in 8");
    (key, iv)
}

fn signature(key: &[u8; 16], sequence: u32, message: &[u8]) -> Hmac<Md5> {
    let mut mac = Hmac::new_from_slice(key).expect("a key of HMAC has any length");
    mac.update(&sequence.to_be_bytes());
    mac.update(message);
    mac
}

fn forged() -> Error {
    Error::protocol("a sealed message was changed, lost or repeated on the way")
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opener").field("sequence", &self.sequence).finish_non_exhaustive()
    }
}
