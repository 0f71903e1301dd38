//! The scan of a pass of L-BFGS beside bare loops over the same rows on one core: 200,000 rows of 47,236 columns, 12 million
//! numbers. Run with `cargo bench -p lbfgs --bench pass`.
#![allow(missing_docs)]

#[path = "../src/scan.rs"]
#[expect(dead_code, reason = "predictions are not measured")]
mod scan;

use lapwing::load::SparseRows;
use lapwing::math::{add_scaled, dot, logistic};
use trial::bench;

const COLUMNS: u32 = 47_236;
const ROUNDS: usize = 21;

fn main() {
    let data: SparseRows =
        bench::rows(200_000, COLUMNS, |rng, text| bench::sparse_row(COLUMNS, 62, rng, text));
    let point: Vec<f32> = (0..=COLUMNS).map(|column| ((column % 7) as f32 - 3.0) * 0.1).collect();
    let along: Vec<f32> = (0..=COLUMNS).map(|column| ((column % 5) as f32 - 2.0) * 0.1).collect();
    let ours = || scan::gradient(&data, &point, true);
    let naive = bench::alternate(ROUNDS, ours, || naive(&data, &point));
    bench::print("pass beside the textbook's loop (system's exp and ln, f64)", naive);
    bench::print(
        "pass beside the tuned loop (f32 sums, row by row)",
        bench::alternate(ROUNDS, ours, || tuned(&data, &point)),
    );
    let search = || scan::losses(&data, &point, &along, &[0.5, 0.25, 0.125, 0.1, 0.05, 0.03, 0.01, 0.008]);
    bench::print("search over eight steps beside a pass", bench::alternate(ROUNDS, search, ours));
}

/// As one writes it down.
#[allow(clippy::disallowed_methods, reason = "the rival uses the system's functions")]
fn naive(data: &SparseRows, point: &[f32]) -> (Vec<f64>, f64) {
    let (mut gradient, mut loss) = (vec![0.0f64; point.len()], 0.0f64);
    let last = point.len() - 1;
    for (label, columns, values) in data.iter() {
        let mut score = f64::from(point[last]);
        for (column, value) in columns.iter().zip(values) {
            score += f64::from(*value) * f64::from(point[*column as usize]);
        }
        let margin = f64::from(label) * score;
        loss += if margin > 0.0 { (-margin).exp().ln_1p() } else { margin.exp().ln_1p() - margin };
        let slope = f64::from(-label) / (1.0 + margin.exp());
        for (column, value) in columns.iter().zip(values) {
            gradient[*column as usize] += slope * f64::from(*value);
        }
        gradient[last] += slope;
    }
    (gradient, loss)
}

/// With all that makes it quick, in f32 throughout: our functions, four lanes, no blocks.
fn tuned(data: &SparseRows, point: &[f32]) -> (Vec<f32>, f64) {
    let (mut gradient, mut linear, mut logs) =
        (vec![0.0f32; point.len()], 0.0f64, lapwing::math::LogSum::new());
    let last = point.len() - 1;
    for (label, columns, values) in data.iter() {
        let loss = logistic(label * (dot(columns, values, &point[..last]) + point[last]));
        linear += f64::from(loss.linear);
        logs.add(loss.one_plus_e);
        let slope = label * loss.slope;
        add_scaled(columns, values, slope, &mut gradient);
        gradient[last] += slope;
    }
    (gradient, linear + logs.total())
}
