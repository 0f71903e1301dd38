//! Rows that are only scored, and grids of flags over one load: each model has the bits that its flags alone give.

use std::fs;

use serde_json::Value;

use super::support::Bed;

const JOB: &str = "--input table --splits 5 --master local[2] --passes 4";

fn model(bed: &Bed, path: &str) -> [Vec<u8>; 2] {
    ["model.npz", "model.json"].map(|file| fs::read(bed.path(path).join(file)).unwrap())
}

#[test]
fn scored_rows_change_no_bit_and_are_not_counted() {
    let bed = Bed::new();
    bed.put("held/out.libsvm", &fs::read_to_string(bed.path("table/b.libsvm")).unwrap());
    let plain = bed.run(&format!("{JOB} --output plain --report plain.report")).summary();
    let scored = bed.run(&format!("{JOB} --output scored --report scored.report --validate held")).summary();
    assert!(model(&bed, "plain") == model(&bed, "scored"));
    for key in ["rows", "splits", "columns", "objective", "passes", "input_bytes"] {
        assert_eq!(plain[key], scored[key], "{key}");
    }
    for (plain, scored) in bed.report("plain.report").iter().zip(bed.report("scored.report")) {
        for key in ["objective", "rows_covered", "splits_covered", "rows", "splits"] {
            assert_eq!(plain[key], scored[key], "{key}");
        }
        assert!(plain.get("validate_loss").is_none() && scored["validate_loss"].is_number());
    }
    assert!(scored["validate_loss"].is_number() && scored["validate_accuracy"].is_number(), "{scored}");
    bed.assert_clean();
}

#[test]
fn what_is_scored_is_what_predict_says_of_the_same_model() {
    let bed = Bed::new();
    let summary = bed.run(&format!("{JOB} --output model --validate table/b.libsvm")).summary();
    let predicted = bed.run("--input table/b.libsvm --predict model --master local[2]").summary();
    assert_eq!(summary["validate_loss"], predicted["loss"]);
    assert_eq!(summary["validate_auc"], predicted["auc"]);
}

#[test]
fn each_point_of_a_sweep_has_the_bits_of_its_own_job() {
    let bed = Bed::new();
    let grid = "--sweep rate=0.01,0.2,0.05 --sweep floats=0,50";
    let outcome = bed.run(&format!("{JOB} {grid} --validate table/b.libsvm --output all --report report"));
    let summary = outcome.summary();
    let points = summary["sweep"].as_array().unwrap().clone();
    assert_eq!(points.len(), 6);
    let losses: Vec<f64> = points.iter().map(|point| point["validate_loss"].as_f64().unwrap()).collect();
    assert!(losses.is_sorted(), "the best first: {losses:?}");
    assert!(outcome.stderr.contains("point, the best first"), "{}", outcome.stderr);
    for point in points {
        let name = point["name"].as_str().unwrap();
        let flags: String =
            name.split(',').map(|setting| format!(" --{}", setting.replace('=', " "))).collect();
        let alone =
            bed.run(&format!("{JOB} {flags} --output alone --overwrite --report alone.report")).summary();
        assert!(model(&bed, &format!("all/{name}")) == model(&bed, "alone"), "{name}");
        assert_eq!(point["objective"], alone["objective"], "{name}");
        let text = fs::read_to_string(bed.path(&format!("all/{name}/_report/report.jsonl"))).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let objectives =
            |lines: &[Value]| lines.iter().map(|line| line["objective"].clone()).collect::<Vec<_>>();
        assert_eq!(objectives(&lines), objectives(&bed.report("alone.report")), "{name}");
        assert_eq!(lines[3]["state_digest"], alone["state_digest"], "{name}");
    }
    bed.assert_clean();
}

#[test]
fn points_end_at_their_own_tolerance_and_survive_a_master() {
    let bed = Bed::new();
    let job = "--input table --splits 5 --master local[2] --passes 60 --tolerance 1e-4 --on-loss restart";
    let faults = "--fault kill:master@pass3+1,kill:w1@pass5";
    let summary = bed.run(&format!("{job} --sweep rate=0.001,0.5 --output all {faults}")).summary();
    assert_eq!(summary["attempts"], 2);
    let mut passes = Vec::new();
    for rate in ["0.001", "0.5"] {
        let alone = bed.run(&format!("{job} --rate {rate} --output alone --overwrite")).summary();
        assert!(model(&bed, &format!("all/rate={rate}")) == model(&bed, "alone"), "{rate}");
        let points = summary["sweep"].as_array().unwrap();
        let own = points.iter().find(|point| point["name"] == format!("rate={rate}")).unwrap();
        assert_eq!(own["passes"], alone["passes"], "{rate}");
        passes.push(alone["passes"].as_u64().unwrap());
    }
    assert_ne!(passes[0], passes[1], "one of them went on without the other");
}

#[test]
fn a_flag_that_the_algorithm_does_not_have_is_refused() {
    let bed = Bed::new();
    for foreign in ["nonsense=1,2", "passes=1,2", "seed=1,2", "output=a,b"] {
        bed.run(&format!("{JOB} --sweep {foreign}"))
            .assert_failed(2, &["is over the algorithm's own flags: "]);
    }
    bed.run(&format!("{JOB} --sweep rate=1,1")).assert_failed(2, &["a value stands there twice"]);
    bed.run(&format!("{JOB} --sweep rate=1,2 --sweep rate=3")).assert_failed(2, &["has its values already"]);
    bed.run(&format!("{JOB} --sweep rate=fast")).assert_failed(2, &["invalid value 'fast' for '--rate"]);
    bed.run(&format!("{JOB} --sweep rate")).assert_failed(2, &["expected a flag and its values"]);
    bed.run(&format!("{JOB} --validate nowhere")).assert_failed(3, &["nowhere"]);
}
