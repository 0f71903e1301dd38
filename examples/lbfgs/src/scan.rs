//! The scans over rows. A point holds a weight for each column, then the intercept.

use lapwing::load::SparseRows;
use lapwing::math::{LogSum, dot, exp_f32, logistic};
use lapwing::{Prediction, Result};

/// Sums over rows.
#[lapwing::wire]
pub(crate) struct Sums {
    /// The loss at the broadcast point; in a search first at its start, then at each of its steps.
    pub(crate) losses: Vec<f64>,
    /// The gradient of the loss at the broadcast point, the intercept's last; empty in a search.
    pub(crate) gradient: Vec<f64>,
    pub(crate) rows: u64,
    /// Rows of the positive class, of two.
    pub(crate) positive: u64,
}

/// Rows whose margins are computed together, then their functions, then their share of the gradient: the three kinds of work
/// do not wait for each other, and the rows are still in the first cache.
const BLOCK: usize = 64;

/// The loss and its gradient at a point.
pub(crate) fn gradient(data: &SparseRows, point: &[f32], intercept: bool) -> Sums {
    let (bias, weights) = point.split_last().expect("a point has an intercept");
    let mut gradient = vec![0.0f64; point.len()];
    let (mut loss, mut slopes) = (Loss::default(), 0.0f64);
    let mut coefficients = [0.0f32; BLOCK];
    for start in (0..data.rows()).step_by(BLOCK) {
        let rows = start..data.rows().min(start + BLOCK);
        for (coefficient, row) in coefficients.iter_mut().zip(rows.clone()) {
            let (_, columns, values) = data.row(row);
            *coefficient = dot(columns, values, weights) + bias;
        }
        for (coefficient, &label) in coefficients.iter_mut().zip(&data.labels()[rows.clone()]) {
            let sign = sign(label);
            *coefficient = sign * loss.add(sign * *coefficient);
            slopes += f64::from(*coefficient);
        }
        for (&coefficient, row) in coefficients.iter().zip(rows) {
            let (_, columns, values) = data.row(row);
            for (&column, &value) in columns.iter().zip(values) {
                gradient[column as usize] += f64::from(coefficient * value);
            }
        }
    }
    if intercept {
        gradient[weights.len()] = slopes;
    }
    let positive = data.labels().iter().filter(|label| **label > 0.0).count() as u64;
    Sums { losses: vec![loss.total()], gradient, rows: data.rows() as u64, positive }
}

/// The loss at a point, and at the points so many steps along a direction from it.
pub(crate) fn losses(data: &SparseRows, from: &[f32], along: &[f32], steps: &[f64]) -> Sums {
    let (bias, weights) = from.split_last().expect("a point has an intercept");
    let direction = along.split_last();
    let mut losses = vec![Loss::default(); steps.len() + 1];
    let (first, others) = losses.split_first_mut().expect("one more than steps");
    for (label, columns, values) in data.iter() {
        let sign = sign(label);
        let margin = sign * (dot(columns, values, weights) + bias);
        first.add(margin);
        if let Some((bias, weights)) = direction {
            let slope = sign * (dot(columns, values, weights) + bias);
            others.iter_mut().zip(steps).for_each(|(loss, &step)| _ = loss.add(margin + step as f32 * slope));
        }
    }
    let losses = losses.iter().map(Loss::total).collect();
    Sums { losses, gradient: Vec::new(), rows: data.rows() as u64, positive: 0 }
}

/// The probability of the positive class for each row.
pub(crate) fn predict(data: &SparseRows, point: &[f32]) -> Result<Vec<Prediction>> {
    let (bias, weights) = point.split_last().ok_or("the model is empty")?;
    let (columns, trained) = (data.columns() as usize, weights.len());
    if columns > trained {
        return Err(format!("the rows have {columns} columns, the model was trained on {trained}").into());
    }
    let predict = |(label, columns, values): (f32, &[u32], &[f32])| {
        let score = dot(columns, values, weights) + bias;
        let value = 1.0 / (1.0 + exp_f32(-score));
        let (correct, loss) = (Some((score > 0.0) == (label > 0.0)), logistic(sign(label) * score).loss());
        Prediction { value, score, label, correct, loss }
    };
    Ok(data.iter().map(predict).collect())
}

/// The sum of ln(1 + exp(-margin)).
#[derive(Default, Clone)]
struct Loss {
    linear: f64,
    logs: LogSum,
}

impl Loss {
    /// Adds a row and returns its slope.
    #[inline]
    fn add(&mut self, margin: f32) -> f32 {
        let point = logistic(margin);
        self.linear += f64::from(point.linear);
        self.logs.add(point.one_plus_e);
        point.slope
    }

    fn total(&self) -> f64 {
        self.linear + self.logs.total()
    }
}

/// 0 and -1 are the negative class, as data sets have either.
fn sign(label: f32) -> f32 {
    if label > 0.0 { 1.0 } else { -1.0 }
}
