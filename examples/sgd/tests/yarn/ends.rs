//! Jobs that end otherwise: by the user, by his code, for want of room, for their memory.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::sync::Mutex;
use std::time::Duration;

use crate::cluster::{
    Place, SMALL, done, eventually, names, nothing_left, outcome, page, processes, report, run, shared, start,
};

#[test]
fn ctrl_c_kills_the_application_and_leaves_nothing() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 2_000), place.there("model"));
    let io = ["--passes", "1000000", "--workers", "1", "--input", &input, "--output", &output];
    let job = start(lab, &[&SMALL[..], &io].concat());
    let id = job.application();
    // The page behind the tracking URL, through the ResourceManager's proxy.
    let url = eventually("the tracking URL", || {
        job.stderr().split_once("follow it at ")?.1.lines().next().map(str::to_owned)
    });
    assert!(url.starts_with(&lab.rm_web()) && url.contains(&id), "{url}");
    eventually("a second pass", || job.stderr().contains("[2] ").then_some(()));
    let (status, body) = page(&url);
    assert!(
        status == 200 && body.contains("<th>objective") && body.contains("<tr><td>2<td>0."),
        "{status} {body}"
    );
    assert!(body.contains("1 workers"), "{body}");
    // Whoever comes to its port from elsewhere than the proxy's machine is refused.
    if let Some(outside) = outside() {
        let report = report(lab, &id);
        let address = report["amRPCAddress"].as_str().unwrap_or_else(|| panic!("{report}")).to_owned();
        let port = address.rsplit_once(':').unwrap().1;
        for path in ["", "api/v1/news"] {
            let (status, body) = page(&format!("http://{outside}:{port}/{path}"));
            assert!(status == 403 && !body.contains("objective"), "{status} {body}");
        }
    }

    job.interrupt();
    let ended = job.end(Duration::from_secs(30));
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("interrupted by Ctrl-C; {id} is killed")), "{}", ended.stderr);
    assert_eq!(outcome(lab, &id), ("KILLED".into(), "KILLED".into()));
    nothing_left(lab, &id);
    assert_eq!(names(lab, place.there("").trim_end_matches('/')), ["data.libsvm"]);
}

#[test]
fn an_algorithm_that_fails_says_why_in_the_terminal_and_in_yarn() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 2_000), place.there("model"));
    let io = ["--loss", "squared", "--rate", "1e30", "--workers", "2", "--split-size", "32k"];
    let ended = run(lab, &[&SMALL[..], &io, &["--input", &input, "--output", &output]].concat());
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    assert!(ended.stderr.contains("diverged in pass 1: lower --rate"), "{}", ended.stderr);
    let id = ended.application();
    assert_eq!(outcome(lab, &id), ("FINISHED".into(), "FAILED".into()));
    let told = report(lab, &id)["diagnostics"].as_str().unwrap().to_owned();
    assert!(told.contains("diverged in pass 1: lower --rate"), "{told}");
    nothing_left(lab, &id);
    assert_eq!(names(lab, place.there("").trim_end_matches('/')), ["data.libsvm"]);
}

/// Held by tests for which it matters how much of the small queue is free.
static SMALL_QUEUE: Mutex<()> = Mutex::new(());

#[test]
fn two_jobs_on_a_full_cluster_both_begin_with_the_containers_that_came() {
    let Some((lab, _shared)) = shared() else { return };
    let _queue = SMALL_QUEUE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = Place::new();
    let input = place.input(lab, 20_000);
    // The queue may use a fifth of the cluster: 2457 MiB. Beside a master that is room for 8 workers at the most; each wants 9.
    let flags = ["--split-size", "8k", "--passes", "3"];
    let io = ["--on-loss", "restart", "--workers", "9", "--queue", "small", "--start-timeout"];
    let outputs = ["one", "other"].map(|name| place.there(name));
    let submit = |job: usize| {
        // The second waits longer: the first may have all of the room, until it is done.
        let io = [&io[..], &[["10", "40"][job]]].concat();
        start(lab, &[&SMALL[..], &flags, &io, &["--input", &input, "--output", &outputs[job]]].concat())
    };
    let first = submit(0);
    let id = first.application();
    let holds = || processes(lab, &id).iter().any(|(_, role)| role.starts_with("worker")).then_some(());
    eventually("a worker of the first", holds);
    let jobs = [first, submit(1)];
    let expected = place.local(&flags);
    let mut short = 0;
    for (job, output) in jobs.into_iter().zip(&outputs) {
        let ended = job.end(Duration::from_secs(120));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(place.model(lab, output), expected);
        short += usize::from(ended.stderr.contains(" got no container within "));
        nothing_left(lab, &ended.application());
    }
    assert!(short > 0, "there was not room for both");
}

