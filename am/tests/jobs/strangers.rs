//! Peers that do not belong to the job get nothing and disturb nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use lapwing_container::wire::frame::{Header, Kind, Tag};
use lapwing_container::wire::handshake;
use lapwing_container::wire::message::{Message, RoundKind};
use lapwing_container::wire::secure::Trust;
use lapwing_container::wire::{Buffer, Wire};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::{Bed, Running, essence};

const JOB: &str = "--input table --splits 6 --master local[3] --passes 25 --on-loss restart --output model";

/// A job that takes a second at least, and its master's address.
fn begin(bed: &Bed, arguments: &str) -> (Running, String) {
    let mut command = bed.command(&format!("{JOB} {arguments}"));
    command.env("TESTBED_PACE_MS", "25");
    let running = bed.start(command);
    let master = std::fs::read(bed.staging().join("master.json")).unwrap();
    let master: Value = serde_json::from_slice(&master).unwrap();
    (running, master["address"].as_str().unwrap().to_owned())
}

fn assert_undisturbed(bed: &Bed, running: Running) {
    let disturbed = running.end();
    assert!(!disturbed.stderr.contains("starting another"), "{}", disturbed.stderr);
    assert_same_as_alone(bed, &disturbed.summary());
}

fn assert_same_as_alone(bed: &Bed, summary: &Value) {
    let alone = Bed::new();
    let expected = alone.run(JOB).summary();
    assert_eq!(essence(summary.clone()), essence(expected));
    assert!(bed.model("model") == alone.model("model"));
    bed.assert_clean();
}

#[test]
fn garbage_and_half_a_handshake_disturb_nothing() {
    let bed = Bed::new();
    let (running, address) = begin(&bed, "");
    let connect = || UnixStream::connect(&address).unwrap();
    // A web browser, silence, half a handshake, a long one of zeros, a frame without a handshake that claims 4 GiB.
    let _ = connect().write_all(b"GET / HTTP/1.1\r\n\r\n");
    let silent = connect();
    let mut half = connect();
    half.read_exact(&mut [0; 32]).unwrap();
    half.write_all(&[7; 32]).unwrap();
    let _ = connect().write_all(&vec![0; 1 << 20]);
    let mut claim = Header { kind: Kind::Control, length: 0, tag: Tag::default() }.encode();
    claim[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut claiming = connect();
    let _ = claiming.write_all(&claim);
    let _ = claiming.write_all(&claim);
    // Whoever sends a wrong proof is cut off after the nonce, and told nothing.
    let mut told = Vec::new();
    claiming.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let _ = claiming.read_to_end(&mut told);
    assert_eq!(told.len(), 32, "the master's nonce and not a byte more");
    assert_undisturbed(&bed, running);
    drop((silent, half));
}

#[test]
fn a_thousand_connections_disturb_nothing() {
    let bed = Bed::new();
    let (running, address) = begin(&bed, "");
    let connections: Vec<_> = (0..1000).filter_map(|_| UnixStream::connect(&address).ok()).collect();
    assert!(connections.len() > 900, "{} got through", connections.len());
    assert_undisturbed(&bed, running);
}

#[test]
fn a_thousand_connections_do_not_keep_a_replacement_out() {
    let bed = Bed::new();
    let (running, address) = begin(&bed, "--fault kill:w1@pass20");
    let connections: Vec<_> = (0..1000).filter_map(|_| UnixStream::connect(&address).ok()).collect();
    let outcome = running.end();
    let summary = outcome.summary();
    assert_eq!(outcome.stderr.matches("starting another").count(), 1, "{}", outcome.stderr);
    assert!(outcome.took < Duration::from_secs(20), "{outcome:?}");
    assert_same_as_alone(&bed, &summary);
    drop(connections);
}

/// Proves knowledge of the key, then sends this.
fn send_as_peer(staging: &Path, address: &str, bytes: &[u8]) -> Vec<u8> {
    let trust = std::fs::read(staging.join("trust.json")).unwrap();
    let Trust::Key(key) = serde_json::from_slice(&trust).unwrap() else { panic!("one machine needs no TLS") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stream = tokio::net::UnixStream::connect(address).await.unwrap();
        handshake::connect(&mut stream, &key).await.unwrap();
        let _ = stream.write_all(bytes).await;
        let mut told = Vec::<u8>::new();
        let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut told))
            .await
            .expect("cut off");
        told
    })
}

fn frame(job: u64, message: &Message) -> Vec<u8> {
    let body: Buffer = message.encode().unwrap();
    let tag = Tag { job, attempt: 1, lane: 0, pass: 1 };
    let mut bytes = Header { kind: Kind::Control, length: body.len() as u32, tag }.encode().to_vec();
    bytes.extend_from_slice(&body);
    bytes
}

#[test]
fn even_a_peer_with_the_key_cannot_claim_too_much_or_speak_for_the_dead() {
    let bed = Bed::new();
    let (running, address) = begin(&bed, "");
    let staging = bed.staging();
    let job: Value = serde_json::from_slice(&std::fs::read(staging.join("job.json")).unwrap()).unwrap();
    let job = job["id"].as_u64().unwrap();
    let hello = |worker, incarnation| {
        let host = "elsewhere".to_owned();
        frame(job, &Message::Hello { worker, incarnation, host, pid: 1 })
    };
    let mut claim = hello(0, 0);
    claim[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let node = lapwing_container::merge_tree::Node { level: 0, index: 0 };
    let update = Message::Update { kind: RoundKind::Train, node, nanos: 0, payload: 4 << 30 };
    let unfinished = [hello(0, 0), frame(job, &update)].concat();
    for bytes in [claim, frame(job ^ 1, &Message::Stop), frame(job, &Message::Stop), unfinished] {
        assert!(send_as_peer(&staging, &address, &bytes).is_empty(), "the master has nothing to say");
    }
    let holding = frame(job, &Message::Holding { records: vec![(9, RoundKind::Train)], newest: None });
    for orphan in [hello(0, 9), hello(77, 0)] {
        let told = send_as_peer(&staging, &address, &[orphan, holding.clone(), frame(job, &update)].concat());
        let stop = Message::Stop.encode().unwrap();
        assert!(
            told.len() == 32 + stop.len() && told.ends_with(&stop),
            "nothing but that it may go: {told:?}"
        );
    }
    assert_undisturbed(&bed, running);
}
