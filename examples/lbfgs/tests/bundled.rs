//! L-BFGS on the bundled data.

use trial::{FAULTS, Trial};

const DATA: &str = "--input @breast_cancer.libsvm";

fn trial() -> Trial {
    Trial::new(env!("CARGO_BIN_EXE_lbfgs"))
}

#[test]
fn same_bits_on_any_workers_and_after_failures() {
    trial().assert_same_bits(&format!("{DATA} --splits 5 --passes 12"), FAULTS);
}

#[test]
fn agrees_with_scikit_learn() {
    trial().check_in_python("lbfgs");
}

#[test]
fn hardly_any_pass_is_spent_on_looking() {
    let trial = trial();
    let run = trial.run(&format!("{DATA} --splits 3 --passes 200 --tolerance 1e-6 --report report"));
    let report = std::fs::read_to_string(trial.path("report")).unwrap();
    let searches = report.lines().filter(|line| line.contains("\"objective\":null")).count();
    let passes = run["passes"].as_u64().unwrap();
    assert!(passes < 120 && searches * 8 <= passes as usize, "{searches} of {passes} passes");
}

#[test]
fn predicts_and_stops_at_the_optimum() {
    let trial = trial();
    let run = trial.run(&format!("{DATA} --l2 0.01 --passes 500 --output model"));
    assert!(run["passes"].as_u64().unwrap() < 100, "stopped by itself: {run}");
    let scores = trial.run(&format!("{DATA} --predict model"));
    assert!(scores["accuracy"].as_f64().unwrap() > 0.96, "{scores}");
    assert!(scores["loss"].as_f64() < run["objective"].as_f64(), "{scores} {run}");
}

/// The optimum along the first direction is far nearer than the first search looks, and the best model knows only that 11 of 20
/// rows are positive.
#[test]
fn large_numbers_need_short_steps() {
    let trial = trial();
    for column in ["1:100", "1:1e6", "1:1e-3"] {
        let rows = (0..100).map(|i| format!("{} {column}\n", if i % 20 < 11 { 1 } else { -1 }));
        std::fs::write(trial.path("rows.libsvm"), rows.collect::<String>()).unwrap();
        let run = trial.run("--input rows.libsvm --l2 0 --passes 100");
        // -0.55 ln 0.55 - 0.45 ln 0.45
        let entropy = 0.688_138_813_713_588_4;
        let objective = run["objective"].as_f64().unwrap();
        assert!((objective - entropy).abs() < 1e-6, "{column}: {objective}, not {entropy}");
    }
}

#[test]
fn labels_of_one_class_are_refused() {
    let trial = trial();
    std::fs::write(trial.path("rows"), "1 1:1\n2 1:2\n").unwrap();
    trial.fails("--input rows", 6, &["all 2 labels are above 0", "--classes"]);
}

/// As text and as a table, cut at other rows: only the order of additions differs, and the optimum is one.
#[test]
fn the_optimum_does_not_depend_on_format_and_splits() {
    let trial = trial();
    let text = include_str!("../../data/breast_cancer.libsvm");
    let names: Vec<String> = (1..=30).map(|column| format!("x{column}")).collect();
    let mut lines = vec![format!("label,{}", names.join(","))];
    for row in text.lines() {
        let (label, numbers) = row.split_once(' ').unwrap();
        let mut cells = ["0"; 30];
        for number in numbers.split(' ') {
            let (column, value) = number.split_once(':').unwrap();
            cells[column.parse::<usize>().unwrap() - 1] = value;
        }
        lines.push(format!("{label},{}", cells.join(",")));
    }
    std::fs::write(trial.path("table.csv"), lines.join("\n")).unwrap();
    let predictions = |number: usize, data: &str, splits: u32| -> Vec<f64> {
        trial.run(&format!("{data} --splits {splits} --l2 0.01 --passes 500 --output model{number}"));
        trial.run(&format!("{DATA} --predict model{number} --output scores{number} --splits 1"));
        let scores = trial.path(&format!("scores{number}/part-00000"));
        std::fs::read_to_string(scores).unwrap().lines().map(|line| line.parse().unwrap()).collect()
    };
    let whole = predictions(0, DATA, 1);
    for (number, data, splits) in [(1, DATA, 3), (2, "--input table.csv", 3), (3, "--input table.csv", 7)] {
        let other = predictions(number, data, splits);
        let apart = whole.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(other.len() == 569 && apart <= 1e-6, "{data} --splits {splits}: {apart:e}");
    }
}

#[test]
fn more_than_two_classes() {
    let trial = trial();
    let flags = "--input @digits.libsvm --classes 10 --l2 0.01 --splits 5";
    // The memory is of several pieces, and the history is full, when the master is lost.
    let faults = ["kill:w1@pass2", "kill:master@pass14+1"];
    trial.assert_same_bits(&format!("{flags} --passes 16"), &faults);
    let run = trial.run(&format!("{flags} --passes 60 --output digits"));
    // scikit-learn's optimum: see check.py.
    assert!((0.738514..0.738525).contains(&run["objective"].as_f64().unwrap()), "{run}");
    let scores = trial.run("--input @digits.libsvm --classes 10 --predict digits");
    assert!(scores["accuracy"].as_f64().unwrap() > 0.94, "{scores}");
}
