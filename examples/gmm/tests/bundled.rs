//! Gaussian mixtures on the bundled data.

use trial::{FAULTS, Trial};

fn trial() -> Trial {
    Trial::new(env!("CARGO_BIN_EXE_gmm"))
}

#[test]
fn same_bits_on_any_workers_and_after_failures() {
    trial().assert_same_bits("--input @iris.libsvm -k 3 --splits 5 --passes 8", FAULTS);
    trial().assert_same_bits("--input @breast_cancer.libsvm --covariance diag --splits 4 --passes 8", FAULTS);
}

#[test]
fn agrees_with_scikit_learn() {
    trial().check_in_python("gmm");
}

#[test]
fn the_likelihood_never_falls() {
    let trial = trial();
    for covariance in ["diag", "full"] {
        let flags = format!(
            "--input @iris.libsvm -k 3 --covariance {covariance} --passes 60 --gain 0 --report report"
        );
        trial.run(&flags);
        let report = std::fs::read_to_string(trial.path("report")).unwrap();
        let number = |line: &str| line.split("\"objective\":").nth(1)?.split(',').next()?.parse::<f64>().ok();
        let objectives: Vec<f64> = report.lines().filter_map(number).collect();
        // The regularisation may cost a little near the end.
        assert!(
            objectives.len() > 10 && objectives.is_sorted_by(|a, b| b - a < 1e-5),
            "{covariance}: {objectives:?}"
        );
    }
}

#[test]
fn too_many_components_are_refused() {
    let trial = trial();
    std::fs::write(trial.path("rows"), "0 1:1\n0 1:2\n").unwrap();
    trial.fails("--input rows -k 3", 6, &["the input has 2 rows", "-k"]);
}
