//! PageRank on the bundled data.

use trial::{FAULTS, Trial};

fn trial() -> Trial {
    Trial::new(env!("CARGO_BIN_EXE_pagerank"))
}

#[test]
fn same_bits_on_any_workers_and_after_failures() {
    trial().assert_same_bits("--input @karate.edges --splits 5 --passes 20", FAULTS);
    trial().assert_same_bits("--input @karate.edges --undirected --splits 4 --passes 20", FAULTS);
}

#[test]
fn agrees_with_networkx() {
    trial().check_in_python("pagerank");
}

#[test]
fn bad_edges_are_bad_input() {
    let trial = trial();
    std::fs::write(trial.path("graph"), "0 1\n1 x\n").unwrap();
    trial.fails("--input graph", 3, &["graph:2:3: expected a node", "found \"x\""]);
    std::fs::write(trial.path("graph"), "0 1\n1 7\n").unwrap();
    trial.fails("--input graph --columns 7", 3, &["graph:2:3: expected a node, a whole number below 7"]);
}
