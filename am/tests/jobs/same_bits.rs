//! The same bits, however many workers there are, in whatever order they reply, on whatever processor, whoever is killed.

use std::fs;

use super::support::{Bed, Outcome, essence, kill};

/// A job whose every pass, merge and step shows in the result; 13 splits make a ragged tree.
const JOB: &str = "--input table --splits 13 --on-loss restart --seed 3 --output model --report report";

const PASSES: &str = "--passes 4";

/// One run, in a folder of its own, compared with one worker's.
struct Run {
    bed: Bed,
    outcome: Outcome,
}

fn run(arguments: &str, variables: &[(&str, &str)]) -> Run {
    let bed = Bed::new();
    let passes = if arguments.contains("--passes") { "" } else { PASSES };
    let mut command = bed.command(&format!("{JOB} {passes} {arguments}"));
    command.envs(variables.iter().copied());
    let outcome = bed.start(command).end();
    Run { bed, outcome }
}

impl Run {
    fn assert_same(&self, other: &Run) {
        let (own, theirs) = (self.outcome.summary(), other.outcome.summary());
        assert_eq!(essence(own), essence(theirs));
        let lines = |run: &Run| run.bed.report("report").into_iter().map(essence).collect::<Vec<_>>();
        assert_eq!(lines(self), lines(other));
        assert!(self.bed.model("model") == other.bed.model("model"), "the model files differ");
        self.bed.assert_clean();
    }

    fn events(&self) -> String {
        let lines = self.bed.report("report");
        lines.iter().map(|line| line["events"].to_string()).collect()
    }
}

#[test]
fn any_number_of_workers_and_cores_gives_the_same_bits() {
    let one = run("--master local[1]", &[]);
    for arguments in
        ["--master local[2]", "--master local[8]", "--master local[3] --worker-cores 3", "--workers 13"]
    {
        run(arguments, &[]).assert_same(&one);
    }
    let summary = one.outcome.summary();
    assert_eq!([&summary["rows"], &summary["splits"], &summary["passes"]], [500, 13, 4]);
    assert_eq!(one.bed.report("report").len(), 4);
}

#[test]
fn another_seed_or_split_gives_other_bits() {
    // Else the comparisons of this file would say nothing.
    let one = run("--master local[2] --floats 50", &[]);
    let digest = |run: &Run| run.outcome.summary()["state_digest"].clone();
    for other in ["--rate 0.06", "--columns 41"] {
        assert_ne!(
            digest(&run(&format!("--master local[2] --floats 50 {other}"), &[])),
            digest(&one),
            "{other}"
        );
    }
}

#[test]
fn any_order_of_arrival_gives_the_same_bits() {
    let one = run("--master local[1]", &[]);
    for workers in [4, 13] {
        let jitter = [("TESTBED_JITTER_MS", "25")];
        run(&format!("--master local[{workers}]"), &jitter).assert_same(&one);
    }
}

#[test]
fn updates_that_wait_for_credit_give_the_same_bits() {
    // 80,000 floats are more than the 256 KiB that travel unasked; 1m of memory for the master is less than two of them.
    let large = "--floats 80000 --passes 2";
    let one = run(&format!("--master local[1] {large}"), &[]);
    assert!(one.outcome.summary()["objective"].is_number());
    for memory in ["1m", "1g"] {
        let jitter = [("TESTBED_JITTER_MS", "10")];
        run(&format!("--master local[5] --master-memory {memory} {large}"), &jitter).assert_same(&one);
    }
    let faulty = "--fault kill:w1@pass2 --master local[5] --master-memory 1m";
    run(&format!("{faulty} {large}"), &[]).assert_same(&one);
}

#[test]
fn processors_without_vector_extensions_give_the_same_bits() {
    let tunables = "glibc.cpu.hwcaps=-AVX2_Usable,-AVX2,-FMA,-FMA4,-AVX_Fast_Unaligned_Load,-ERMS,-AVX512F";
    let roll = tempfile::tempdir().unwrap();
    let variables = [("TESTBED_ROLL", roll.path().to_str().unwrap())];
    let arguments = format!("--master local[3] --worker-env w1:GLIBC_TUNABLES={tunables}");
    run(&arguments, &variables).assert_same(&run("--master local[1]", &[]));
    let seen = |worker: u32| fs::read_to_string(roll.path().join(format!("worker:{worker}:0"))).unwrap();
    assert_eq!(seen(1), tunables);
    assert!(!seen(0).contains("hwcaps") && !seen(2).contains("hwcaps"));
}

#[test]
fn a_worker_killed_on_order_leaves_the_same_bits() {
    let one = run("--master local[1]", &[]);
    for (fault, when) in [("load", "load"), ("pass2", "pass"), ("step2", "between passes"), ("pass4", "last")]
    {
        let run = run(&format!("--master local[3] --fault kill:w1@{fault}"), &[]);
        run.assert_same(&one);
        let events = run.events() + &run.outcome.stderr;
        assert!(events.contains("worker 1 was killed by signal 9"), "{when}: {events}");
    }
    let two = run("--master local[3] --fault kill:w1@load,kill:w0@pass2,kill:w2@step3", &[]);
    two.assert_same(&one);
    assert_eq!(two.events().matches("starting another").count(), 3);
}

#[test]
fn a_worker_killed_by_the_system_at_any_moment_leaves_the_same_bits() {
    let one = run("--master local[1]", &[]);
    for moment in [0, 40, 90, 170, 260] {
        let bed = Bed::new();
        let mut command = bed.command(&format!("{JOB} {PASSES} --master local[3]"));
        command.env("TESTBED_PACE_MS", "15");
        let running = bed.start(command);
        let worker = bed.process("worker:2:0");
        std::thread::sleep(std::time::Duration::from_millis(moment));
        kill(worker);
        let run = Run { outcome: running.end(), bed };
        run.assert_same(&one);
        let told = run.events() + &run.outcome.stderr;
        assert!(told.contains("worker 2 was killed by signal 9"), "after {moment} ms: {told}");
    }
}
