//! From a TCP connection to two halves that only the job's own processes share: proved by the job's key where everything is on
//! one machine, by mutual TLS 1.3 under the job's own authority between machines.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::connection::WireError;
use super::handshake::{self, Key};

/// The receiving half of a connection.
pub type Incoming = Box<dyn AsyncRead + Send + Unpin>;
/// The sending half.
pub type Outbound = Box<dyn AsyncWrite + Send + Unpin>;

/// The name that the job's certificate is for; it never meets a name service.
pub const CERTIFICATE_NAME: &str = "job.lapwing";

/// What a process must hold to speak with the others of its job.
#[derive(Clone, Serialize, Deserialize)]
pub enum Trust {
    /// The job's key, on one machine: proved, never sent; messages travel in the clear over the loopback.
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
    /// The master's side. A stranger learns nothing and is gone after ten seconds.
    pub async fn accept(&self, mut stream: TcpStream) -> Result<(Incoming, Outbound), WireError> {
        stream.set_nodelay(true)?;
        match self {
            Gate::Key(key) => {
                handshake::accept(&mut stream, key).await?;
                Ok(halves(stream))
            }
            Gate::Tls(acceptor, _) => {
                let stream = handshake::within(async { Ok(acceptor.accept(stream).await?) }).await?;
                let (read, write) = tokio::io::split(stream);
                Ok((Box::new(read), Box::new(write)))
            }
        }
    }

    /// The worker's side.
    pub async fn connect(&self, mut stream: TcpStream) -> Result<(Incoming, Outbound), WireError> {
        stream.set_nodelay(true)?;
        match self {
            Gate::Key(key) => {
                handshake::connect(&mut stream, key).await?;
                Ok(halves(stream))
            }
            Gate::Tls(_, connector) => {
                let name = ServerName::try_from(CERTIFICATE_NAME).expect("the name is well formed");
                let stream = handshake::within(async { Ok(connector.connect(name, stream).await?) }).await?;
                let (read, write) = tokio::io::split(stream);
                Ok((Box::new(read), Box::new(write)))
            }
        }
    }
}

fn halves(stream: TcpStream) -> (Incoming, Outbound) {
    let (read, write) = stream.into_split();
    (Box::new(read), Box::new(write))
}

fn server_verifier(
    roots: Arc<RootCertStore>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<rustls::client::WebPkiServerVerifier>, rustls::Error> {
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(roots, provider).build();
    verifier.map_err(|error| rustls::Error::General(error.to_string()))
}
