//! The rival without any framework: one thread, one loop over the rows in memory, written with all that makes such a loop
//! quick. It runs in a process of its own, as the others do.

use std::time::Instant;

use anyhow::Result;
use lapwing::load::{Format, Load, LoadOptions, SparseRows};
use lapwing::math::{LogSum, add_scaled, dot, logistic};
use lapwing::rng::Rng;
use lapwing::split::{Range, Split};
use serde::{Deserialize, Serialize};

use crate::journal::PassTime;

/// What one run told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) load_seconds: f64,
    pub(crate) passes: Vec<PassTime>,
}

/// The whole of a local file in memory.
pub(crate) fn load(path: &str) -> Result<SparseRows> {
    let metadata = std::fs::metadata(path)?;
    let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_millis() as u64;
    let (length, path) = (metadata.len(), path.to_owned());
    let range =
        Range { path, offset: 0, length, file_length: length, modified_ms: modified, hosts: Vec::new() };
    let options = LoadOptions::new(Format::Libsvm);
    Ok(SparseRows::load(&Split { number: 0, ranges: vec![range] }, &options)?.0)
}

/// Loads and trains; `at` counts from the start of the process.
pub(crate) fn run(path: &str, algorithm: &str, passes: u32, l2: f64) -> Result<Told> {
    let start = Instant::now();
    let data = load(path)?;
    let load_seconds = start.elapsed().as_secs_f64();
    let mut clock = Clock { start, last: Instant::now(), passes: Vec::new() };
    match algorithm {
        "sgd" => sgd(&data, passes, l2 as f32, &mut clock),
        _ => lbfgs(&data, passes as usize, l2, &mut clock),
    }
    Ok(Told { load_seconds, passes: clock.passes })
}

struct Clock {
    start: Instant,
    last: Instant,
    passes: Vec<PassTime>,
}

impl Clock {
    fn pass(&mut self, objective: f64) {
        let seconds = self.last.elapsed().as_secs_f64();
        let at = self.start.elapsed().as_secs_f64();
        self.passes.push(PassTime { at, seconds, compute_seconds: seconds, objective: Some(objective) });
        self.last = Instant::now();
    }
}

/// Epochs over all rows in a new order each, with a step size of 0.1; the penalty shrinks one factor of all weights. The
/// objective is that of the running model, as each row meets it.
fn sgd(data: &SparseRows, passes: u32, l2: f32, clock: &mut Clock) {
    const RATE: f32 = 0.1;
    let mut weights = vec![0.0f32; data.columns() as usize];
    let (mut scale, mut intercept) = (1.0f32, 0.0f32);
    let mut order: Vec<u32> = (0..data.rows() as u32).collect();
    for pass in 1..=passes {
        Rng::new(&[1, u64::from(pass), 0]).shuffle(&mut order);
        let squares: f64 = weights.iter().map(|w| f64::from(w * scale) * f64::from(w * scale)).sum();
        let (mut linear, mut logs) = (0.0f64, LogSum::new());
        for (label, columns, values) in data.in_order(&order) {
            let loss = logistic(label * (scale * dot(columns, values, &weights) + intercept));
            linear += f64::from(loss.linear);
            logs.add(loss.one_plus_e);
            let slope = RATE * label * loss.slope;
            scale *= 1.0 - RATE * l2;
            add_scaled(columns, values, -slope / scale, &mut weights);
            intercept -= slope;
        }
        let rows = data.rows() as f64;
        clock.pass((linear + logs.total()) / rows + 0.5 * f64::from(l2) * squares);
    }
}

/// Limited-memory BFGS with ten pairs and halved steps; every evaluation is a pass.
fn lbfgs(data: &SparseRows, passes: usize, l2: f64, clock: &mut Clock) {
    let mut point = vec![0.0f64; data.columns() as usize + 1];
    let (mut value, mut gradient) = evaluate(data, &point, l2);
    clock.pass(value);
    let mut pairs: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    while clock.passes.len() < passes {
        let direction = direction(&gradient, &pairs);
        let slope = product(&gradient, &direction);
        let mut step = if pairs.is_empty() { 1.0 / product(&gradient, &gradient).sqrt() } else { 1.0 };
        let (next, next_value, next_gradient) = loop {
            let next: Vec<f64> = point.iter().zip(&direction).map(|(x, d)| x + step * d).collect();
            let (next_value, next_gradient) = evaluate(data, &next, l2);
            clock.pass(next_value);
            if next_value <= value + 1e-4 * step * slope || clock.passes.len() >= passes {
                break (next, next_value, next_gradient);
            }
            step *= 0.5;
        };
        let moved: Vec<f64> = next.iter().zip(&point).map(|(a, b)| a - b).collect();
        let turned: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        if product(&moved, &turned) > 0.0 {
            pairs.push((moved, turned));
            if pairs.len() > 10 {
                pairs.remove(0);
            }
        }
        (point, value, gradient) = (next, next_value, next_gradient);
    }
}

fn evaluate(data: &SparseRows, point: &[f64], l2: f64) -> (f64, Vec<f64>) {
    let short: Vec<f32> = point.iter().map(|&x| x as f32).collect();
    let (intercept, weights) = short.split_last().expect("an intercept");
    let mut sums = vec![0.0f64; short.len()];
    let (mut linear, mut logs) = (0.0f64, LogSum::new());
    for (label, columns, values) in data.iter() {
        let loss = logistic(label * (dot(columns, values, weights) + intercept));
        linear += f64::from(loss.linear);
        logs.add(loss.one_plus_e);
        let slope = label * loss.slope;
        for (&column, &value) in columns.iter().zip(values) {
            sums[column as usize] += f64::from(slope * value);
        }
        sums[weights.len()] += f64::from(slope);
    }
    let rows = data.rows() as f64;
    let penalised = &point[..weights.len()];
    let mut gradient: Vec<f64> = sums.iter().map(|sum| sum / rows).collect();
    gradient.iter_mut().zip(penalised).for_each(|(slope, x)| *slope += l2 * x);
    ((linear + logs.total()) / rows + 0.5 * l2 * product(penalised, penalised), gradient)
}

/// The two loops of Nocedal.
fn direction(gradient: &[f64], pairs: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::new();
    for (moved, turned) in pairs.iter().rev() {
        let share = product(moved, &q) / product(moved, turned);
        q.iter_mut().zip(turned).for_each(|(q, y)| *q -= share * y);
        shares.push(share);
    }
    if let Some((moved, turned)) = pairs.last() {
        let scale = product(moved, turned) / product(turned, turned);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((moved, turned), share) in pairs.iter().zip(shares.iter().rev()) {
        let back = product(turned, &q) / product(moved, turned);
        q.iter_mut().zip(moved).for_each(|(q, s)| *q += (share - back) * s);
    }
    q
}

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/breast_cancer.libsvm");

    #[test]
    fn both_loops_go_down() {
        for algorithm in ["sgd", "lbfgs"] {
            let told = run(DATA, algorithm, 12, 1e-4).unwrap();
            let objectives: Vec<f64> = told.passes.iter().map(|pass| pass.objective.unwrap()).collect();
            assert_eq!(objectives.len(), 12);
            assert!(objectives[11] < 0.8 * objectives[0], "{algorithm}: {objectives:?}");
        }
    }
}
