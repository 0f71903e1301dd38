//! A sweep of ten points over one load, beside ten jobs that each load: what it takes against one load and the sum of the passes.
//!
//! Jobs on this machine, one worker, in turn; run with `cargo bench -p sgd --bench sweep`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const ROWS: u32 = 200_000;
const PASSES: &str = "4";
const RATES: [&str; 5] = ["0.01", "0.03", "0.1", "0.3", "1"];
const PENALTIES: [&str; 2] = ["1e-5", "1e-3"];
const ROUNDS: usize = 3;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("data.libsvm");
    std::fs::write(&input, text()).expect("an input");
    // Plain steps share their scans, averaged ones do not.
    for (steps, scans) in [("plain", "shared"), ("averaged", "not shared")] {
        let mut ratios: Vec<f64> = (0..ROUNDS).map(|_| round(&input, steps)).collect();
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ROUNDS / 2];
        println!(
            "10 points, {PASSES} passes, {steps} steps, scans {scans}: median ratio {median:.2} of {ROUNDS}"
        );
    }
}

/// What the sweep takes over one load and all passes of ten jobs.
fn round(input: &Path, steps: &str) -> f64 {
    let alone = RATES.iter().flat_map(|rate| PENALTIES.map(|l2| (rate, l2)));
    let alone: Vec<(f64, f64)> =
        alone.map(|(rate, l2)| job(input, &["--steps", steps, "--rate", rate, "--l2", l2])).collect();
    let grid = [format!("rate={}", RATES.join(",")), format!("l2={}", PENALTIES.join(","))];
    let (load, passes) = job(input, &["--steps", steps, "--sweep", &grid[0], "--sweep", &grid[1]]);
    let mut loads: Vec<f64> = alone.iter().map(|(load, _)| *load).collect();
    loads.sort_by(f64::total_cmp);
    let one = loads[loads.len() / 2];
    let all: f64 = alone.iter().map(|(_, passes)| passes).sum();
    let ratio = (load + passes) / (one + all);
    println!(
        "sweep: load {load:.2} s, passes {passes:.2} s; alone: a load {one:.2} s, all passes {all:.2} s; ratio {ratio:.2}"
    );
    ratio
}

/// Seconds of the load and of the passes.
fn job(input: &Path, flags: &[&str]) -> (f64, f64) {
    let output = Command::new(env!("CARGO_BIN_EXE_sgd"))
        .args(["--master", "local[1]", "--passes", PASSES, "--progress", "never", "--input"])
        .arg(input)
        .args(flags)
        .output()
        .expect("the job starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: Value = serde_json::from_slice(&output.stdout).expect("a summary");
    let seconds = |key: &str| summary[key].as_f64().expect("seconds");
    (seconds("load_seconds"), seconds("train_seconds"))
}

/// 60 numbers to a row.
fn text() -> String {
    let mut text = String::new();
    let mut random = 12345u32;
    for _ in 0..ROWS {
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        text.push_str(if next(2) == 0 { "-1" } else { "+1" });
        let mut column = 0;
        for _ in 0..60 {
            column += 1 + next(1500);
            let _ = write!(text, " {column}:{}.{:03}", next(2), next(1000));
        }
        text.push('\n');
    }
    text
}
