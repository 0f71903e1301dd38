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

/// The loader is this example's own: no header, no label is looked for.
#[test]
fn edges_may_be_called_csv() {
    let trial = trial();
    std::fs::write(trial.path("graph.csv"), "0,1\n1,2\n2,0\n").unwrap();
    assert_eq!(trial.run("--input graph.csv --passes 2")["rows"], 3);
}

#[test]
fn bad_edges_are_bad_input() {
    let trial = trial();
    std::fs::write(trial.path("graph"), "0 1\n1 x\n").unwrap();
    trial.fails("--input graph", 3, &["graph:2:3: expected a node", "found \"x\""]);
    std::fs::write(trial.path("graph"), "0 1\n1 7\n").unwrap();
    trial.fails("--input graph --columns 7", 3, &["graph:2:3: expected a node, a whole number below 7"]);
}
