//! Checkpoints: a job that is lost whole goes on from the newest good one, and only if it is the same job.

use std::fs;
use std::path::PathBuf;

use super::support::{Bed, essence};

const JOB: &str = "--input table --splits 6 --master local[2] --passes 8 --output model --report report";

/// A job that dies in its sixth pass, with checkpoints after the second and the fourth.
fn interrupted() -> Bed {
    let bed = Bed::new();
    let mut command =
        bed.command(&format!("{JOB} --checkpoint-every 2 --max-attempts 1 --fault kill:master@pass6+1"));
    command.env("TESTBED_PACE_MS", "30");
    bed.start(command).end().assert_failed(5, &["the master was killed by signal 9"]);
    assert_eq!(names(&bed), ["pass-00000003", "pass-00000005"]);
    bed
}

fn folder(bed: &Bed) -> PathBuf {
    bed.path("_model.checkpoints")
}

fn newest(bed: &Bed) -> PathBuf {
    let paths = fs::read_dir(folder(bed)).unwrap().map(|entry| entry.unwrap().path());
    paths.max().unwrap()
}

fn names(bed: &Bed) -> Vec<String> {
    let names =
        fs::read_dir(folder(bed)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    // Behind the pass stands the number of the run.
    names.iter().filter_map(|name| Some(name.split_once('.')?.0.to_owned())).collect()
}

#[test]
fn the_rest_of_the_passes_lead_to_the_same_bits() {
    let undisturbed = Bed::new();
    let expected = undisturbed.run(JOB).summary();
    let bed = interrupted();
    let outcome = bed.run(&format!("{JOB} --resume"));
    assert!(outcome.stderr.contains("the job goes on with pass 5"), "{}", outcome.stderr);
    assert_eq!(essence(outcome.summary()), essence(expected));
    assert!(bed.model("model") == undisturbed.model("model"));
    let lines = |bed: &Bed| bed.report("report").into_iter().map(essence).collect::<Vec<_>>();
    assert_eq!(lines(&bed), lines(&undisturbed), "the report is whole");
    assert!(!folder(&bed).exists(), "nobody needs them any more");
    bed.assert_clean();
}

#[test]
fn of_a_torn_or_damaged_one_the_one_before_it_is_used() {
    let undisturbed = Bed::new();
    undisturbed.run(JOB).summary();
    for damage in ["torn", "bit", "empty", "foreign"] {
        let bed = interrupted();
        let newest = newest(&bed);
        let mut bytes = fs::read(&newest).unwrap();
        match damage {
            "torn" => bytes.truncate(bytes.len() / 2),
            "bit" => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }
            "empty" => bytes.clear(),
            _ => bytes = b"something else entirely, and long enough".to_vec(),
        }
        fs::write(&newest, bytes).unwrap();
        let outcome = bed.run(&format!("{JOB} --resume"));
        assert!(outcome.stderr.contains("the job goes on with pass 3"), "{damage}: {}", outcome.stderr);
        outcome.summary();
        assert!(bed.model("model") == undisturbed.model("model"), "{damage}");
    }
}

#[test]
fn a_checkpoint_of_another_job_is_refused_in_a_sentence() {
    let bed = interrupted();
    for (flags, words) in [
        (JOB.replace("--splits 6", "--splits 5"), "its number of splits is 6, here it is 5"),
        (format!("{JOB} --seed 9"), "its seed is 1, here it is 9"),
        (format!("{JOB} --rate 0.1"), "its --rate is 0.05, here it is 0.1"),
        (format!("{JOB} --columns 99"), "its number of columns is not fixed, here it is 99"),
        (format!("{JOB} --missing zero"), "or was read in another way"),
    ] {
        let outcome = bed.run(&format!("{flags} --resume"));
        outcome.assert_failed(3, &["--resume: the checkpoint ", " is of another job: ", words]);
        assert!(!bed.path("model").exists());
    }
    bed.put("table/b.libsvm", "1 1:1\n-1 2:1\n");
    bed.run(&format!("{JOB} --resume"))
        .assert_failed(3, &["its input had other files, or other times or lengths"]);
    assert_eq!(names(&bed).len(), 2, "they are still there");
}

#[test]
fn a_run_without_resume_goes_on_from_its_own_only() {
    let undisturbed = Bed::new();
    undisturbed.run(JOB).summary();
    let bed = interrupted();
    // It loses all that kept it before its first checkpoint, and begins again.
    let faults = "kill:master@pass2,kill:w0@pass2,kill:w1@pass2";
    let mut command = bed.command(&format!("{JOB} --on-loss restart --checkpoint-every 5 --fault {faults}"));
    command.env("TESTBED_PACE_MS", "30");
    let outcome = bed.start(command).end();
    outcome.summary();
    assert!(!outcome.stderr.contains("goes on with pass 5"), "{}", outcome.stderr);
    assert!(bed.model("model") == undisturbed.model("model"));
    bed.assert_clean();
}

#[test]
fn a_run_without_resume_puts_its_own_in_the_place_of_others() {
    let bed = interrupted();
    let mut command =
        bed.command(&format!("{JOB} --checkpoint-every 1 --max-attempts 1 --fault kill:master@pass3+1"));
    command.env("TESTBED_PACE_MS", "30");
    bed.start(command).end().assert_failed(5, &["the master was killed by signal 9"]);
    assert_eq!(names(&bed), ["pass-00000002", "pass-00000003"]);
}

#[test]
fn a_checkpoint_behind_the_last_pass_is_refused() {
    let bed = interrupted();
    let fewer = JOB.replace("--passes 8", "--passes 3");
    bed.run(&format!("{fewer} --resume")).assert_failed(3, &["is of pass 4, --passes is 3"]);
}

#[test]
fn without_a_checkpoint_the_job_begins_at_the_beginning() {
    let bed = Bed::new();
    assert_eq!(bed.run(&format!("{JOB} --resume")).summary()["passes"], 8);
}

#[test]
fn when_all_that_kept_the_job_is_lost_the_checkpoint_is_what_is_left() {
    let undisturbed = Bed::new();
    undisturbed.run(JOB).summary();
    let bed = Bed::new();
    let faults = "kill:master@pass6,kill:w0@pass6,kill:w1@pass6";
    let mut command = bed.command(&format!("{JOB} --on-loss restart --checkpoint-every 2 --fault {faults}"));
    command.env("TESTBED_PACE_MS", "30");
    let outcome = bed.start(command).end();
    outcome.summary();
    assert!(bed.model("model") == undisturbed.model("model"));
    bed.assert_clean();
}
