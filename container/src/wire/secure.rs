//! From a connection to two halves that only the job's own processes share. On one machine it is a Unix socket, which takes little
//! more than half the time of TCP over the loopback, and the job's key is proved; between machines it is TCP, with mutual TLS 1.3
//! under the job's own authority.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::connection::WireError;
use super::handshake::{self, Key};

/// The receiving half of a connection.
pub type Incoming = Box<dyn AsyncRead + Send + Unpin>;
/// The sending half.
pub type Outbound = Box<dyn AsyncWrite + Send + Unpin>;

/// A machine that is gone does not even refuse a connection; by then the next master may be elsewhere.
const CONNECT: Duration = Duration::from_secs(3);

/// The name that the job's certificate is for; it never meets a name service.
pub const CERTIFICATE_NAME: &str = "job.lapwing";

/// What a process must hold to speak with the others of its job.
#[derive(Clone, Serialize, Deserialize)]
pub enum Trust {
    /// The job's key, on one machine: proved, never sent; messages travel in the clear.
    Key(Key),
    /// The job's certificates, between machines. All DER.
    Tls {
        /// The job's authority.
        authority: Vec<u8>,
        /// The certificate that every process of the job shows.
        certificate: Vec<u8>,
        /// Its private key (PKCS #8).
        private_key: Vec<u8>,
    },
}

/// A trust made ready for many connections.
#[derive(Clone)]
pub enum Gate {
    /// By the job's key.
    Key(Key),
    /// By its certificates.
    Tls(TlsAcceptor, TlsConnector),
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Trust::Key(_) => "Key(..)",
            Trust::Tls { .. } => "Tls(..)",
        })
    }
}

impl Trust {
    /// Reads the certificates, once.
    pub fn gate(&self) -> Result<Gate, rustls::Error> {
        let (authority, certificate, private_key) = match self {
            Trust::Key(key) => return Ok(Gate::Key(*key)),
            Trust::Tls { authority, certificate, private_key } => (authority, certificate, private_key),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(authority.clone()))?;
        let roots = Arc::new(roots);
        let chain = || vec![CertificateDer::from(certificate.clone())];
        let key = || PrivateKeyDer::from(PrivatePkcs8KeyDer::from(private_key.clone()));
        let wrong = |error: rustls::server::VerifierBuilderError| rustls::Error::General(error.to_string());
        let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(clients.build().map_err(wrong)?)
            .with_single_cert(chain(), key())?;
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_webpki_verifier(server_verifier(roots, provider)?)
            .with_client_auth_cert(chain(), key())?;
        Ok(Gate::Tls(TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client))))
    }
}

impl Gate {
    /// Calls the master at this address (the path of its socket, or host and port) and proves that this is one of its workers.
    pub async fn connect(&self, address: &str) -> Result<(Incoming, Outbound), WireError> {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        match self {
            Gate::Key(key) => {
                let mut stream = UnixStream::connect(address).await?;
                handshake::connect(&mut stream, key).await?;
                let (read, write) = stream.into_split();
                Ok((Box::new(read), Box::new(write)))
            }
            Gate::Tls(_, connector) => {
                let stream =
                    tokio::time::timeout(CONNECT, TcpStream::connect(address)).await.map_err(late)??;
                stream.set_nodelay(true)?;
                let name = ServerName::try_from(CERTIFICATE_NAME).expect("the name is well formed");
                let stream = handshake::within(async { Ok(connector.connect(name, stream).await?) }).await?;
                let (read, write) = tokio::io::split(stream);
                Ok((Box::new(read), Box::new(write)))
            }
        }
    }
}

/// Where a master takes calls.
pub enum Door {
    /// A socket of this machine; callers prove the job's key.
    Socket(UnixListener, Key),
    /// A port; callers show the job's certificate.
    Port(TcpListener, TlsAcceptor),
}

/// A caller's proof, and the connection if it holds. A stranger learns nothing and is gone after ten seconds.
pub type Proof = Pin<Box<dyn Future<Output = Result<(Incoming, Outbound), WireError>> + Send>>;

impl Door {
    /// Takes the next call.
    pub async fn accept(&self) -> io::Result<Proof> {
        match self {
            Door::Socket(listener, key) => {
                let ((mut stream, _), key) = (listener.accept().await?, *key);
                Ok(Box::pin(async move {
                    handshake::accept(&mut stream, &key).await?;
                    let (read, write) = stream.into_split();
                    Ok::<(Incoming, Outbound), _>((Box::new(read), Box::new(write)))
                }))
            }
            Door::Port(listener, acceptor) => {
                let ((stream, _), acceptor) = (listener.accept().await?, acceptor.clone());
                Ok(Box::pin(async move {
                    stream.set_nodelay(true)?;
                    let stream = handshake::within(async { Ok(acceptor.accept(stream).await?) }).await?;
                    let (read, write) = tokio::io::split(stream);
                    Ok::<(Incoming, Outbound), _>((Box::new(read), Box::new(write)))
                }))
            }
        }
    }
}

fn server_verifier(
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<rustls::client::WebPkiServerVerifier>, rustls::Error> {
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    verifier.map_err(|error| rustls::Error::General(error.to_string()))
}
