//! Workers, containers and nodes that are lost under `--on-loss restart`: another one elsewhere, and the same bits.

use std::time::{Duration, Instant};

use lapwing_lab::{Lab, Options, Role};

use crate::cluster::{
    Place, Run, SMALL, done, eventually, node_of, nothing_left, outcome, processes, shared, signal, start,
};

/// Enough to be in the middle of when something is killed.
const PASSES: &str = "400";

#[test]
fn workers_that_kill_themselves_while_loading_and_in_a_pass() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 10_000), place.there("model"));
    let flags = ["--passes", "6", "--split-size", "64k"];
    let faults = ["--on-loss", "restart", "--fault", "kill:w0@load,kill:w1@pass2", "--workers", "3"];
    let io = ["--input", &input, "--output", &output];
    let (summary, ended) = done(lab, &[&SMALL[..], &flags, &faults, &io].concat());
    assert_eq!(place.model(lab, &output), place.local(&flags));
    for worker in [0, 1] {
        // Killed by SIGKILL, as a shell and so YARN count it.
        let lost = ended.stderr.lines().find(|line| line.starts_with(&format!("worker {worker} on 127.")));
        assert!(lost.is_some_and(|line| line.ends_with("; starting another")), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("worker {worker} is back, its splits loaded again")));
    }
    assert_eq!(summary["passes"], 6);
    nothing_left(lab, &ended.application());
}

#[test]
fn a_container_killed_from_outside_is_replaced_on_another_node() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 2_000), place.there("model"));
    let flags = ["--passes", PASSES, "--split-size", "32k"];
    let io = ["--on-loss", "restart", "--workers", "2", "--input", &input, "--output", &output];
    let job = start(lab, &[&SMALL[..], &flags, &io].concat());
    let id = job.application();
    eventually("a second pass", || job.stderr().contains("[2] ").then_some(()));
    let (pid, role) = worker(lab, &id, "worker:1:0:");
    let node = node_of(lab, pid);
    signal(pid, rustix::process::Signal::KILL);
    let (next, _) = worker(lab, &id, "worker:1:1:");
    assert_ne!(node_of(lab, next), node, "{role}");
    finish(lab, job, &id);
    assert_eq!(place.model(lab, &output), place.local(&flags));
}

#[test]
fn a_node_that_crashes_and_one_that_is_stopped() {
    // Two copies: what a node held is still there without it.
    let options = Options::default().quick().blocks(1 << 20, 2);
    let Some(lab) = Lab::start_for_test(options) else { return };
    let place = Place::new();
    let input = place.input(&lab, 2_000);
    let flags = ["--passes", PASSES, "--split-size", "32k"];
    let expected = place.local(&flags);
    for (name, stop) in [("crashed", false), ("stopped", true)] {
        let output = place.there(name);
        // Three such workers do not fit beside the master on one node.
        let size = ["--master", "yarn", "--master-memory", "256m", "--worker-memory", "1500m"];
        let io = ["--on-loss", "restart", "--workers", "3", "--input", &input, "--output", &output];
        let job = start(&lab, &[&size[..], &flags, &io].concat());
        let id = job.application();
        eventually("a second pass", || job.stderr().contains("[2] ").then_some(()));
        let of = |prefix: &str| {
            let all = processes(&lab, &id).into_iter();
            all.filter(|(_, role)| role.starts_with(prefix))
                .map(|(pid, _)| node_of(&lab, pid))
                .collect::<Vec<_>>()
        };
        let masters = of("master:");
        let lost =
            *of("worker:").iter().find(|node| !masters.contains(node)).expect("a node without the master");
        let began = Instant::now();
        if stop {
            lab.stop(Role::NodeManager(lost)).unwrap();
        } else {
            lab.crash_node(lost).unwrap();
        }
        eventually("a replacement", || {
            job.stderr().contains(" is back, its splits loaded again").then_some(())
        });
        // The ResourceManager alone would know of a crash after 20 s.
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}: {}", began.elapsed(), job.stderr());
        finish(&lab, job, &id);
        assert_eq!(place.model(&lab, &output), expected, "{name}");
        lab.launch(Role::NodeManager(lost)).unwrap();
        if !stop {
            lab.launch(Role::DataNode(lost)).unwrap();
        }
        lab.wait_ready().unwrap();
    }
}

/// The process of a worker, as soon as it runs.
fn worker(lab: &Lab, id: &str, role: &str) -> (u32, String) {
    eventually(role, || processes(lab, id).into_iter().find(|(_, other)| other.starts_with(role)))
}

fn finish(lab: &Lab, job: Run, id: &str) {
    let ended = job.end(Duration::from_secs(120));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(outcome(lab, id), ("FINISHED".into(), "SUCCEEDED".into()));
    nothing_left(lab, id);
}
