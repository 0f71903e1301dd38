//! Jobs that succeed.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::cluster::{
    Place, SMALL, USER, done, eventually, names, nothing_left, outcome, processes, read, report, run, shared,
    start,
};

#[test]
fn a_model_from_yarn_is_the_one_from_this_machine_to_the_last_bit() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 20_000), place.there("model"));
    let flags = ["--passes", "5", "--split-size", "128k"];
    let io = ["--workers", "3", "--input", &input, "--output", &output];
    let (summary, ended) = done(lab, &[&SMALL[..], &flags, &io].concat());
    assert_eq!(place.model(lab, &output), place.local(&flags));
    assert!(summary["workers"] == 3 && summary["passes"] == 5 && summary["rows"] == 20_000, "{summary}");
    let mut left = names(lab, &output);
    left.sort();
    assert_eq!(left, ["_SUCCESS", "_report", "model.json", "model.npz"]);
    let lines = String::from_utf8(read(lab, &format!("{output}/_report/report.jsonl")).unwrap()).unwrap();
    assert_eq!(lines.lines().count(), 5);

    let id = ended.application();
    assert_eq!(outcome(lab, &id), ("FINISHED".into(), "SUCCEEDED".into()));
    let told = report(lab, &id)["diagnostics"].as_str().unwrap().to_owned();
    assert!(told.starts_with("5 passes, objective 0."), "{told}");
    nothing_left(lab, &id);

    let yarn = |words: &[&str]| {
        let mut command: Command = lab.yarn_command(words[0]).unwrap();
        let output = command.args(&words[1..]).env("HADOOP_USER_NAME", USER).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let status = yarn(&["application", "-status", &id]);
    assert!(status.contains("State : FINISHED") && status.contains("Final-State : SUCCEEDED"), "{status}");
    assert!(status.contains("Application-Type : LAPWING") && status.contains("Progress : 100%"), "{status}");
    // NodeManagers upload them when the application has ended.
    eventually("the logs of all four containers", || {
        let logs = yarn(&["logs", "-applicationId", &id, "-log_files", "stderr"]);
        let roles = ["master of sgd", "worker 0.0 of sgd", "worker 1.0 of sgd", "worker 2.0 of sgd"];
        roles.iter().all(|role| logs.contains(role)).then_some(())
    });
}

#[test]
fn predictions_from_yarn_are_those_from_this_machine() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 5_000), place.there("predictions"));
    let flags = ["--split-size", "64k"];
    place.local(&flags);
    lab.put(place.here("local"), &place.there("model")).unwrap();
    let io = ["--predict", &place.there("model"), "--input", &input, "--output", &output, "--workers", "2"];
    let (summary, _) = done(lab, &[&SMALL[..], &flags, &io].concat());
    assert_eq!(summary["rows"], 5_000);

    let here = place.here("predicted");
    let status = Command::new(env!("CARGO_BIN_EXE_sgd"))
        .args(["--master", "local[2]", "--progress", "never", "--predict"])
        .arg(place.here("local"))
        .arg("--input")
        .arg(place.here("data.libsvm"))
        .arg("--output")
        .arg(&here)
        .args(flags)
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let parts: Vec<String> = fs::read_dir(&here)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("part-"))
        .collect();
    assert!(parts.len() >= 2, "{parts:?}");
    for part in parts {
        assert_eq!(read(lab, &format!("{output}/{part}")), fs::read(here.join(&part)).ok(), "{part}");
    }
}

#[test]
fn a_detached_job_needs_nobody() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 2_000), place.there("model"));
    let flags = ["--passes", "3", "--split-size", "32k"];
    let io = ["--detach", "--workers", "2", "--input", &input, "--output", &output];
    let ended = run(lab, &[&SMALL[..], &flags, &io].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let id = ended.stdout.trim_end().to_owned();
    assert_eq!(ended.stdout, format!("{id}\n"));
    assert!(id.starts_with("application_"), "{id}");
    assert_eq!(outcome(lab, &id), ("FINISHED".into(), "SUCCEEDED".into()));
    nothing_left(lab, &id);
    assert_eq!(place.model(lab, &output), place.local(&flags));
}

#[test]
fn what_a_detached_job_that_is_killed_leaves_goes_with_the_next_submission_at_the_latest() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 2_000), place.there("model"));
    let io = ["--detach", "--passes", "1000000", "--workers", "1", "--input", &input, "--output", &output];
    let ended = run(lab, &[&SMALL[..], &io].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let id = ended.stdout.trim_end().to_owned();
    eventually("the job runs", || (report(lab, &id)["state"] == "RUNNING").then_some(()));
    let mut kill = lab.yarn_command("application").unwrap();
    assert!(kill.args(["-kill", &id]).env("HADOOP_USER_NAME", USER).output().unwrap().status.success());
    eventually("the end of all containers", || processes(lab, &id).is_empty().then_some(()));
    done(lab, &[&SMALL[..], &["--passes", "1", "--workers", "1", "--input", &input]].concat());
    nothing_left(lab, &id);
    assert_eq!(names(lab, place.there("").trim_end_matches('/')), ["data.libsvm"]);
}

#[test]
fn a_dry_run_tells_splits_placement_memory_and_room_and_submits_nothing() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let input = place.input(lab, 20_000);
    let name = place.there("dry");
    let io = ["--workers", "2", "--input", &input, "--split-size", "256k", "--dry-run", "--name", &name];
    let ended = run(lab, &[&SMALL[..], &io].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let plan = ended.stdout;
    for expected in [
        "splits    ",
        "worker 0  splits 0 to ",
        "asked for 768 MiB in 3 containers",
        "room      the queue root.default may still give ",
        "free on the nodes: ",
    ] {
        assert!(plan.contains(expected), "{expected:?} in {plan}");
    }
    // Where the bytes of its splits are.
    let hosts = lab
        .nodes()
        .iter()
        .filter(|node| plan.lines().any(|line| line.starts_with("worker ") && line.contains(&node.host)));
    assert!(hosts.count() >= 1, "{plan}");
    let all = crate::cluster::page(&format!("{}/ws/v1/cluster/apps", lab.rm_web())).1;
    assert!(!all.contains(&name));
}

#[test]
fn hadoops_own_kill_ends_a_job() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 2_000), place.there("model"));
    let io = ["--passes", "1000000", "--workers", "1", "--input", &input, "--output", &output];
    let job = start(lab, &[&SMALL[..], &io].concat());
    let id = job.application();
    eventually("a pass", || job.stderr().contains("[2] ").then_some(()));
    let mut kill = lab.yarn_command("application").unwrap();
    assert!(kill.args(["-kill", &id]).env("HADOOP_USER_NAME", USER).output().unwrap().status.success());
    let ended = job.end(Duration::from_secs(60));
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("{id} is KILLED")), "{}", ended.stderr);
    nothing_left(lab, &id);
    assert_eq!(names(lab, place.there("").trim_end_matches('/')), ["data.libsvm"]);
}
