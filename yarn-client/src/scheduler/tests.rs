//! What a real ResourceManager does only now and then: losing an answer, refusing a heartbeat, forgetting its master.

use std::sync::{Arc, Mutex};

use super::*;
use crate::{
    proto::yarn::{ApplicationId, Container, ContainerStatus, NodeId},
    rpc::fake::{Fake, Reply},
    sasl::Protection,
    types::Resource,
};

const NOT_REGISTERED: Reply = Reply::Exception(
    "org.apache.hadoop.yarn.exceptions.ApplicationMasterNotRegisteredException",
    "AM is not registered for known application attempt",
);

fn token() -> Token {
    let application = Some(ApplicationId { id: Some(7), cluster_timestamp: Some(1) });
    let attempt = Some(crate::proto::yarn::ApplicationAttemptId { application, attempt: Some(2) });
    let identifier = AmRmTokenIdentifier { attempt, key_id: Some(1) }.encode_to_vec();
    Token { identifier, password: b"secret".to_vec(), ..Token::default() }
}

fn granted(key: i64, number: i64) -> Container {
    Container {
        id: Some(crate::types::ApplicationId::new(1, 7).attempt(2).container(number).into()),
        node: Some(NodeId { host: Some("a".into()), port: Some(1) }),
        resource: Some(Resource::new(256, 1).into()),
        allocation_request_id: Some(key),
        ..Container::default()
    }
}

/// Heartbeats are answered by a script; everything else is answered well. The calls are written down.
struct Story {
    fake: Fake,
    heartbeats: Arc<Mutex<Vec<AllocateRequest>>>,
    calls: Arc<Mutex<Vec<String>>>,
}

type Script = Vec<Box<dyn FnOnce() -> Reply + Send>>;

async fn story(script: Script) -> (Story, Scheduler) {
    let (heartbeats, calls) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
    let (seen, log) = (Arc::clone(&heartbeats), Arc::clone(&calls));
    let mut script = script.into_iter();
    let answer = move |method: &str, body: bytes::Bytes| {
        log.lock().unwrap().push(method.to_owned());
        match method {
            "registerApplicationMaster" => Reply::message(&RegisterResponse::default()),
            "finishApplicationMaster" => Reply::message(&FinishResponse { unregistered: Some(true) }),
            _ => {
                seen.lock().unwrap().push(AllocateRequest::decode(body).unwrap());
                script.next().expect("more heartbeats than expected")()
            }
        }
    };
    let fake = Fake::start(Some((token(), Protection::None)), answer).await;
    let mut am = Scheduler::new(vec![fake.address.clone()], &token()).unwrap();
    am.register("host", -1, "").await.unwrap();
    (Story { fake, heartbeats, calls }, am)
}

fn beat(response_id: i32, allocated: Vec<Container>) -> Box<dyn FnOnce() -> Reply + Send> {
    let answer =
        AllocateResponse { response_id: Some(response_id), allocated, ..AllocateResponse::default() };
    Box::new(move || Reply::message(&answer))
}

fn small(key: i64) -> Ask {
    Ask::new(key, Resource::new(256, 1))
}

#[tokio::test]
async fn it_knows_its_attempt_from_the_token() {
    let am = Scheduler::new(vec![], &token()).unwrap();
    assert_eq!(am.attempt().to_string(), "appattempt_1_0007_000002");
    assert!(Scheduler::new(vec![], &Token::default()).is_err());
}

#[tokio::test]
async fn numbers_run_on_and_asks_are_told_once() {
    let (story, mut am) = story(vec![beat(1, vec![]), beat(2, vec![granted(5, 10)]), beat(3, vec![])]).await;
    am.ask(small(5));
    assert!(am.allocate(0.0).await.unwrap().granted.is_empty());
    assert_eq!(am.pace(), Duration::from_millis(200));
    let beat = am.allocate(0.5).await.unwrap();
    assert_eq!((beat.granted.len(), beat.granted[0].key), (1, 5));
    am.allocate(1.0).await.unwrap();
    assert_eq!(am.pace(), Duration::from_secs(1));
    let heartbeats = story.heartbeats.lock().unwrap();
    let told: Vec<_> = heartbeats.iter().map(|beat| (beat.response_id(), beat.asks.len())).collect();
    assert_eq!(told, [(0, 1), (1, 0), (2, 0)]);
}

