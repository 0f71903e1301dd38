//! Applications whose master is a shell command.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use std::time::{Duration, Instant};

use lapwing_lab::Lab;
use serde_json::{Value, json};

/// Submits, as alice, an application whose master is a shell command. Answers its id, or why it was refused.
pub fn submit(lab: &Lab, queue: &str, memory: u32, command: &str) -> Result<String, String> {
    let apps = format!("{}/ws/v1/cluster/apps", lab.rm_web());
    let mut new = agent().post(format!("{apps}/new-application?user.name=alice")).send_empty().unwrap();
    let new: Value = serde_json::from_str(&new.body_mut().read_to_string().unwrap()).unwrap();
    let id = new["application-id"].as_str().unwrap().to_owned();
    let application = json!({
        "application-id": id, "application-name": "shell", "queue": queue, "max-app-attempts": 1,
        "resource": {"memory": memory, "vCores": 1},
        "am-container-spec": {"commands": {"command": command}},
    });
    let request = agent().post(format!("{apps}?user.name=alice")).header("Content-Type", "application/json");
    let mut answer = request.send(application.to_string()).unwrap();
    if answer.status() == 202 { Ok(id) } else { Err(answer.body_mut().read_to_string().unwrap()) }
}

/// The application once it has ended.
pub fn ended(lab: &Lab, id: &str) -> Value {
    eventually("the end", || Some(state(lab, id)).filter(|app| app["finalStatus"] != "UNDEFINED"))
}

/// The ResourceManager's report.
pub fn state(lab: &Lab, id: &str) -> Value {
    let mut answer = agent().get(format!("{}/ws/v1/cluster/apps/{id}", lab.rm_web())).call().unwrap();
    serde_json::from_str::<Value>(&answer.body_mut().read_to_string().unwrap()).unwrap()["app"].take()
}

/// Looks until there is something to see.
pub fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(90) {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{what} did not come")
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into()
}
