//! Flags, plans, reports: what a user types and gets.

use std::process::Stdio;

use super::support::Bed;

#[test]
fn a_wrong_flag_gets_exit_code_2_and_a_hint() {
    let bed = Bed::new();
    for (arguments, hint) in [
        ("--input table --pases 3", "--passes"),
        ("--input table --passes zero", "invalid value 'zero' for '--passes"),
        ("--input table --passes 0", "--passes"),
        ("--passes 3", "--input"),
        ("--input table --master spark://x", "expected local, local[N], yarn or mapreduce"),
        ("--input table --master local[0]", "from 1 to 4096"),
        ("--input table --split-size 64x", "such as 64m"),
        ("--input table --split-size 1m --splits 3", "cannot be used with"),
        ("--input table --on-loss shrug", "restart, ignore"),
        ("--input table --fault kill:3", "expected kill|hang|drop|forget:wN"),
        ("--input table --fault kill:w9@load --master local[2]", "names worker 9, the job has 0 to"),
        ("--input table --worker-env X", "KEY=VALUE"),
        ("--input table --tolerance=-1", "--tolerance must be a share"),
        ("--input table --master local[2] --workers 3", "local[2] means 2 workers, --workers says 3"),
        ("--input table --dry-run --self-check", "cannot be used with"),
    ] {
        bed.run(arguments).assert_failed(2, &[hint]);
    }
    bed.assert_clean();
}

#[test]
fn words_of_spark_and_scikit_learn_are_understood() {
    let bed = Bed::new();
    let words = "--num-executors 2 --executor-cores 1 --executor-memory 1g --driver-memory 1g \
                 --max-iter 2 --tol 0 --random-state 3";
    let summary = bed.run(&format!("--input table --splits 4 {words}")).summary();
    assert_eq!([&summary["workers"], &summary["passes"]], [2, 2]);
    let plain = bed.run("--input table --splits 4 --passes 2 --seed 3 --master local[2]").summary();
    assert_eq!(plain["state_digest"], summary["state_digest"]);
}

#[test]
fn dry_run_shows_the_plan_and_starts_nothing() {
    let bed = Bed::new();
    let before = bed.names();
    let outcome =
        bed.run("--input table --splits 5 --master local[2] --output model --report report --dry-run");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for words in
        ["in 2 files", "splits    5 of", "worker 0  splits 0 to 1", "worker 1  splits 2 to 4", "memory"]
    {
        assert!(outcome.stdout.contains(words), "no {words:?} in {}", outcome.stdout);
    }
    assert_eq!(bed.names(), before);
    bed.assert_clean();
}

#[test]
fn the_report_has_one_object_per_pass_with_exactly_the_designed_fields() {
    let bed = Bed::new();
    let job = "--input table --splits 4 --master local[2] --passes 3 --report report --output model";
    let outcome = bed.run(job);
    let summary = outcome.summary();
    let mut designed = [
        "pass",
        "objective",
        "seconds",
        "compute_seconds",
        "sync_seconds",
        "splits",
        "splits_covered",
        "rows",
        "rows_covered",
        "workers",
        "state_bytes",
        "update_bytes",
        "state_digest",
        "events",
    ];
    designed.sort_unstable();
    let report = bed.report("report");
    for (number, line) in (1..).zip(&report) {
        let fields: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, designed);
        assert_eq!(line["pass"], number);
        let time = |key: &str| line[key].as_f64().unwrap();
        assert!((time("compute_seconds") + time("sync_seconds") - time("seconds")).abs() < 1e-9);
        assert!(time("compute_seconds") > 0.0 && time("sync_seconds") > 0.0);
        assert_eq!([&line["rows"], &line["rows_covered"], &line["splits_covered"]], [500, 500, 4]);
        assert_eq!(line["workers"], 2);
    }
    assert_eq!(report.len(), 3);
    assert_eq!(report[2]["state_digest"], summary["state_digest"]);
    let objectives: Vec<_> = report.iter().map(|line| line["objective"].as_f64().unwrap()).collect();
    let first = objectives[0] - std::f64::consts::LN_2;
    assert!(first.abs() < 1e-12, "the state that was broadcast for pass 1 is zero");
    assert!(objectives[2] < objectives[0] && summary["objective"].as_f64().unwrap() < objectives[2]);
    let written = std::fs::read_to_string(bed.path("model/_report/report.jsonl")).unwrap();
    assert_eq!(written, std::fs::read_to_string(bed.path("report")).unwrap());
    assert!(outcome.stderr.contains("[3] objective:0."), "a line per pass: {}", outcome.stderr);
}

#[test]
fn an_algorithm_without_objective_has_null() {
    let bed = Bed::new();
    let summary = bed.run("--input table --splits 4 --passes 2 --aimless --report report").summary();
    assert!(summary["objective"].is_null());
    assert!(bed.report("report").iter().all(|line| line["objective"].is_null()));
}

#[test]
fn tolerance_ends_a_job_early() {
    let bed = Bed::new();
    let summary = bed.run("--input table --splits 4 --passes 50 --tolerance 0.5 --report report").summary();
    assert_eq!((summary["passes"].as_u64(), bed.report("report").len()), (Some(2), 2));
}

#[test]
fn an_output_that_is_complete_says_so() {
    let bed = Bed::new();
    bed.run("--input table --splits 4 --passes 2 --output model --progress never").summary();
    let mut names: Vec<_> = std::fs::read_dir(bed.path("model"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["_SUCCESS", "_report", "model.json", "model.npz"]);
}

#[test]
fn a_job_whose_messages_nobody_reads_goes_on_and_an_answer_that_nobody_reads_is_told() {
    let bed = Bed::new();
    let start = |output: &str| {
        let mut command = bed.command(&format!("--input table --splits 4 --passes 2 --output {output}"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut deaf = start("one");
    drop(deaf.stderr.take());
    let outcome = deaf.wait_with_output().unwrap();
    assert_eq!(outcome.status.code(), Some(0));
    assert!(outcome.stdout.starts_with(b"{"));
    let mut mute = start("two");
    drop(mute.stdout.take());
    let outcome = mute.wait_with_output().unwrap();
    let told = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(4), "{told}");
    assert!(told.contains("error: writing the answer to stdout: Broken pipe"), "{told}");
    assert!(bed.model("one")[0] == bed.model("two")[0]);
    bed.assert_clean();
}

#[test]
fn more_splits_than_memory_holds_are_refused() {
    let bed = Bed::new();
    let sparse = std::fs::File::create(bed.path("large.libsvm")).unwrap();
    sparse.set_len(3 << 40).unwrap();
    let outcome = bed.run("--input large.libsvm --split-size 1k --dry-run");
    let hint = "--split-size 1024 would make more than 1048576 splits: make it 4194304 or larger";
    outcome.assert_failed(2, &[hint]);
}
