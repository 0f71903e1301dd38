//! What a pass of SGD costs on one core beside the same arithmetic in a bare loop: 200,000 rows, 12 million numbers.
//!
//! The two sides alternate over the same rows in memory: after each pass the worker runs the bare loop from the same state, checks
//! that it gives the same bits, and tells how long that took; the rest of the pass is the framework's. Run with `cargo bench -p sgd --bench pass`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../src/main.rs"]
#[expect(dead_code, reason = "main and the parts for prediction are not measured")]
mod sgd;

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use lapwing::load::SparseRows;
use lapwing::math::{LogSum, add_scaled, dot, logistic};
use lapwing::rng::Rng;
use lapwing::{Algorithm, At, Pass, Result, Step, Summary};
use sgd::{Epochs, Linear, Sgd};

const ROWS: u64 = 200_000;
const COLUMNS: u64 = 47_236;
const PASSES: usize = 21;

#[derive(clap::Args)]
struct Timed {
    #[command(flatten)]
    sgd: Sgd,
    /// Where to write how long the bare loop took
    #[arg(long)]
    times: PathBuf,
}

impl Algorithm for Timed {
    type Data = SparseRows;
    type Local = Vec<u32>;
    type State = Linear;
    /// The pass's own, how long the bare loop took, and all that is to be taken off the pass.
    type Update = (Epochs, f64, f64);
    type Memory = Vec<f64>;

    fn init(&self, summary: &Summary) -> Result<Linear> {
        self.sgd.init(summary)
    }

    fn pass(&self, data: &SparseRows, order: &mut Vec<u32>, state: &Linear, at: &At) -> Result<Self::Update> {
        let update = self.sgd.pass(data, order, state, at)?;
        let start = Instant::now();
        let (model, loss) = bare(data, state, at.pass);
        let seconds = start.elapsed().as_secs_f64();
        assert_eq!(loss, update.loss, "the bare loop computes the same objective");
        assert_eq!(model.weights, update.models.weights, "and the same model");
        Ok((update, seconds, start.elapsed().as_secs_f64()))
    }

    fn merge(&self, into: &mut Self::Update, other: Self::Update) {
        self.sgd.merge(&mut into.0, other.0);
    }

    fn step(
        &self,
        state: Linear,
        (update, seconds, off): Self::Update,
        times: &mut Vec<f64>,
        pass: &Pass,
    ) -> Result<Step<Linear>> {
        times.extend([seconds, off]);
        if pass.number as usize == PASSES {
            std::fs::write(&self.times, times.iter().map(|time| format!("{time}\n")).collect::<String>())?;
        }
        self.sgd.step(state, update, &mut (), pass)
    }
}

/// An epoch of SGD with the flags' defaults, written down plainly.
fn bare(data: &SparseRows, start: &Linear, pass: u32) -> (Linear, f64) {
    let mut order: Vec<u32> = (0..data.rows() as u32).collect();
    Rng::new(&[1, u64::from(pass), 0]).shuffle(&mut order);
    let (mut weights, mut intercept, mut scale) = (start.weights.clone(), start.intercept, 1.0f32);
    let (mut linear, mut logs) = (0.0f64, LogSum::new());
    for (label, columns, values) in data.in_order(&order) {
        let sign = if label > 0.0 { 1.0 } else { -1.0 };
        let before = logistic(sign * (dot(columns, values, &start.weights) + start.intercept));
        linear += f64::from(before.linear);
        logs.add(before.one_plus_e);
        let score = scale * dot(columns, values, &weights) + intercept;
        let step = -0.1 * (sign * logistic(sign * score).slope);
        scale *= 1.0 - 0.1 * 1e-4;
        if scale.abs() < 1e-3 {
            weights.iter_mut().for_each(|weight| *weight *= scale);
            scale = 1.0;
        }
        add_scaled(columns, values, step / scale, &mut weights);
        intercept += step;
    }
    let rows = data.rows() as f32;
    weights.iter_mut().for_each(|weight| *weight = *weight * scale * rows);
    (Linear { weights, intercept: intercept * rows, squares: Vec::new() }, linear + logs.total())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.get(1).is_some_and(|first| first == "--input") {
        return lapwing::main_from::<Timed>(arguments);
    }
    let folder = std::env::temp_dir().join(format!("lapwing-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let [input, times, report] = ["input.libsvm", "times", "report"].map(|name| folder.join(name));
    generate(&input);
    let text = |path: &Path| path.display().to_string();
    let status = Command::new(std::env::current_exe().expect("this program"))
        .args(["--input", &text(&input), "--times", &text(&times)])
        .args(["--report", &text(&report), "--progress", "never", "--master", "local[1]", "--splits", "1"])
        .args(["--columns", &COLUMNS.to_string(), "--passes", &PASSES.to_string()])
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.expect("the job starts").success(), "the job failed");
    let lines = |path: &Path| -> Vec<String> {
        std::fs::read_to_string(path).expect("the job wrote it").lines().map(str::to_owned).collect()
    };
    let times: Vec<f64> = lines(&times).iter().map(|line| line.parse().expect("a number")).collect();
    let seconds = lines(&report).into_iter().map(|line| {
        let pass: serde_json::Value = serde_json::from_str(&line).expect("a report line");
        pass["seconds"].as_f64().expect("seconds")
    });
    let pairs = seconds.zip(times.chunks(2)).map(|(pass, times)| (pass - times[1], times[0])).skip(2);
    let (ours, bare): (Vec<f64>, Vec<f64>) = pairs.unzip();
    let (ours, bare) = (median(ours), median(bare));
    let (ours_ms, bare_ms, count) = (ours * 1e3, bare * 1e3, PASSES - 2);
    println!(
        "pass {ours_ms:.1} ms, bare loop {bare_ms:.1} ms, ratio {:.3} (medians of {count})",
        ours / bare
    );
    let _ = std::fs::remove_dir_all(folder);
    ExitCode::SUCCESS
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// 60 numbers a row, low columns far more often than high ones, as words in texts are.
fn generate(path: &Path) {
    let mut file = BufWriter::new(std::fs::File::create(path).expect("the input can be written"));
    let mut rng = Rng::new(&[7]);
    for _ in 0..ROWS {
        let mut columns: Vec<u64> = (0..60)
            .map(|_| {
                let place = rng.uniform_f64();
                (place * place * place * COLUMNS as f64) as u64
            })
            .collect();
        columns.sort_unstable();
        columns.dedup();
        write!(file, "{}", if rng.below(2) == 0 { -1 } else { 1 }).expect("room on the disk");
        for column in columns {
            write!(file, " {}:0.{:04}", column + 1, rng.below(10_000)).expect("room on the disk");
        }
        writeln!(file).expect("room on the disk");
    }
    file.flush().expect("room on the disk");
}
