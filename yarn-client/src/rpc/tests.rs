//! What a connection and a proxy do when the other side is slow, silent or gone.

use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use prost::Message;

use super::{
    Deadlines, Identity, Proxy,
    connection::Connection,
    fake::{Fake, Guard, Reply},
};
use crate::{
    credentials::Token,
    error::ErrorKind,
    proto::service::{FinishRequest, FinishResponse},
    sasl::{Cipher, Protection},
};

const PROTOCOL: &str = "org.example.Protocol";

fn quick() -> Deadlines {
    let millis = Duration::from_millis;
    Deadlines { connect: millis(500), call: millis(500), retry: millis(1500), ping: millis(50) }
}

fn user() -> Identity {
    Identity::User("alice".into())
}

fn token() -> Token {
    Token { identifier: b"who".to_vec(), password: b"secret".to_vec(), ..Default::default() }
}

fn yes() -> Reply {
    Reply::message(&FinishResponse { unregistered: Some(true) })
}

async fn ask(connection: &Connection, method: &str) -> crate::Result<FinishResponse> {
    connection.call(method, &FinishRequest::default()).await
}

async fn ask_proxy(proxy: &Proxy) -> crate::Result<FinishResponse> {
    proxy.call("method", &FinishRequest::default()).await
}

async fn open(fake: &Fake, identity: &Identity) -> crate::Result<Connection> {
    Connection::open(&fake.address, PROTOCOL, identity, &quick()).await
}

#[tokio::test]
async fn calls_are_answered_in_any_order() {
    let fake = Fake::start(None, |method, _| match method {
        "early" => Reply::Hold,
        _ => Reply::Release(FinishResponse { unregistered: Some(true) }.encode_to_vec()),
    });
    let fake = fake.await;
    let connection = open(&fake, &user()).await.unwrap();
    let (first, second, third) =
        tokio::join!(ask(&connection, "early"), ask(&connection, "early"), ask(&connection, "last"));
    assert!([first, second, third].into_iter().all(|answer| answer.unwrap().unregistered()));
    assert_eq!(*fake.seen.lock().unwrap(), ["alice"]);
}

