//! Workers that are late, stuck, silent or lost, and what the policies make of it.

use super::support::{Bed, Outcome};

const JOB: &str = "--input table --splits 9 --master local[3] --output model --report report";

fn run(bed: &Bed, arguments: &str) -> Outcome {
    let mut command = bed.command(&format!("{JOB} {arguments}"));
    command.env("TESTBED_PACE_MS", "20");
    bed.start(command).end()
}

fn column(bed: &Bed, key: &str) -> Vec<u64> {
    bed.report("report").iter().map(|line| line[key].as_u64().unwrap_or(0)).collect()
}

fn events(bed: &Bed) -> String {
    bed.report("report").iter().map(|line| line["events"].to_string()).collect()
}

#[test]
fn a_quorum_does_not_wait_for_a_slow_worker() {
    let bed = Bed::new();
    let outcome = run(&bed, "--on-loss ignore --quorum 0.6 --passes 5 --fault slow:w2:40x");
    let summary = outcome.summary();
    let (rows, splits) = (column(&bed, "rows_covered"), column(&bed, "splits_covered"));
    assert!(rows.iter().all(|&rows| (300..500).contains(&rows)), "two of three workers: {rows:?}");
    assert!(splits.iter().all(|&splits| splits == 6), "{splits:?}");
    assert!(summary["objective"].is_number(), "the last word is about all rows, and waits for them");
    assert!(!events(&bed).contains("worker 2"), "slow is not lost");
    bed.assert_clean();
}

#[test]
fn under_approximate_what_was_sent_last_stands_in() {
    let bed = Bed::new();
    run(&bed, "--on-loss approximate --passes 8 --fault kill:w1@pass3").summary();
    let (fresh, stale) = (column(&bed, "rows_covered"), column(&bed, "rows_stale"));
    assert_eq!((fresh[0], stale[0]), (500, 0));
    assert!(fresh[2] < 500 && fresh[2] + stale[2] == 500, "{fresh:?} {stale:?}");
    assert!(fresh.iter().zip(&stale).all(|(fresh, stale)| fresh + stale == 500), "{fresh:?} {stale:?}");
    assert_eq!((fresh[7], stale[7]), (500, 0), "it is back");
    bed.assert_clean();
}

#[test]
fn a_deadline_ends_the_wait_for_a_pass_that_never_returns() {
    // User code that hangs in one process only: the second process of the worker gets through.
    for policy in ["restart", "ignore"] {
        let bed = Bed::new();
        let outcome = run(
            &bed,
            &format!("--on-loss {policy} --pass-deadline 700ms --passes 4 --worker-env w1:TESTBED_STUCK=2"),
        );
        outcome.summary();
        let rows = column(&bed, "rows_covered");
        match policy {
            "restart" => {
                assert!(rows.iter().all(|&rows| rows == 500), "{rows:?}");
                assert!(
                    events(&bed).contains("worker 1 did not finish pass 2 within 0.7 s; starting another")
                );
            }
            _ => assert!(rows[1] < 500, "{rows:?}"),
        }
        bed.assert_clean();
    }
}

#[test]
fn less_than_the_least_coverage_ends_the_job() {
    let bed = Bed::new();
    let outcome = run(&bed, "--on-loss ignore --min-coverage 90% --passes 5 --fault kill:w1@pass2");
    outcome.assert_failed(5, &["pass 2 covered ", "--min-coverage asks for 90%"]);
    assert!(!bed.path("model").exists());
    bed.assert_clean();
}

#[test]
fn a_spare_takes_over_without_a_load() {
    let undisturbed = Bed::new();
    run(&undisturbed, "--passes 5").summary();
    let bed = Bed::new();
    let outcome = run(&bed, "--on-loss restart --spare 3 --passes 5 --fault kill:w1@pass3,kill:w2@pass3");
    let summary = outcome.summary();
    let told = events(&bed);
    for (lost, spare) in [(1, 4), (2, 5)] {
        let expected = format!("worker {lost} was killed by signal 9");
        assert!(told.contains(&expected), "{told}");
        assert!(told.contains(&format!("the spare worker {spare} takes over; starting another")), "{told}");
    }
    assert_eq!(summary["passes"], 5);
    assert!(bed.model("model") == undisturbed.model("model"));
    bed.assert_clean();
}

#[test]
fn a_worker_that_stands_still_is_released_and_replaced() {
    let undisturbed = Bed::new();
    run(&undisturbed, "--passes 4").summary();
    for point in ["load", "pass2"] {
        let bed = Bed::new();
        run(&bed, &format!("--on-loss restart --worker-timeout 1s --passes 4 --fault hang:w1@{point}"))
            .summary();
        assert!(bed.model("model") == undisturbed.model("model"));
        bed.assert_clean();
    }
}

#[test]
fn quorum_and_restart_contradict_each_other() {
    let bed = Bed::new();
    let outcome = run(&bed, "--on-loss restart --quorum 0.9");
    outcome.assert_failed(2, &["--quorum goes on without late workers, and --on-loss restart waits for all"]);
}
