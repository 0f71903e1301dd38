//! What user code does wrong ends the job at once, with exit code 6 and the split where there is one.

use std::time::Duration;

use super::support::Bed;

const JOB: &str = "--input table --splits 6 --master local[3] --output model";

#[test]
fn an_error_or_panic_in_a_pass_names_the_split() {
    let bed = Bed::new();
    for cores in [1, 2] {
        let job = format!("{JOB} --worker-cores {cores} --fail-split 3 --fail-pass 2");
        let outcome = bed.run(&format!("{job} --fail error"));
        outcome.assert_failed(6, &["the algorithm failed in split 3: out of luck"]);
        let outcome = bed.run(&format!("{job} --fail panic"));
        outcome.assert_failed(6, &["failed in split 3: panicked at ", "testbed.rs:", "out of luck"]);
        assert!(outcome.took < Duration::from_secs(10), "{outcome:?}");
    }
    assert!(!bed.path("model").exists());
    bed.assert_clean();
}

#[test]
fn an_error_or_panic_in_the_master_names_the_method() {
    let bed = Bed::new();
    for place in ["init", "step"] {
        let outcome = bed.run(&format!("{JOB} --fail error --at {place}"));
        outcome.assert_failed(6, &[&format!("the algorithm failed in {place}: out of luck")]);
        let outcome = bed.run(&format!("{JOB} --fail panic --at {place}"));
        outcome.assert_failed(6, &[&format!("the algorithm failed in {place}: panicked at "), "out of luck"]);
    }
    assert!(!bed.path("model").exists());
    bed.assert_clean();
}

#[test]
fn a_panic_in_merge_is_told_from_worker_and_master() {
    let bed = Bed::new();
    // With one split per worker all merges are the master's; with two each, the first are the workers'.
    for splits in ["--splits 3", "--splits 6"] {
        let job = format!("--input table {splits} --master local[3] --fail panic --at merge");
        bed.run(&job).assert_failed(6, &["in merge: panicked at ", "out of luck"]);
    }
    bed.assert_clean();
}

#[test]
fn even_a_panic_in_default_ends_the_job() {
    let bed = Bed::new();
    for place in ["local", "memory"] {
        bed.run(&format!("{JOB} --at={place}")).assert_failed(6, &["panicked at ", "out of luck"]);
    }
    bed.assert_clean();
}

#[test]
fn an_error_in_one_split_does_not_wait_for_the_others() {
    let bed = Bed::new();
    let mut command = bed.command(&format!("{JOB} --fail error --fail-split 5"));
    command.env("TESTBED_PACE_MS", "1500");
    let outcome = bed.start(command).end();
    outcome.assert_failed(6, &["split 5"]);
    // Split 5 is the second of its worker: it fails after 3 s, when the others would have 2 s to go at least.
    assert!(outcome.took < Duration::from_secs(5), "{outcome:?}");
}

#[test]
fn what_user_code_prints_does_not_get_between_the_answer() {
    let bed = Bed::new();
    let mut command = bed.command(&format!("{JOB} --passes 2"));
    command.env("TESTBED_CHATTER", "hello there");
    let outcome = bed.start(command).end();
    assert_eq!(outcome.summary()["passes"], 2);
    assert!(outcome.stderr.contains("hello there"));
}

#[test]
fn self_check_passes_a_sound_algorithm_and_catches_the_others() {
    let bed = Bed::new();
    let check = "--input table --splits 5 --self-check";
    let sound = bed.run(check);
    assert_eq!(sound.code, Some(0), "{}", sound.stderr);
    assert!(sound.stdout.contains("state after two passes: "), "{}", sound.stdout);
    let flaws = [
        ("clock", "gave two different updates"),
        ("local", "must not depend on what Local holds"),
        ("step", "step gave two different states"),
    ];
    for (flaw, words) in flaws {
        bed.run(&format!("{check} --flaw {flaw}")).assert_failed(6, &["self-check: ", words]);
    }
    bed.run(&format!("{check} --fail error")).assert_failed(6, &["out of luck"]);
    bed.assert_clean();
}