#[tokio::test]
async fn every_protection_carries_calls_large_and_small() {
    use Protection::*;
    for protection in [None, Integrity, Privacy(Cipher::TripleDes), Privacy(Cipher::Rc4)] {
        let guard: Guard = Some((token(), protection));
        let fake = Fake::start(guard, |_, body| Reply::Message(body.to_vec())).await;
        // Triple DES takes its time in an unoptimised build.
        let (identity, patient) = (Identity::Token(token()), Deadlines::default());
        let connection = Connection::open(&fake.address, PROTOCOL, &identity, &patient).await.unwrap();
        for length in [0, 10, 150_000] {
            let request = FinishRequest { diagnostics: Some("x".repeat(length)), ..Default::default() };
            let echo: FinishRequest = connection.call("echo", &request).await.unwrap();
            assert_eq!(echo, request);
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_as_the_daemon_tells_it() {
    let fake = Fake::start(Some((token(), Protection::None)), |_, _| yes()).await;
    let wrong = Token { password: b"guess".to_vec(), ..token() };
    let proxy = Proxy::new(PROTOCOL, vec![fake.address.clone()], Identity::Token(wrong), quick());
    let error = ask_proxy(&proxy).await.unwrap_err();
    assert!(error.is("SaslException"), "{error}");
    assert_eq!((error.attempts(), fake.connections.load(SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_loss_wakes_everybody() {
    let fake =
        Fake::start(None, |method, _| if method == "wait" { Reply::Hold } else { Reply::HangUp }).await;
    let connection = open(&fake, &user()).await.unwrap();
    let started = Instant::now();
    let (first, second, third) =
        tokio::join!(ask(&connection, "wait"), ask(&connection, "wait"), ask(&connection, "hang up"));
    for error in [first, second, third].map(Result::unwrap_err) {
        assert!(matches!(error.kind(), ErrorKind::Closed | ErrorKind::Io(_)), "{error}");
    }
    assert!(started.elapsed() < Duration::from_millis(400));
    assert!(connection.is_lost());
    ask(&connection, "too late").await.unwrap_err();
}

#[tokio::test]
async fn a_fatal_answer_without_a_call_ends_all_calls() {
    let fake = Fake::start(None, |method, _| match method {
        "wait" => Reply::Hold,
        _ => Reply::Fatal(
            "org.apache.hadoop.security.AccessControlException",
            "SIMPLE authentication is not enabled.",
        ),
    });
    let fake = fake.await;
    let connection = open(&fake, &user()).await.unwrap();
    let (first, second) = tokio::join!(ask(&connection, "wait"), ask(&connection, "fail"));
    for error in [first, second].map(Result::unwrap_err) {
        assert!(error.is("AccessControlException"));
        assert_eq!(error.to_string(), "AccessControlException: SIMPLE authentication is not enabled.");
    }
}

#[tokio::test]
async fn silence_is_a_timeout_and_costs_the_connection() {
    let fake = Fake::start(None, |_, _| Reply::Hold).await;
    let connection = open(&fake, &user()).await.unwrap();
    let error = ask(&connection, "wait").await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
    assert!(connection.is_lost());
    let pings = fake.seen.lock().unwrap().iter().filter(|what| *what == "ping").count();
    assert!((5..=10).contains(&pings), "{pings}");
}

#[tokio::test]
async fn one_slow_call_does_not_cost_the_others_their_connection() {
    let fake = Fake::start(None, |method, _| if method == "wait" { Reply::Hold } else { yes() }).await;
    let connection = open(&fake, &user()).await.unwrap();
    let others = async {
        for _ in 0..7 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ask(&connection, "answer").await.unwrap();
        }
    };
    let (slow, ()) = tokio::join!(ask(&connection, "wait"), others);
    assert!(matches!(slow.unwrap_err().kind(), ErrorKind::Timeout(_)));
    assert!(!connection.is_lost());
}

#[tokio::test]
async fn a_lost_connection_is_made_again() {
    let mut calls = 0;
    let fake = Fake::start(None, move |_, _| {
        calls += 1;
        if calls % 2 == 1 { Reply::HangUp } else { yes() }
    });
    let fake = fake.await;
    let proxy = Proxy::new(PROTOCOL, vec![fake.address.clone()], user(), quick());
    assert!(ask_proxy(&proxy).await.unwrap().unregistered());
    assert!(ask_proxy(&proxy).await.unwrap().unregistered());
    assert_eq!(fake.connections.load(SeqCst), 3);
}

#[tokio::test]
async fn of_several_addresses_the_active_one_is_found_and_kept() {
    let standby =
        Fake::start(None, |_, _| Reply::Exception("org.apache.hadoop.ipc.StandbyException", "no")).await;
    let active = Fake::start(None, |_, _| yes()).await;
    // Nobody listens on the first.
    let addresses = vec!["127.0.0.1:1".into(), standby.address.clone(), active.address.clone()];
    let proxy = Proxy::new(PROTOCOL, addresses, user(), quick());
    let started = Instant::now();
    for _ in 0..3 {
        ask_proxy(&proxy).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_millis(90), "the first round takes no pause");
    assert_eq!((standby.connections.load(SeqCst), active.connections.load(SeqCst)), (1, 1));
}

#[tokio::test]
async fn it_gives_up_in_time_and_says_how_hard_it_tried() {
    let proxy = Proxy::new(PROTOCOL, vec!["127.0.0.1:1".into()], user(), quick());
    let started = Instant::now();
    let error = ask_proxy(&proxy).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(matches!(error.kind(), ErrorKind::Connect(_)) && error.attempts() > 3, "{error}");
    assert!(error.to_string().starts_with("method at 127.0.0.1:1: cannot connect: "), "{error}");
    let nobody = Proxy::new(PROTOCOL, vec![], user(), quick());
    assert!(matches!(ask_proxy(&nobody).await.unwrap_err().kind(), ErrorKind::Invalid(_)));
}

#[tokio::test]
async fn an_exception_is_an_answer() {
    let fake = Fake::start(None, |_, _| Reply::Exception("org.example.NotThere", "no such thing")).await;
    let proxy = Proxy::new(PROTOCOL, vec![fake.address.clone()], user(), quick());
    for _ in 0..2 {
        let error = ask_proxy(&proxy).await.unwrap_err();
        assert_eq!(error.to_string(), format!("method at {}: NotThere: no such thing", fake.address));
    }
    assert_eq!(fake.connections.load(SeqCst), 1);
}

#[tokio::test]
async fn a_peer_that_is_no_daemon_does_no_harm() {
    use tokio::io::AsyncWriteExt;
    for noise in [&b"HTTP/1.1 404 Not Found\r\n\r\n"[..], &[0xFF; 64], &[0, 0, 0, 3, 1, 2, 3], &[0, 0, 0, 0]]
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = async { listener.accept().await.unwrap().0.write_all(noise).await };
        let (identity, deadlines) = (Identity::Token(token()), quick());
        let client = Connection::open(&address, PROTOCOL, &identity, &deadlines);
        let (outcome, _) = tokio::join!(client, server);
        assert!(outcome.is_err_and(|error| error.is_connection()));
    }
}
