//! A master that is lost: the next one takes the job back from the living workers, and nothing shows in the result.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::support::{Bed, Outcome, essence, kill, wait};

const JOB: &str = "--input table --splits 9 --master local[3] --output model --report report";

struct Run {
    bed: Bed,
    outcome: Outcome,
}

fn run(arguments: &str) -> Run {
    let bed = Bed::new();
    let passes = if arguments.contains("--passes") { "" } else { "--passes 6" };
    let mut command = bed.command(&format!("{JOB} {passes} {arguments}"));
    command.env("TESTBED_PACE_MS", "5");
    let outcome = bed.start(command).end();
    Run { bed, outcome }
}

impl Run {
    /// The same model, summary and report as of an undisturbed run; the events of all passes.
    fn assert_same(&self, other: &Run) -> Vec<String> {
        assert_eq!(essence(self.outcome.summary()), essence(other.outcome.summary()));
        let lines = |run: &Run| run.bed.report("report").into_iter().map(essence).collect::<Vec<_>>();
        assert_eq!(lines(self), lines(other), "one line for each pass, and the same");
        let kept = std::fs::read_to_string(self.bed.path("model/_report/report.jsonl")).unwrap();
        let kept: Vec<Value> = kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // A pass that was told by one master and made again by the next took another time.
        assert_eq!(
            kept.iter().cloned().map(essence).collect::<Vec<_>>(),
            lines(self),
            "what was told is what was written"
        );
        assert!(self.bed.model("model") == other.bed.model("model"), "the model files differ");
        self.bed.assert_clean();
        let events = kept.iter().flat_map(|line| line["events"].as_array().unwrap().clone());
        events.map(|event| event.as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_master_killed_at_any_point_leaves_the_same_bits_and_nothing_is_read_again() {
    let undisturbed = run("");
    assert_eq!(undisturbed.outcome.summary()["attempts"], 1);
    for point in ["load", "pass1", "pass3", "pass4+1", "pass6+2", "step1", "step4", "step6", "output"] {
        let disturbed = run(&format!("--fault kill:master@{point}"));
        let events = disturbed.assert_same(&undisturbed);
        let summary = disturbed.outcome.summary();
        assert_eq!((&summary["attempts"], &summary["reread_bytes"]), (&2.into(), &0.into()), "{point}");
        let told = &disturbed.outcome.stderr;
        assert!(
            told.contains("the master was killed by signal 9") && told.contains("(attempt 2 of 4)"),
            "{told}"
        );
        if point != "output" && point != "step6" {
            assert!(
                events.iter().any(|event| event.starts_with("the master was lost: attempt 2 of 4")),
                "{events:?}"
            );
        }
    }
}

#[test]
fn large_updates_and_states_survive_a_master_too() {
    let flags = "--floats 300000";
    let undisturbed = run(flags);
    for point in ["pass3+1", "step3", "pass6"] {
        run(&format!("{flags} --fault kill:master@{point}")).assert_same(&undisturbed);
    }
}

#[test]
fn master_and_workers_lost_together() {
    let undisturbed = run("");
    for faults in [
        "kill:master@pass3+1,kill:w1@pass3",
        "kill:master@load,kill:w0@load",
        "kill:master@step4,kill:w2@step4",
        // Both that keep what the master knows: the job begins anew, with what is loaded, and comes to the same end.
        "kill:master@pass4,kill:w0@pass4,kill:w1@pass4",
        "kill:w0@pass2,kill:w1@pass2,kill:master@pass5+1",
    ] {
        let disturbed = run(&format!("--on-loss restart --max-failures 9 --fault {faults}"));
        let summary = disturbed.outcome.summary();
        assert_eq!(summary["state_digest"], undisturbed.outcome.summary()["state_digest"], "{faults}");
        disturbed.assert_same(&undisturbed);
    }
}

#[test]
fn masters_killed_from_outside_again_and_again() {
    let arguments = "--passes 300 --max-attempts 9";
    let undisturbed = run(arguments);
    let bed = Bed::new();
    let mut command = bed.command(&format!("{JOB} {arguments}"));
    command.env("TESTBED_PACE_MS", "5");
    let running = bed.start(command);
    for attempt in 1..=4 {
        let master = bed.process(&format!("master:{attempt}"));
        std::thread::sleep(Duration::from_millis(150));
        kill(master);
    }
    let disturbed = Run { bed, outcome: running.end() };
    disturbed.assert_same(&undisturbed);
    assert_eq!(disturbed.outcome.summary()["attempts"], 5);
    assert_eq!(disturbed.outcome.summary()["reread_bytes"], 0);
}

#[test]
fn a_master_that_stands_still_is_replaced() {
    let undisturbed = run("");
    let disturbed = run("--worker-timeout 1s --fault hang:master@pass3+1");
    disturbed.assert_same(&undisturbed);
    assert!(
        disturbed.outcome.stderr.contains("the master gave no sign of life for 1 s"),
        "{}",
        disturbed.outcome.stderr
    );
}

#[test]
fn who_stands_still_does_not_blame_the_others_for_their_silence() {
    // Ctrl-Z stops the user's process alone; a machine that is moved stops with all that run on it.
    for with_master in [false, true] {
        let bed = Bed::new();
        let mut command = bed.command(&format!("{JOB} --passes 40 --worker-timeout 1s --max-failures 0"));
        command.env("TESTBED_PACE_MS", "20");
        let running = bed.start(command);
        let master = bed.process("master:1");
        bed.process("worker:2:0");
        std::thread::sleep(Duration::from_millis(500));
        let signal = |signal| {
            running.signal(signal);
            if with_master {
                rustix::process::kill_process(master, signal).unwrap();
            }
        };
        signal(Signal::STOP);
        std::thread::sleep(Duration::from_secs(4));
        signal(Signal::CONT);
        let outcome = running.end();
        assert_eq!(outcome.summary()["attempts"], 1, "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("starting"), "{}", outcome.stderr);
        bed.assert_clean();
    }
}

#[test]
fn workers_end_when_no_master_comes_and_the_job_with_them() {
    let bed = Bed::new();
    let mut command =
        bed.command("--input table --splits 6 --master local[3] --passes 1000 --master-timeout 500ms");
    command.env("TESTBED_PACE_MS", "20");
    let running = bed.start(command);
    let worker = bed.process("worker:1:0");
    bed.staging();
    // Its user's process does not get to start another one.
    running.signal(Signal::STOP);
    kill(bed.process("master:1"));
    wait("the end of the workers", || bed.processes().iter().all(|(_, pid)| *pid != worker).then_some(()));
    running.signal(Signal::CONT);
    running.signal(Signal::TERM);
    running.end().assert_failed(130, &["interrupted by SIGTERM"]);
    bed.assert_clean();
}

#[test]
fn masters_that_are_lost_too_often_end_the_job() {
    let bed = Bed::new();
    let outcome = bed.run(&format!("{JOB} --max-attempts 3 --fail abort --at step --fail-pass 2"));
    outcome
        .assert_failed(5, &["the master was killed by signal 6", "in attempt 3, the last of --max-attempts"]);
    assert!(!bed.path("model").exists());
    bed.assert_clean();
}

#[test]
fn a_connection_that_breaks_and_a_cache_that_is_lost_change_nothing() {
    let undisturbed = run("");
    let disturbed = run(
        "--on-loss restart --max-failures 0 --fault drop:w0@pass3,forget:w1@pass4,drop:w2@pass1,slow:w1:3x",
    );
    assert_eq!(disturbed.assert_same(&undisturbed), [""; 0], "nobody was lost");
}
