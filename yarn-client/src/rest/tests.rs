use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::credentials::{Credentials, Token};

const ID: ApplicationId = ApplicationId::new(1_700_000_000_000, 1);

#[test]
fn a_submission_has_the_form_that_nothing_is_dropped_from() {
    let token = Token { identifier: vec![9], kind: "k".into(), service: "s".into(), ..Token::default() };
    let mut submission = submission();
    submission.application_type = "LAPWING".into();
    submission.queue = "root.small".into();
    submission.priority = Some(3);
    submission.tags = vec!["one".into()];
    submission.max_attempts = Some(2);
    submission.failures_validity = Some(Duration::from_secs(600));
    submission.keep_containers = true;
    submission.cancel_tokens = false;
    submission.node_label = Some("gpu".into());
    submission.master_node_label = Some("big".into());
    submission.environment = [("A".into(), "b".into())].into();
    let local = LocalResource::file("hdfs://nn:8020/user/alice/am", 123, 1_700_000_000_000);
    submission.local_resources = [("am".into(), local)].into();
    submission.access = [(Access::View, "*".into()), (Access::Modify, "bob staff".into())].into();
    submission.credentials = Credentials {
        tokens: [("nn".into(), token)].into(),
        secrets: [("job".into(), vec![1, 2, 255])].into(),
    };
    submission.log_include = Some(".*".into());
    submission.log_exclude = Some("core.*".into());
    let expected: Value = serde_json::from_str(include_str!("testdata/submission.json")).unwrap();
    assert_eq!(submission.to_json(), expected);
}

#[test]
fn what_is_not_set_is_left_out() {
    let json = submission().to_json();
    let names: Vec<&String> = json["am-container-spec"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["commands"]);
    assert!(json.get("application-tags").is_none() && json.get("priority").is_none());
}

#[tokio::test]
async fn a_submission_names_its_user_and_wants_202() {
    let server = Server::start(["202 Accepted", "200 OK"].map(|status| reply(status, "")));
    let yarn = client(&[server.address]).user("a b");
    yarn.submit(&submission()).await.unwrap();
    let error = yarn.submit(&submission()).await.unwrap_err();
    assert!(matches!(error, RestError::Malformed { .. }), "{error}");
    let request = server.request(0);
    assert!(request.starts_with("POST /ws/v1/cluster/apps?user.name=a+b HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains("content-type: application/json\r\n")
            && request.contains("\r\naccept: application/json")
    );
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body, submission().to_json());
}

