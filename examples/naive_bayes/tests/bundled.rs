//! Naive Bayes on the bundled data.

use trial::{ONE_PASS_FAULTS, Trial};

fn trial() -> Trial {
    Trial::new(env!("CARGO_BIN_EXE_naive_bayes"))
}

#[test]
fn same_bits_on_any_workers_and_after_failures() {
    trial().assert_same_bits("--input @digits.libsvm --splits 5", ONE_PASS_FAULTS);
    // By species: no split has all classes.
    trial().assert_same_bits("--input @iris.libsvm --kind gaussian --splits 7", ONE_PASS_FAULTS);
}

#[test]
fn agrees_with_scikit_learn() {
    trial().check_in_python("naive_bayes");
}

#[test]
fn rows_that_are_only_scored_wait_for_the_first_model() {
    let run = trial().run("--input @digits.libsvm --validate @digits.libsvm");
    assert!(run["validate_accuracy"].as_f64() > Some(0.9), "{run}");
    assert!(run.get("validate_auc").is_none(), "of ten classes there is none: {run}");
}

#[test]
fn what_cannot_be_is_said() {
    let trial = trial();
    trial.fails("--input @breast_cancer.libsvm", 6, &["multinomial counts are at least 0", "--kind"]);
    std::fs::write(trial.path("rows"), "0 1:1\n1 2:1\n").unwrap();
    trial.fails("--input rows --alpha 0", 6, &["class 0 never has some column", "--alpha"]);
    trial.run("--input rows --output model");
    let scores = trial.run("--input rows --predict model");
    assert_eq!(scores["accuracy"], 1.0);
    std::fs::write(trial.path("wide"), "0 1:1 3:1\n").unwrap();
    trial.fails("--input wide --predict model", 6, &["3 columns", "trained on 2"]);
}