#[test]
fn workers_that_cannot_hold_what_others_should_have_held_refuse_it() {
    let Some((lab, _shared)) = shared() else { return };
    let _queue = SMALL_QUEUE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = Place::new();
    // A job that leaves 409 MiB of the queue: one more master, and two workers of 64 MiB.
    let size = ["--master", "yarn", "--queue", "small", "--master-memory", "256m", "--worker-memory"];
    let (input, endless) = (place.input(lab, 100), ["--workers", "1", "--passes", "100000000"]);
    let other = start(lab, &[&size[..], &["1792m", "--input", &input], &endless].concat());
    eventually("a first pass of the other job", || other.stderr().contains("[1] ").then_some(()));
    // Of six workers with 16 MB of rows each two come, and a third part beside their own does not fit.
    fs::write(place.here("large.libsvm"), "1 1:1\n".to_owned() + &"-1\n1\n".repeat(4_000_000)).unwrap();
    let (input, output) = (place.there("large.libsvm"), place.there("model"));
    lab.put(place.here("large.libsvm"), &input).unwrap();
    let io = [
        "--workers",
        "6",
        "--split-size",
        "1m",
        "--start-timeout",
        "8",
        "--input",
        &input,
        "--output",
        &output,
    ];
    let ended = run(lab, &[&size[..], &["64m"], &io].concat());
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    for expected in
        ["the workers that came do not hold the input: worker ", " of 64 MiB are in use; see --workers"]
    {
        assert!(ended.stderr.contains(expected), "{expected:?} in {}", ended.stderr);
    }
    let id = ended.application();
    assert_eq!(outcome(lab, &id), ("FINISHED".into(), "FAILED".into()));
    nothing_left(lab, &id);
}

#[test]
fn a_master_that_finds_no_room_is_given_up_with_figures() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let (input, output) = (place.input(lab, 100), place.there("model"));
    // More than the fifth of the cluster that the queue may use, less than a node has.
    let io = ["--master", "yarn", "--master-memory", "3g", "--worker-memory", "256m", "--queue", "small"];
    let rest = ["--start-timeout", "5", "--workers", "1", "--input", &input, "--output", &output];
    let ended = run(lab, &[&io[..], &rest].concat());
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.took < Duration::from_secs(60), "{:?}", ended.took);
    assert!(ended.stderr.contains("got no container for its master within 5 s"), "{}", ended.stderr);
    assert!(ended.stderr.contains("the queue root.small may still give "), "{}", ended.stderr);
    let id = ended.application();
    assert_eq!(outcome(lab, &id).0, "KILLED");
    nothing_left(lab, &id);
}

#[test]
fn a_worker_killed_for_its_memory_is_told_with_figures_and_gets_more() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    // A row of nothing but its label takes two bytes in the file, twelve in memory and four more in a pass: with the program
    // itself about 72 MiB and then 86 in a worker of 64, which gets half as much again.
    let text = "1 1:1\n".to_owned() + &"-1\n1\n".repeat(1_800_000);
    fs::write(place.here("data.libsvm"), text).unwrap();
    lab.put(place.here("data.libsvm"), &place.there("data.libsvm")).unwrap();
    let flags =
        ["--master", "yarn", "--master-memory", "256m", "--worker-memory", "64m", "--on-loss", "restart"];
    let io =
        ["--workers", "1", "--split-size", "256k", "--passes", "1", "--input", &place.there("data.libsvm")];
    let (summary, ended) = done(lab, &[&flags[..], &io].concat());
    assert_eq!(summary["passes"], 1);
    let told = ended.stderr.lines().find(|line| line.contains("was killed for using ")).unwrap_or_default();
    assert!(
        told.contains("worker 0 on 127.") && told.contains(" of 64 MiB; the next one gets 96 MiB"),
        "{ended:?}"
    );
    nothing_left(lab, &ended.application());
}

/// An address by which this machine is another to the loopback, if it has one.
fn outside() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: this only looks for the way to an address that is for documentation.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback() && !address.is_unspecified())
}
