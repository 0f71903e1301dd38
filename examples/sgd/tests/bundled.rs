//! The example on the bundled data, so that it cannot rot.

use std::f64::consts::LN_2;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/breast_cancer.libsvm");

/// Runs `sgd` on the bundled data and returns its summary.
fn sgd(flags: &str, directory: &Path) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sgd"));
    command.args(["--input", DATA, "--progress", "never", "--master", "local[2]"]);
    let output = command.args(flags.split(' ')).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn reaches_the_stated_objective_and_predicts() {
    let directory = tempfile::tempdir().unwrap();
    // The command of the README.
    let run = sgd("--passes 10 --splits 4 --decay 0.2 --output model --report report", directory.path());
    let objective = run["objective"].as_f64().unwrap();
    assert!((0.063..0.136).contains(&objective), "{run}");
    let report = std::fs::read_to_string(directory.path().join("report")).unwrap();
    let lines: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let objectives: Vec<f64> = lines.iter().map(|line| line["objective"].as_f64().unwrap()).collect();
    assert_eq!(objectives.len(), 10);
    // The state of the first pass is 0, where the logistic loss is ln 2.
    assert!((objectives[0] - LN_2).abs() < 1e-9, "{objectives:?}");
    assert!(objectives.is_sorted_by(|before, after| before > after), "{objectives:?}");

    let scores = sgd("--predict model", directory.path());
    assert!(scores["accuracy"].as_f64().unwrap() > 0.96, "{scores}");
    assert!(scores["auc"].as_f64().unwrap() > 0.99, "{scores}");
    assert!(scores["loss"].as_f64().unwrap() < objective, "{scores}");
}

#[test]
fn every_loss_falls() {
    let directory = tempfile::tempdir().unwrap();
    // What the model of zeros costs, and a little less than the optimum.
    for (flags, zeros, optimum) in [
        ("--loss hinge --rate 0.1", 1.0, 0.13118),
        ("--loss squared --rate 0.01", 0.5, 0.12752),
        ("--loss logistic --no-intercept", LN_2, 0.2286),
    ] {
        let run = sgd(&format!("{flags} --l2 0.01 --passes 10 --splits 2"), directory.path());
        let objective = run["objective"].as_f64().unwrap();
        assert!((optimum..zeros / 2.0).contains(&objective), "{flags}: {run}");
    }
}

#[test]
fn other_steps_come_near_the_optimum_too() {
    let directory = tempfile::tempdir().unwrap();
    // The optimum is 0.196038784; see the README.
    for steps in ["--steps averaged --rate 0.5 --decay 0.05", "--steps adagrad --rate 0.3"] {
        let run = sgd(&format!("{steps} --l2 0.01 --passes 300 --splits 2"), directory.path());
        let objective = run["objective"].as_f64().unwrap();
        assert!((0.196038..0.198).contains(&objective), "{steps}: {run}");
    }
}

#[test]
fn a_point_that_diverges_leaves_the_others_alone() {
    let directory = tempfile::tempdir().unwrap();
    for loss in ["squared", "logistic"] {
        let flags = format!("--passes 4 --splits 2 --loss {loss} --overwrite");
        let run = sgd(&format!("{flags} --sweep rate=0.001,1e30 --output all"), directory.path());
        let points = run["sweep"].as_array().unwrap();
        assert_eq!(points[0]["name"], "rate=0.001", "the best first: {run}");
        assert!(points[1]["failed"] == true && points[1]["objective"].is_null(), "{run}");
        sgd(&format!("{flags} --rate 0.001 --output alone"), directory.path());
        let model = |path: &str| std::fs::read(directory.path().join(path).join("model.npz"));
        assert!(model("all/rate=0.001").unwrap() == model("alone").unwrap(), "{loss}");
        assert!(model("all/rate=1e30").is_err());
    }
}

#[test]
fn points_that_share_their_scans_have_the_bits_of_their_own_jobs() {
    let directory = tempfile::tempdir().unwrap();
    let flags = "--passes 3 --splits 4 --l2 0.01";
    for (axis, values) in [("rate", ["0.05", "0.3"]), ("steps", ["plain", "averaged"])] {
        sgd(
            &format!("{flags} --sweep {axis}={} --output all --overwrite", values.join(",")),
            directory.path(),
        );
        for value in values {
            sgd(&format!("{flags} --{axis} {value} --output alone --overwrite"), directory.path());
            let model = |path: String| std::fs::read(directory.path().join(path).join("model.npz")).unwrap();
            assert!(model(format!("all/{axis}={value}")) == model("alone".to_owned()), "{axis}={value}");
        }
    }
}
