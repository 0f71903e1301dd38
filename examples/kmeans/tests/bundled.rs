//! k-means on the bundled data.

use trial::{FAULTS, Trial};

const DATA: &str = "--input @digits.libsvm -k 10";

fn trial() -> Trial {
    Trial::new(env!("CARGO_BIN_EXE_kmeans"))
}

#[test]
fn same_bits_on_any_workers_and_after_failures() {
    trial().assert_same_bits(&format!("{DATA} --splits 5 --passes 9 --seed 3"), FAULTS);
}

#[test]
fn agrees_with_scikit_learn() {
    trial().check_in_python("kmeans");
}

#[test]
fn the_objective_falls_until_nothing_moves() {
    let trial = trial();
    let run =
        trial.run(&format!("{DATA} --splits 3 --passes 300 --movement 0 --report report --output model"));
    let report = std::fs::read_to_string(trial.path("report")).unwrap();
    let objective = |line: &str| {
        let number = line.split("\"objective\":").nth(1).unwrap().split(',').next().unwrap();
        number.parse::<f64>().ok()
    };
    let objectives: Vec<Option<f64>> = report.lines().map(objective).collect();
    assert_eq!(
        objectives.iter().take_while(|objective| objective.is_none()).count(),
        4,
        "the initialisation"
    );
    let falling: Vec<f64> = objectives.into_iter().flatten().collect();
    assert!(falling.len() < 290 && falling.is_sorted_by(|before, after| before >= after), "{falling:?}");
    assert!(run["objective"].as_f64().unwrap() <= falling[falling.len() - 1], "{run}");
}

#[test]
fn clusters_that_lose_their_rows_find_others() {
    let trial = trial();
    // Five heaps of the same row each, and one row far away: with k of 6 each must get a centre.
    let text: String =
        [0, 10, 20, 30, 40].iter().map(|place| format!("0 1:{place} 2:1\n").repeat(40)).collect();
    std::fs::write(trial.path("heaps"), text + "0 1:1000\n").unwrap();
    for seed in 1..20 {
        let run = trial.run(&format!("--input heaps -k 6 --passes 100 --seed {seed} --splits 3"));
        assert_eq!(run["objective"], 0.0, "seed {seed}");
    }
    trial.fails("--input heaps -k 500 --passes 100", 6, &["different rows were found", "--k"]);
    trial.fails("--input @iris.libsvm -k 150", 6, &["only 149 different rows were found"]);
    std::fs::write(trial.path("bare"), "1\n0\n1\n").unwrap();
    trial.fails("--input bare -k 2", 6, &["no row of the input has a feature"]);
    trial.fails("--input heaps --passes 2 --output model", 6, &["--passes must be at least 4"]);
}
