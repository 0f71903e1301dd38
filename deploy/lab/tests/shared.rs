//! What an application meets in a lab: all these tests share one.

mod common;

use common::{ended, eventually, submit};
use lapwing_lab::{Lab, Options};

#[test]
fn tests_share_one_lab() {
    let Some(lab) = lab() else { return };
    let again = Lab::shared(Options::default().quick()).unwrap();
    assert!(std::ptr::eq(lab, again));
}

#[test]
fn queues_refuse() {
    let Some(lab) = lab() else { return };
    let refused = submit(lab, "closed", 128, "true").unwrap_err();
    assert!(refused.contains("does not have permission"), "{refused}");
    let stopped = ended(lab, &submit(lab, "stopped", 128, "true").unwrap());
    assert!(stopped["diagnostics"].as_str().unwrap().contains("is STOPPED"), "{stopped}");
    // A queue that lets in but not beyond a fifth of the cluster still runs a small application.
    let small = ended(lab, &submit(lab, "small", 128, "exit 3").unwrap());
    assert!(small["diagnostics"].as_str().unwrap().contains("exitCode: 3"), "{small}");
}

#[test]
fn memory_is_enforced() {
    let Some(lab) = lab() else { return };
    let greedy = "head -c 400m /dev/zero | tail | sleep 60";
    let killed = ended(lab, &submit(lab, "default", 128, greedy).unwrap());
    assert!(
        killed["diagnostics"].as_str().unwrap().contains("beyond the 'PHYSICAL' memory limit"),
        "{killed}"
    );
}

#[test]
fn logs_are_aggregated() {
    let Some(lab) = lab() else { return };
    let id = submit(lab, "default", 128, "echo spoken by the master >{{LOG_DIR}}/stdout").unwrap();
    ended(lab, &id);
    // The NodeManager uploads them when the application has ended.
    eventually("the logs", || {
        let logs = lab.yarn(["logs", "-applicationId", &id, "-appOwner", "alice"]).unwrap();
        String::from_utf8_lossy(&logs.stdout).contains("spoken by the master").then_some(())
    });
}

fn lab() -> Option<&'static Lab> {
    Lab::shared_for_test(Options::default().quick())
}
