//! Lost workers: what a pass then covers, and when it is too much.

use super::support::{Bed, Outcome};

const JOB: &str = "--input table --splits 9 --master local[3] --output model --report report";

fn run(bed: &Bed, arguments: &str) -> Outcome {
    let mut command = bed.command(&format!("{JOB} {arguments}"));
    command.env("TESTBED_PACE_MS", "30");
    bed.start(command).end()
}

#[test]
fn under_ignore_the_report_says_what_each_pass_covered_and_the_splits_come_back() {
    let bed = Bed::new();
    let summary = run(&bed, "--on-loss ignore --passes 9 --fault kill:w1@pass2").summary();
    assert!(summary["objective"].is_number(), "the last word is about all rows");
    let report = bed.report("report");
    let covered = |key: &str| report.iter().map(|line| line[key].as_u64().unwrap()).collect::<Vec<_>>();
    let (rows, splits, workers) = (covered("rows_covered"), covered("splits_covered"), covered("workers"));
    assert_eq!(rows[0], 500);
    assert!(rows[1] < 500, "worker 1 died in pass 2: {rows:?}");
    assert_eq!(splits[1], 6);
    assert_eq!((rows[8], splits[8], workers[8]), (500, 9, 3), "it is back: {rows:?}");
    assert!(rows.iter().zip(&splits).all(|(&rows, &splits)| (rows == 500) == (splits == 9)), "{rows:?}");
    assert!(covered("rows").iter().all(|&rows| rows == 500));
    let events: Vec<_> = report.iter().flat_map(|line| line["events"].as_array().unwrap()).collect();
    assert!(
        events.iter().any(|event| event.as_str().unwrap().starts_with("worker 1 was killed by signal 9"))
    );
    assert!(events.iter().any(|event| event.as_str().unwrap().starts_with("worker 1 is back")));
    bed.assert_clean();
}

#[test]
fn under_ignore_a_worker_killed_in_the_load_is_waited_for() {
    let bed = Bed::new();
    run(&bed, "--on-loss ignore --passes 2 --fault kill:w1@load").summary();
    assert!(bed.report("report").iter().all(|line| line["rows_covered"] == 500));
}

#[test]
fn under_ignore_a_pass_that_loses_everybody_waits_for_all() {
    let bed = Bed::new();
    let faults = "--fault kill:w0@pass2,kill:w1@pass2,kill:w2@pass2";
    run(&bed, &format!("--on-loss ignore --passes 3 {faults}")).summary();
    assert!(bed.report("report").iter().all(|line| line["splits_covered"] != 0));
}

#[test]
fn a_split_that_kills_its_workers_ends_the_job() {
    let bed = Bed::new();
    for policy in ["restart", "ignore"] {
        let killer = "--max-failures 100 --passes 300 --fail abort --fail-split 4 --fail-pass 0";
        let outcome = run(&bed, &format!("--on-loss {policy} {killer}"));
        outcome.assert_failed(5, &["worker 1 was killed by signal 6", "has now lost 3 workers"]);
        bed.assert_clean();
    }
    assert!(!bed.path("model").exists());
}

#[test]
fn more_losses_than_max_failures_end_the_job() {
    let bed = Bed::new();
    let outcome = run(&bed, "--max-failures 0 --on-loss restart --fault kill:w2@pass2");
    outcome.assert_failed(5, &["worker 2 was killed by signal 9", "--max-failures allows 0"]);
    let outcome = run(&bed, "--max-failures 1 --on-loss ignore --fault kill:w2@pass2,kill:w0@pass2");
    outcome.assert_failed(5, &["2 workers were lost, --max-failures allows 1"]);
    assert!(!bed.path("model").exists());
    bed.assert_clean();
    run(&bed, "--max-failures 2 --on-loss restart --fault kill:w2@pass2,kill:w0@pass2").summary();
}

#[test]
fn a_worker_that_ends_before_it_reports_is_a_loss() {
    let bed = Bed::new();
    let outcome = run(&bed, "--max-failures 0 --worker-env w1:LAPWING_ROLE=nonsense");
    outcome.assert_failed(5, &["worker 1 ended with exit code 4", "--max-failures allows 0"]);
    bed.assert_clean();
}

#[test]
fn a_worker_that_does_not_report_in_time_is_a_loss() {
    let bed = Bed::new();
    let outcome = run(&bed, "--max-failures 0 --start-timeout 1 --worker-env w1:TESTBED_SLUGGISH=1");
    outcome.assert_failed(5, &["worker 1 did not report for 1 s", "--max-failures allows 0"]);
    bed.assert_clean();
}