#[tokio::test]
async fn a_heartbeat_whose_answer_was_lost_is_sent_again_word_for_word() {
    let script: Script =
        vec![Box::new(|| Reply::HangUp), beat(1, vec![granted(5, 10), granted(9, 11)]), beat(2, vec![])];
    let (story, mut am) = story(script).await;
    am.ask(small(5));
    let beat = am.allocate(0.0).await.unwrap();
    assert_eq!(beat.granted.len(), 1, "nobody asked for 9");
    am.allocate(0.0).await.unwrap();
    let heartbeats = story.heartbeats.lock().unwrap();
    assert_eq!(heartbeats[0], heartbeats[1]);
    assert_eq!(heartbeats[2].releases.len(), 1);
}

#[tokio::test]
async fn a_heartbeat_that_its_caller_gave_up_is_finished_by_the_next() {
    let (story, mut am) = story(vec![Box::new(|| Reply::Hold), beat(1, vec![]), beat(2, vec![])]).await;
    am.ask(small(5));
    tokio::time::timeout(Duration::from_millis(100), am.allocate(0.1)).await.unwrap_err();
    am.ask(small(6));
    am.allocate(0.2).await.unwrap();
    am.allocate(0.3).await.unwrap();
    let heartbeats = story.heartbeats.lock().unwrap();
    let keys =
        |beat: &AllocateRequest| beat.asks.iter().map(|ask| ask.allocation_request_id()).collect::<Vec<_>>();
    assert_eq!(heartbeats[0], heartbeats[1]);
    assert_eq!([keys(&heartbeats[1]), keys(&heartbeats[2])], [vec![5], vec![6]]);
}

#[tokio::test]
async fn after_a_restart_it_registers_and_tells_everything_again() {
    let script: Script = vec![beat(1, vec![granted(5, 10)]), Box::new(|| NOT_REGISTERED), beat(1, vec![])];
    let (story, mut am) = story(script).await;
    am.ask(small(5));
    am.ask(small(6));
    am.avoid("bad");
    am.allocate(0.0).await.unwrap();
    let beat = am.allocate(0.0).await.unwrap();
    assert!(beat.resynced.is_some());
    let again = story.heartbeats.lock().unwrap()[2].clone();
    assert_eq!((again.response_id(), again.asks.len()), (0, 1));
    assert_eq!(again.asks[0].allocation_request_id(), 6);
    assert_eq!(again.blacklist.unwrap().additions, ["bad"]);
    let calls =
        ["registerApplicationMaster", "allocate", "allocate", "registerApplicationMaster", "allocate"];
    assert_eq!(*story.calls.lock().unwrap(), calls);
}

#[tokio::test]
async fn an_ask_that_was_refused_can_be_cancelled() {
    let too_large =
        || Reply::Exception("org.apache.hadoop.yarn.exceptions.InvalidResourceRequestException", "too large");
    let (story, mut am) = story(vec![Box::new(too_large), beat(1, vec![])]).await;
    am.ask(small(5));
    am.ask(Ask::new(6, Resource::new(1 << 30, 1)));
    let error = am.allocate(0.0).await.unwrap_err();
    assert!(
        error.is("InvalidResourceRequestException") && error.to_string().ends_with("too large"),
        "{error}"
    );
    am.cancel(6);
    am.allocate(0.0).await.unwrap();
    let told = &story.heartbeats.lock().unwrap()[1].asks;
    assert_eq!((told.len(), told[0].allocation_request_id()), (1, 5));
}

