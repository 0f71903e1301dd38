//! Who may speak: both sides prove that they know the job's key before a single message is read.
//!
//! Each sends 32 random bytes; each answers with HMAC-SHA256 over its role and both nonces. The key itself never travels.
//! This is for the sockets of one machine, where nobody listens in; between machines TLS takes its place.

use std::io::Read;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::connection::WireError;

/// The job's secret.
pub type Key = [u8; 32];

/// A peer that has not proved itself by then is cut off.
pub const HANDSHAKE_SECONDS: u64 = 10;

/// The master's side. Nothing but the nonce is told to a peer that does not know the key.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, key: &Key) -> Result<(), WireError> {
    within(async {
        let own = nonce()?;
        stream.write_all(&own).await?;
        let mut theirs = [0; 32];
        let mut proof = [0; 32];
        stream.read_exact(&mut theirs).await?;
        stream.read_exact(&mut proof).await?;
        verify(key, b"worker", &own, &theirs, &proof)?;
        stream.write_all(&prove(key, b"master", &own, &theirs)).await?;
        Ok(())
    })
    .await
}

/// The worker's side.
pub async fn connect<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, key: &Key) -> Result<(), WireError> {
    within(async {
        let own = nonce()?;
        let mut theirs = [0; 32];
        stream.read_exact(&mut theirs).await?;
        stream.write_all(&own).await?;
        stream.write_all(&prove(key, b"worker", &theirs, &own)).await?;
        let mut proof = [0; 32];
        stream.read_exact(&mut proof).await?;
        verify(key, b"master", &theirs, &own, &proof)
    })
    .await
}

/// Random bytes of the operating system, for keys and nonces.
pub fn nonce() -> std::io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

pub(super) async fn within<T>(work: impl Future<Output = Result<T, WireError>>) -> Result<T, WireError> {
    tokio::time::timeout(Duration::from_secs(HANDSHAKE_SECONDS), work)
        .await
        .unwrap_or(Err(WireError::Silent(HANDSHAKE_SECONDS)))
}

fn code(key: &Key, role: &[u8], master: &[u8; 32], worker: &[u8; 32]) -> Hmac<Sha256> {
    let mut code = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in [role, master, worker] {
        code.update(part);
    }
    code
}

fn prove(key: &Key, role: &[u8], master: &[u8; 32], worker: &[u8; 32]) -> [u8; 32] {
    code(key, role, master, worker).finalize().into_bytes().into()
}

fn verify(
    key: &Key,
    role: &[u8],
    master: &[u8; 32],
    worker: &[u8; 32],
    proof: &[u8],
) -> Result<(), WireError> {
    // In constant time, so that a stranger cannot feel his way to a proof.
    code(key, role, master, worker).verify_slice(proof).map_err(|_| WireError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_same_key_opens_and_another_does_not() {
        for (other, fits) in [([1; 32], true), ([2; 32], false)] {
            let (mut near, mut far) = tokio::io::duplex(1024);
            let master = tokio::spawn(async move { accept(&mut near, &[1; 32]).await });
            let worker = connect(&mut far, &other).await;
            assert_eq!(worker.is_ok(), fits);
            assert_eq!(master.await.unwrap().is_ok(), fits);
        }
    }

    #[tokio::test]
    async fn a_proof_cannot_be_reflected() {
        let (mut near, mut far) = tokio::io::duplex(1024);
        let master = tokio::spawn(async move { accept(&mut near, &[1; 32]).await });
        let mut nonce = [0; 32];
        far.read_exact(&mut nonce).await.unwrap();
        far.write_all(&nonce).await.unwrap();
        far.write_all(&prove(&[1; 32], b"master", &nonce, &nonce)).await.unwrap();
        assert!(matches!(master.await.unwrap(), Err(WireError::Key)));
    }
}
