//! The master lost on a real cluster: YARN starts the next attempt, which takes the workers back with their data in memory.

use std::fs;
use std::time::Duration;

use lapwing_lab::{Lab, Options, Role, Site};
use serde_json::Value;

use crate::cluster::{
    Ended, Place, SMALL, alone, done, eventually, node_of, nothing_left, outcome, processes, served, shared,
    start,
};

const WORKERS: [&str; 4] = ["--on-loss", "restart", "--workers", "3"];

#[test]
fn a_master_killed_at_any_point_is_replaced_and_no_block_is_read_again() {
    let Some((lab, _alone)) = alone() else { return };
    let place = Place::new();
    let input = place.input(lab, 60_000);
    let flags = ["--passes", "8", "--split-size", "256k"];
    let expected = place.local(&flags);
    let size = fs::metadata(place.here("data.libsvm")).unwrap().len();
    for point in ["load", "pass4+1", "step5", "output"] {
        let (fault, output) = (format!("kill:master@{point}"), place.there(&point.replace('+', "-")));
        let io = ["--fault", &fault, "--input", &input, "--output", &output];
        let (before, opened) = (served(lab), opened(lab, &input));
        let (summary, ended) = done(lab, &[&SMALL[..], &flags, &WORKERS, &io].concat());
        assert_eq!(place.model(lab, &output), expected, "{point}");
        assert_eq!(
            (&summary["attempts"], &summary["reread_bytes"]),
            (&2.into(), &0.into()),
            "{point}: {summary}"
        );
        assert_eq!(lines_told(&ended), (1..=8).collect::<Vec<u32>>(), "{point}: {}", ended.stderr);
        assert_eq!(ended.stderr.matches("was lost: attempt 2 of 4").count(), 1, "{}", ended.stderr);
        // Every byte of the input once, and the staged files once more for the second master.
        let read = served(lab) - before;
        let program = fs::metadata(env!("CARGO_BIN_EXE_sgd")).unwrap().len();
        assert!(read < size + 4 * program + (4 << 20), "{point}: {read} bytes for an input of {size}");
        // Each of three workers opens each of its ranges once; the client asks for the blocks.
        if point != "load" {
            let opens = crate::failover::opened(lab, &input) - opened;
            assert!(opens as u64 <= splits(&summary) + 1, "{point}: the input was opened {opens} times");
        }
        assert_eq!(outcome(lab, &ended.application()), ("FINISHED".into(), "SUCCEEDED".into()));
        nothing_left(lab, &ended.application());
    }
}

#[test]
fn master_and_worker_lost_together_and_a_master_killed_from_outside() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let input = place.input(lab, 5_000);
    let flags = ["--passes", "400", "--split-size", "32k"];
    let expected = place.local(&flags);
    let output = place.there("together");
    let io = ["--fault", "kill:w1@pass50,kill:master@pass50+1", "--input", &input, "--output", &output];
    let (summary, _) = done(lab, &[&SMALL[..], &flags, &WORKERS, &io].concat());
    assert_eq!(place.model(lab, &output), expected);
    assert_eq!(summary["attempts"], 2);

    let output = place.there("outside");
    let job = start(lab, &[&SMALL[..], &flags, &WORKERS, &["--input", &input, "--output", &output]].concat());
    let id = job.application();
    eventually("a second pass", || job.stderr().contains("[2] ").then_some(()));
    let (master, _) = processes(lab, &id).into_iter().find(|(_, role)| role.starts_with("master")).unwrap();
    crate::cluster::signal(master, rustix::process::Signal::KILL);
    let ended = job.end(Duration::from_secs(120));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(place.model(lab, &output), expected);
    assert_eq!(summary_of(&ended)["reread_bytes"], 0);
    assert_eq!(lines_told(&ended), (1..=400).collect::<Vec<u32>>());
    nothing_left(lab, &id);
}

#[test]
fn daemons_that_fail_under_a_job() {
    // The ResourceManager of this lab lets a master be out of touch for a minute: its own restart takes some seconds.
    let options = Options::default().quick().blocks(1 << 20, 2);
    let expiry = "yarn.am.liveness-monitor.expiry-interval-ms";
    let Some(lab) = Lab::start_for_test(options.property(Site::Yarn, expiry, "60000")) else { return };
    let place = Place::new();
    let input = place.input(&lab, 5_000);
    let flags = ["--passes", "1500", "--split-size", "32k"];
    let expected = place.local(&flags);
    let run = |name: &str, fail: &dyn Fn(&str) -> Vec<Role>| {
        let output = place.there(name);
        let job =
            start(&lab, &[&SMALL[..], &flags, &WORKERS, &["--input", &input, "--output", &output]].concat());
        let id = job.application();
        eventually("a second pass", || job.stderr().contains("[2] ").then_some(()));
        let failed = fail(&id);
        let ended = job.end(Duration::from_secs(180));
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.stderr);
        assert_eq!(place.model(&lab, &output), expected, "{name}");
        assert_eq!(outcome(&lab, &id), ("FINISHED".into(), "SUCCEEDED".into()));
        failed.into_iter().for_each(|role| lab.launch(role).unwrap());
        lab.wait_ready().unwrap();
        nothing_left(&lab, &id);
        summary_of(&ended)
    };
    let summary = run("manager", &|_| {
        lab.kill(Role::ResourceManager).unwrap();
        lab.launch(Role::ResourceManager).unwrap();
        Vec::new()
    });
    assert_eq!(
        (&summary["attempts"], &summary["reread_bytes"]),
        (&1.into(), &0.into()),
        "the job did not notice"
    );
    let summary = run("node", &|id| {
        let all = processes(&lab, id);
        let (master, _) = all.iter().find(|(_, role)| role.starts_with("master")).expect("it runs");
        let node = node_of(&lab, *master);
        lab.stop(Role::NodeManager(node)).unwrap();
        vec![Role::NodeManager(node)]
    });
    assert_eq!(summary["attempts"], 2, "{summary}");

    // A DataNode that dies while it is read from: the other copy will do.
    let output = place.there("datanode");
    let large = place.input(&lab, 400_000);
    let flags = ["--passes", "2", "--split-size", "1m"];
    let expected = place.local(&flags);
    let job =
        start(&lab, &[&SMALL[..], &flags, &WORKERS, &["--input", &large, "--output", &output]].concat());
    let id = job.application();
    eventually("a worker", || {
        processes(&lab, &id).iter().any(|(_, role)| role.starts_with("worker")).then_some(())
    });
    lab.kill(Role::DataNode(2)).unwrap();
    let ended = job.end(Duration::from_secs(180));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(place.model(&lab, &output), expected);
}

/// The passes that the client told, in order.
fn lines_told(ended: &Ended) -> Vec<u32> {
    let number = |line: &str| line.strip_prefix('[')?.split_once("] ")?.0.parse().ok();
    ended.stderr.lines().filter_map(number).collect()
}

fn summary_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap()
}

fn splits(summary: &Value) -> u64 {
    summary["splits"].as_u64().unwrap()
}

/// How often a file was opened for reading, says the NameNode's audit log.
fn opened(lab: &Lab, path: &str) -> usize {
    let log = fs::read_to_string(lab.audit_log()).unwrap();
    let of = |line: &&str| line.contains("cmd=open") && line.contains(&format!("src={path}\t"));
    log.lines().filter(of).count()
}
