//! Ridge regression on the bundled data.

use trial::Trial;

fn trial() -> Trial {
    Trial::new(env!("CARGO_BIN_EXE_ridge"))
}

#[test]
fn same_bits_on_any_workers_and_after_failures() {
    trial().assert_same_bits(
        "--input @diabetes.libsvm --splits 5",
        &["kill:w1@pass1", "kill:w0@load,kill:w2@pass1"],
    );
}

#[test]
fn agrees_with_scikit_learn() {
    trial().check_in_python("ridge");
}

#[test]
fn one_pass_is_enough_and_more_penalty_costs_more() {
    let trial = trial();
    let mut last = 0.0;
    for l2 in ["1e-6", "1e-3", "1"] {
        let run =
            trial.run(&format!("--input @diabetes.libsvm --l2 {l2} --passes 9 --output model --overwrite"));
        assert_eq!(run["passes"], 1);
        let scores = trial.run("--input @diabetes.libsvm --predict model");
        let (objective, loss) = (run["objective"].as_f64().unwrap(), scores["loss"].as_f64().unwrap());
        assert!(loss <= objective && objective > last, "{run} {scores}");
        last = objective;
    }
}

#[test]
fn dependent_columns_need_a_penalty() {
    let trial = trial();
    std::fs::write(trial.path("rows"), "1 1:1 2:2\n2 1:2 2:4\n4 1:3 2:6\n").unwrap();
    trial.fails("--input rows --l2 0", 6, &["column 2 depends on columns before it", "--l2"]);
    trial.run("--input rows --l2 1e-6");
}
