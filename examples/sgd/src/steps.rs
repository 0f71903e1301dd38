//! Other ways to step than plain SGD's. Both return the model that an epoch leads to.

use lapwing::load::SparseRows;
use lapwing::math::{add_scaled, dot};

use super::Linear;

/// How an epoch steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Steps {
    /// One step size for all columns; the epoch's result is its last model
    Plain,
    /// The same steps; the result is the average of the models after each of them
    Averaged,
    /// A step size for each column, the rate over the root of its squared gradients so far
    Adagrad,
}

/// Averaging as it happens costs one more addition per number: with u_t the size of the t-th change, the sum of the models after each
/// step is (sum of scales) * last - (sum of u_t times the sum of scales before it). (Polyak and Juditsky, "Acceleration of Stochastic
/// Approximation by Averaging", 1992; the trick is Xu's, "Towards Optimal One Pass Large Scale Learning with Averaged Stochastic
/// Gradient Descent", 2011.)
pub(crate) fn averaged(
    data: &SparseRows,
    order: &[u32],
    start: &Linear,
    rate: f32,
    l2: f32,
    intercept: bool,
    mut slope: impl FnMut(f32, f32, f32) -> f32,
) -> Linear {
    let columns = start.weights.len();
    let mut model = start.clone();
    let (mut scale, mut scales, mut early) = (1.0f32, 0.0f64, vec![0.0f32; columns]);
    let (mut sums, mut intercepts) = (vec![0.0f64; columns], 0.0f64);
    let collect = |sums: &mut [f64], weights: &[f32], early: &mut [f32], scales: f64| {
        for ((sum, &weight), early) in sums.iter_mut().zip(weights).zip(early) {
            *sum += scales * f64::from(weight) - f64::from(std::mem::take(early));
        }
    };
    for (label, columns, values) in data.in_order(order) {
        let before = dot(columns, values, &start.weights) + start.intercept;
        let score = scale * dot(columns, values, &model.weights) + model.intercept;
        let step = -rate * slope(before, score, label);
        scale *= 1.0 - rate * l2;
        if scale.abs() < 1e-3 {
            collect(&mut sums, &model.weights, &mut early, scales);
            model.weights.iter_mut().for_each(|weight| *weight *= scale);
            (scale, scales) = (1.0, 0.0);
        }
        add_scaled(columns, values, step / scale, &mut model.weights);
        add_scaled(columns, values, step / scale * scales as f32, &mut early);
        scales += f64::from(scale);
        if intercept {
            model.intercept += step;
        }
        intercepts += f64::from(model.intercept);
    }
    collect(&mut sums, &model.weights, &mut early, scales);
    let count = order.len().max(1) as f64;
    if !order.is_empty() {
        model.weights = sums.iter().map(|sum| (sum / count) as f32).collect();
        model.intercept = (intercepts / count) as f32;
    }
    model
}

/// Duchi, Hazan, Singer: "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011. The penalty of the rows since a
/// column last occurred is made up for in one proximal step when it occurs again, so that a row costs no more than its numbers. The
/// splits' squared gradients are averaged with their models, so that all begin a pass with the same step sizes.
pub(crate) fn adagrad(
    data: &SparseRows,
    order: &[u32],
    start: &Linear,
    rate: f32,
    l2: f32,
    intercept: bool,
    mut slope: impl FnMut(f32, f32, f32) -> f32,
) -> Linear {
    let mut model = start.clone();
    let (last, mut seen) = (start.weights.len(), vec![0u32; start.weights.len()]);
    model.squares.resize(last + 1, 0.0);
    let squares = &mut model.squares;
    let shrunk =
        |weight: f32, square: f32, rows: u32| weight / (1.0 + own_rate(rate, square) * l2 * rows as f32);
    for ((label, columns, values), now) in data.in_order(order).zip(1u32..) {
        let before = dot(columns, values, &start.weights) + start.intercept;
        for &column in columns {
            let column = column as usize;
            model.weights[column] = shrunk(model.weights[column], squares[column], now - seen[column]);
            seen[column] = now;
        }
        let slope = slope(before, dot(columns, values, &model.weights) + model.intercept, label);
        for (&column, &value) in columns.iter().zip(values) {
            let (column, gradient) = (column as usize, slope * value);
            squares[column] += gradient * gradient;
            model.weights[column] -= own_rate(rate, squares[column]) * gradient;
        }
        if intercept {
            squares[last] += slope * slope;
            model.intercept -= own_rate(rate, squares[last]) * slope;
        }
    }
    for ((weight, &square), &seen) in model.weights.iter_mut().zip(&*squares).zip(&seen) {
        *weight = shrunk(*weight, square, order.len() as u32 - seen);
    }
    model
}

/// The step size of a column; 0 before it has had any gradient.
fn own_rate(rate: f32, square: f32) -> f32 {
    if square > 0.0 { rate / square.sqrt() } else { 0.0 }
}