#[tokio::test]
async fn a_heartbeat_that_may_have_been_heard_is_kept_when_the_next_connection_is_refused() {
    let refused = || Reply::Fatal("javax.security.sasl.SaslException", "not now");
    let (story, mut am) = story(vec![Box::new(|| Reply::HangUp), Box::new(refused), beat(1, vec![])]).await;
    am.ask(small(5));
    am.allocate(0.0).await.unwrap_err();
    am.ask(small(6));
    am.allocate(0.5).await.unwrap();
    let heartbeats = story.heartbeats.lock().unwrap();
    assert_eq!(heartbeats[0], heartbeats[2]);
}

#[tokio::test]
async fn the_end_of_the_attempt_is_one_kind_of_error() {
    let gone =
        || Reply::Exception("org.apache.hadoop.yarn.exceptions.ApplicationAttemptNotFoundException", "gone");
    let shut_down =
        || Reply::message(&AllocateResponse { command: Some(SHUT_DOWN), ..AllocateResponse::default() });
    let (_story, mut am) = story(vec![Box::new(gone), Box::new(shut_down)]).await;
    assert!(am.allocate(0.0).await.unwrap_err().is_attempt_over());
    assert!(am.allocate(0.0).await.unwrap_err().is_attempt_over());
}

#[tokio::test]
async fn a_new_token_is_used_from_the_next_call_on() {
    let rolled = AllocateResponse {
        response_id: Some(1),
        am_rm_token: Some((&Token { password: b"another".to_vec(), ..token() }).into()),
        ..AllocateResponse::default()
    };
    let (story, mut am) = story(vec![Box::new(move || Reply::message(&rolled))]).await;
    am.allocate(0.0).await.unwrap();
    // The fake still knows the old password only, and so shows that the new one was used.
    let error = am.allocate(0.0).await.unwrap_err();
    assert!(error.is("SaslException"), "{error}");
    assert_eq!(story.fake.connections.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_end_confirms_a_release() {
    let status = ContainerStatus {
        container: granted(5, 10).id,
        exit_status: Some(-100),
        ..ContainerStatus::default()
    };
    let ended =
        AllocateResponse { response_id: Some(2), completed: vec![status], ..AllocateResponse::default() };
    let script: Script = vec![
        beat(1, vec![granted(5, 10)]),
        Box::new(move || Reply::message(&ended)),
        Box::new(|| NOT_REGISTERED),
        beat(1, vec![]),
    ];
    let (story, mut am) = story(script).await;
    am.ask(small(5));
    let id = am.allocate(0.0).await.unwrap().granted[0].id;
    am.release(id);
    let beat = am.allocate(0.0).await.unwrap();
    assert_eq!((beat.completed[0].id, beat.completed[0].exit_status), (id, crate::ExitStatus::Aborted));
    am.allocate(0.0).await.unwrap();
    let releases: Vec<_> = story.heartbeats.lock().unwrap().iter().map(|beat| beat.releases.len()).collect();
    assert_eq!(releases, [0, 1, 0, 0]);
}

#[tokio::test]
async fn finishing_waits_until_it_is_written_down() {
    let mut answers = 0;
    let fake = Fake::start(Some((token(), Protection::None)), move |method, _| {
        answers += 1;
        match (method, answers) {
            ("registerApplicationMaster", _) => Reply::message(&RegisterResponse::default()),
            (_, 1) => NOT_REGISTERED,
            (_, 3) => Reply::message(&FinishResponse { unregistered: Some(false) }),
            (_, 4) => Reply::Exception(
                "org.apache.hadoop.yarn.exceptions.ApplicationAttemptNotFoundException",
                "gone",
            ),
            _ => panic!("too often"),
        }
    });
    let fake = fake.await;
    let mut am = Scheduler::new(vec![fake.address.clone()], &token()).unwrap();
    am.finish(FinalStatus::Succeeded, "", "").await.unwrap();
}
