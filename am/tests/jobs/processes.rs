//! However a job ends, none of its processes is left, and no staging directory.

use std::time::Duration;

use rustix::process::Signal;

use super::support::{Bed, Running, kill};

/// A job that would run for a minute: every pass takes as long as user code likes.
fn slow(bed: &Bed, arguments: &str) -> Running {
    let job = "--input table --splits 6 --master local[3] --passes 1000 --output model";
    let mut command = bed.command(&format!("{job} {arguments}"));
    command.env("TESTBED_PACE_MS", "20");
    let running = bed.start(command);
    // Both are there, and a pass is under way.
    bed.staging();
    bed.process("worker:2:0");
    std::thread::sleep(Duration::from_millis(300));
    running
}

const STUCK: &str = "--fail hang --fail-split 5 --fail-pass 2";
const STUCK_MASTER: &str = "--fail hang --at step --fail-pass 2";

#[test]
fn a_signal_to_the_users_process_ends_the_job() {
    for (signal, name) in [(Signal::INT, "Ctrl-C"), (Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        let bed = Bed::new();
        let running = slow(&bed, "");
        running.signal(signal);
        running.end().assert_failed(130, &[&format!("interrupted by {name}")]);
        bed.assert_clean();
        assert!(!bed.path("model").exists());
    }
}

#[test]
fn a_signal_ends_the_job_though_user_code_is_stuck() {
    for stuck in [STUCK, STUCK_MASTER] {
        let bed = Bed::new();
        let running = slow(&bed, stuck);
        running.signal(Signal::INT);
        running.end().assert_failed(130, &["interrupted by Ctrl-C"]);
        bed.assert_clean();
    }
}

#[test]
fn a_program_that_is_replaced_while_it_runs_still_starts_its_workers() {
    let bed = Bed::new();
    let program = bed.path("program");
    let built = bed.command("").get_program().to_owned();
    std::fs::copy(&built, &program).unwrap();
    let job = "--input table --splits 6 --master local[3] --passes 30 --on-loss restart";
    let mut command = std::process::Command::new(&program);
    command.args(job.split_whitespace()).current_dir(bed.path(""));
    command.env("TMPDIR", bed.path("tmp")).env("TESTBED_PACE_MS", "20").stdin(std::process::Stdio::null());
    let running = bed.start(command);
    let worker = bed.process("worker:1:0");
    // As a linker does it.
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "another version").unwrap();
    kill(worker);
    let outcome = running.end();
    outcome.summary();
    assert!(outcome.stderr.contains("worker 1 was killed"), "{}", outcome.stderr);
    bed.assert_clean();
}

#[test]
fn a_signal_at_any_moment_leaves_nothing() {
    for moment in [0, 3, 10, 20, 40, 80] {
        let bed = Bed::new();
        let running = bed.start(bed.command("--input table --splits 6 --master local[3] --passes 1000"));
        let begun = || (!bed.leftovers().is_empty()).then_some(());
        super::support::wait("the job is staged", begun);
        std::thread::sleep(Duration::from_millis(moment));
        running.signal(Signal::TERM);
        running.end().assert_failed(130, &["interrupted by SIGTERM"]);
        bed.assert_clean();
    }
}

#[test]
fn when_the_users_process_is_killed_its_job_goes() {
    for stuck in ["", STUCK, STUCK_MASTER] {
        let bed = Bed::new();
        let running = slow(&bed, stuck);
        running.signal(Signal::KILL);
        assert_eq!(running.end().code, None);
        bed.assert_clean();
    }
}

#[test]
fn when_the_last_master_is_killed_the_job_ends_with_a_sentence() {
    for stuck in ["", STUCK, STUCK_MASTER] {
        let bed = Bed::new();
        let running = slow(&bed, &format!("--max-attempts 1 {stuck}"));
        kill(bed.process("master:1"));
        running.end().assert_failed(5, &["the master was killed by signal 9", "nothing was written"]);
        bed.assert_clean();
        assert!(!bed.path("model").exists());
    }
}

#[test]
fn a_master_that_dies_before_it_says_a_word_ends_the_job() {
    let bed = Bed::new();
    let mut command = bed.command("--input table --splits 6 --master local[3]");
    command.env("TESTBED_MUTE_MASTER", "1");
    bed.start(command).end().assert_failed(5, &["the master was killed by signal 6"]);
    bed.assert_clean();
}

#[test]
fn a_job_that_ends_well_leaves_nothing() {
    let bed = Bed::new();
    bed.run("--input table --splits 6 --master local[3] --passes 2").summary();
    bed.assert_clean();
}
