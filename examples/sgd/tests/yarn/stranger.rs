//! Somebody who finds the master's port.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, Stream};

use crate::cluster::{Place, SMALL, eventually, processes, shared, start};

#[test]
fn a_stranger_learns_nothing_and_disturbs_nothing() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 2_000), place.there("model"));
    let flags = ["--passes", "300", "--split-size", "32k"];
    let io = ["--on-loss", "restart", "--workers", "2", "--input", &input, "--output", &output];
    let mut job = start(lab, &[&SMALL[..], &flags, &io].concat());
    let id = job.application();
    eventually("a second pass", || job.stderr().contains("[2] ").then_some(()));
    let address = processes(lab, &id)
        .into_iter()
        .find_map(|(_, role)| Some(role.strip_prefix("worker:")?.split_once('@')?.1.to_owned()))
        .expect("a worker is told where the master is");

    // Says nothing, and stays.
    let _silent = TcpStream::connect(&address).unwrap();
    for noise in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 4096], &[0xff; 70_000]] {
        let mut stream = connect(&address);
        // The master may hang up before all of it is there.
        let _ = stream.write_all(noise);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        // At most an alert of TLS: type 21, and two bytes that say what is wrong.
        assert!(answer.len() <= 7 && answer.first().is_none_or(|&kind| kind == 21), "{answer:?}");
    }
    let mut stream = connect(&address);
    let name = ServerName::try_from("lapwing").unwrap();
    let mut session = ClientConnection::new(Arc::new(gullible()), name).unwrap();
    let mut tls = Stream::new(&mut session, &mut stream);
    let _ = tls.write_all(b"hello, it is me");
    let mut answer = [0; 64];
    let told = tls.read(&mut answer).unwrap_err();
    assert!(told.to_string().to_lowercase().contains("certificate"), "{told}");

    assert!(!job.is_over(), "the job was over before it could be disturbed");
    let ended = job.end(Duration::from_secs(120));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("starting another"), "{}", ended.stderr);
    assert_eq!(place.model(lab, &output), place.local(&flags));
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// A client that believes whatever certificate it is shown, and has none itself.
fn gullible() -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Anything));
    builder.with_no_client_auth()
}

#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