#[tokio::test]
async fn a_delegation_token_goes_in_its_header_and_names_the_user() {
    let server = Server::start([reply("200 OK", r#"{"state":"RUNNING"}"#)]);
    let state = client(&[server.address]).user("x").delegation_token("secret").state(ID).await;
    assert_eq!(state.unwrap(), ApplicationState::Running);
    let request = server.request(0);
    assert!(
        request.contains("\r\nx-hadoop-delegation-token: secret\r\n") && !request.contains("user.name"),
        "{request}"
    );
}

#[tokio::test]
async fn a_standby_sends_the_request_on_with_its_body() {
    let active = Server::start([reply("202 Accepted", "")]);
    let location = format!("http://{}/ws/v1/cluster/apps", active.address);
    let standby =
        Server::start([format!("HTTP/1.1 307 x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")]);
    client(&[standby.address]).user("u").submit(&submission()).await.unwrap();
    assert!(active.request(0).starts_with("POST /ws/v1/cluster/apps?user.name=u "));
    assert!(active.request(0).ends_with(&submission().to_json().to_string()));
}

#[tokio::test]
async fn redirects_to_pages_and_in_circles_end() {
    let page = Server::start(["HTTP/1.1 302 x\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n".into()]);
    let error = client(&[page.address]).state(ID).await.unwrap_err();
    assert!(matches!(&error, RestError::Refused { message, .. } if message.contains("/login")), "{error}");
    let circle = "HTTP/1.1 307 x\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n".to_string();
    let circle = Server::start(vec![circle; 5]);
    let error = client(&[circle.address]).state(ID).await.unwrap_err();
    assert!(error.to_string().contains("circle"), "{error}");
}

#[tokio::test]
async fn the_next_address_is_tried_and_then_preferred() {
    let standby = Server::start([reply("200 OK", "There is no active RM right now.")]);
    let active = Server::start(
        ["ACCEPTED", "RUNNING"].map(|state| reply("200 OK", &format!("{{\"state\":\"{state}\"}}"))),
    );
    let yarn = client(&[closed_port().await, standby.address, active.address]);
    assert_eq!(yarn.state(ID).await.unwrap(), ApplicationState::Accepted);
    assert_eq!(yarn.state(ID).await.unwrap(), ApplicationState::Running);
    assert_eq!(standby.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn servers_that_come_back_in_time_are_waited_for() {
    let server = Server::start([reply("503 Busy", ""), reply("200 OK", r#"{"state":"NEW"}"#)]);
    let yarn = client(&[server.address]).patience(Duration::from_secs(5));
    assert_eq!(yarn.state(ID).await.unwrap(), ApplicationState::New);
}

#[tokio::test]
async fn nobody_there_is_told_with_the_last_reason() {
    let error = client(&[closed_port().await]).state(ID).await.unwrap_err();
    assert!(matches!(&error, RestError::Unreachable { last, .. } if last.contains("refused")), "{error}");
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let yarn = client(&[silent.local_addr().unwrap()]).timeout(Duration::from_millis(50));
    let error = yarn.state(ID).await.unwrap_err();
    assert!(error.to_string().ends_with("/state: no answer in time"), "{error}");
}

#[tokio::test]
async fn refusals_are_typed() {
    let remote = |class, message| {
        format!(
            r#"{{"RemoteException":{{"exception":"{class}","message":"{message}","javaClassName":"o.{class}"}}}}"#
        )
    };
    let server = Server::start([
        reply("404 x", &remote("NotFoundException", "java.lang.Exception: app with id: a not found")),
        reply(
            "403 x",
            &remote("ForbiddenException", "java.lang.Exception: App submission via REST is disabled."),
        ),
        reply("401 x", "<html><title>Error 401 Authentication required</title></html>"),
        reply("500 x", "<html><title>Error 500</title></html>"),
        reply("404 x", ""),
        reply("404 x", r#"{"servlet":"a","message":"Not Found"}"#),
        reply("200 OK", "<html>"),
    ]);
    let yarn = client(&[server.address]);
    let error = yarn.state(ID).await.unwrap_err();
    assert!(
        error.is_not_found()
            && error.to_string().ends_with("/state: app with id: a not found (NotFoundException)")
    );
    assert!(matches!(yarn.new_application().await, Err(RestError::SubmissionDisabled { .. })));
    let error = yarn.state(ID).await.unwrap_err();
    assert!(
        matches!(&error, RestError::Unauthorized { message, .. } if message.ends_with("required")),
        "{error}"
    );
    assert!(matches!(yarn.state(ID).await, Err(RestError::Refused { status: 500, .. })));
    assert_eq!(yarn.property("no.such").await.unwrap(), None);
    let error = yarn.property("of.another.server").await.unwrap_err();
    assert!(!error.is_not_found() && error.to_string().ends_with("/conf: status 404: Not Found"), "{error}");
    assert!(matches!(yarn.state(ID).await, Err(RestError::Malformed { .. })));
}

#[tokio::test]
async fn long_answers_are_cut() {
    let server = Server::start([reply("200 OK", &" ".repeat(5000))]);
    let mut yarn = client(&[server.address]);
    yarn.transport.max_answer = 4999;
    let error = yarn.state(ID).await.unwrap_err();
    assert!(error.to_string().ends_with("the answer is longer than 4999 bytes"), "{error}");
}

#[tokio::test]
async fn a_kill_is_repeated_until_it_is_done() {
    let states =
        ["ACCEPTED", "RUNNING", "KILLED"].map(|state| reply("202 x", &format!("{{\"state\":\"{state}\"}}")));
    let server = Server::start(states);
    let yarn = client(&[server.address]);
    assert_eq!(yarn.kill(ID, Duration::from_secs(5)).await.unwrap(), ApplicationState::Killed);
    assert!(server.request(2).starts_with("PUT ") && server.request(2).ends_with(r#"{"state":"KILLED"}"#));
    let server = Server::start([reply("202 x", r#"{"state":"RUNNING"}"#)]);
    let error = client(&[server.address]).kill(ID, Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, RestError::StillRunning { state: ApplicationState::Running, .. }), "{error}");
}

#[test]
fn addresses_are_checked() {
    for address in ["", "ftp://h", "http://", "h:99999", "https://h:8090"] {
        if address.starts_with("https") && cfg!(feature = "https") {
            continue;
        }
        assert!(matches!(ResourceManager::new([address]), Err(RestError::BadAddress { .. })), "{address}");
    }
    assert!(ResourceManager::new([""; 0]).is_err());
    let yarn = ResourceManager::new(["rm1:8088"]).unwrap().delegation_token("secret");
    assert!(!format!("{yarn:?}").contains("secret"));
}

#[test]
fn schedulers_of_all_kinds_are_read() {
    let fair = json!({"type": "fairScheduler", "rootQueue": {"queueName": "root",
        "maxResources": {"memory": 8192, "vCores": 8}, "usedResources": {"memory": 1024, "vCores": 1},
        "childQueues": {"queue": [{"queueName": "root.a", "maxResources": {"memory": 99999, "vCores": 4},
            "usedResources": {"memory": 1024, "vCores": 1}, "numActiveApps": 1}]}}});
    let queues = QueueReport::read_all(Fields(&fair));
    assert_eq!(queues.iter().map(|queue| queue.path.as_str()).collect::<Vec<_>>(), ["root", "root.a"]);
    assert_eq!((queues[1].name.as_str(), queues[1].running_applications), ("a", 1));
    assert_eq!(queues[1].room(), Some(Resource::new(7168, 3)), "no more than the queue above has");
    let old = json!({"type": "capacityScheduler", "queueName": "root", "capacity": 100.0, "queues": {"queue":
        {"queueName": "default", "absoluteCapacity": "50.0", "resourcesUsed": {"memory": 0, "vCores": 0},
         "minEffectiveCapacity": {"memory": 4096, "vCores": 4}, "maxEffectiveCapacity": {"memory": 8192, "vCores": 8},
         "userLimitFactor": 1.0, "state": "STOPPED"}}});
    let queues = QueueReport::read_all(Fields(&old));
    assert_eq!(
        (queues[1].path.as_str(), queues[1].capacity, queues[1].is_running()),
        ("root.default", Some(0.5), false)
    );
    assert_eq!(queues[1].room(), Some(Resource::new(4096, 4)), "one user gets the guaranteed share");
    assert!(QueueReport::read_all(Fields(&json!({"type": "fifoScheduler", "capacity": 1.0}))).is_empty());
}

#[test]
fn reports_take_what_is_missing() {
    let app =
        json!({"id": "application_1_0001", "state": "FINAL_SAVING", "progress": "150", "trackingUrl": "N/A"});
    let report = ApplicationReport::read(Fields(&app)).unwrap();
    assert_eq!((report.state, report.progress, report.tracking_url), (ApplicationState::Unknown, 1.0, None));
    assert!(ApplicationReport::read(Fields(&Value::Null)).is_err());
}

proptest! {
    #[test]
    fn any_answer_is_read_without_a_panic(value in any_json()) {
        let fields = Fields(&value);
        let _ = (ApplicationReport::read(fields), NodeReport::read(fields), QueueReport::read_all(fields));
        let _ = (ClusterInfo::read(fields), ClusterMetrics::read(fields));
    }
}

/// Objects with the names that are looked for and values of every kind.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(application_1_0001|h:1|[0-9.eE+-]{1,9}|.{0,9})".prop_map(Value::from),
    ];
    let name = "(id|state|progress|elapsedTime|queueName|queues|queue|rootQueue|childQueues|maxEffectiveCapacity|memory|vCores|\
        minEffectiveCapacity|userLimitFactor|numActiveApplications|nodeLabels|availMemoryMB|startedOn|totalMB)";
    leaf.prop_recursive(4, 32, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name, inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn submission() -> Submission {
    Submission::new(ID, "sgd", crate::shell::command(["./am"]), Resource::new(512, 2))
}

fn client(addresses: &[SocketAddr]) -> ResourceManager {
    ResourceManager::new(addresses.iter().map(ToString::to_string)).unwrap().patience(Duration::ZERO)
}

async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn reply(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Answers one request per connection with the next of its replies, and keeps the requests.
struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(replies: impl IntoIterator<Item = String>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut replies) = (requests.clone(), replies.into_iter().collect::<VecDeque<_>>());
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Some(reply) = replies.pop_front() {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                kept.lock().unwrap().push(request);
                let reply = reply.replacen("\r\n", "\r\nConnection: close\r\n", 1);
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        Self { address, requests }
    }

    fn request(&self, index: usize) -> String {
        self.requests.lock().unwrap()[index].clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text.into_owned();
            }
        }
    }
}
