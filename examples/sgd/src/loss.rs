//! The losses, and the scans over rows that they share.

use lapwing::load::SparseRows;
use lapwing::load::rows::Row;
use lapwing::math::{LogSum, add_scaled, dot, exp_f32, logistic};
use lapwing::model::{Model, Values};
use lapwing::{Prediction, Result};

use super::Linear;
use super::steps::{Steps, adagrad, averaged};

/// The loss of a row as a function of its score `w x + b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Loss {
    /// ln(1 + exp(-y score)), y = sign of the label
    Logistic,
    /// max(0, 1 - y score)
    Hinge,
    /// (score - label)^2 / 2
    Squared,
}

/// A row's loss, as `linear + ln(factor)`, and its derivative by the score.
struct Point {
    linear: f32,
    factor: f64,
    slope: f32,
}

impl Loss {
    /// One epoch of SGD from `start` in this order: the model, and the total loss of `start` itself.
    #[expect(clippy::too_many_arguments, reason = "one each for the flags of the example")]
    pub(crate) fn epoch(
        self,
        steps: Steps,
        data: &SparseRows,
        order: &[u32],
        start: &Linear,
        rate: f32,
        l2: f32,
        intercept: bool,
    ) -> (Linear, f64) {
        if steps != Steps::Plain {
            let run = if steps == Steps::Averaged { averaged } else { adagrad };
            let mut total = Total::default();
            let slope = |before: f32, score: f32, label: f32| {
                total.add(&self.at(before, label));
                self.at(score, label).slope
            };
            let model = run(data, order, start, rate, l2, intercept, slope);
            return (model, total.sum());
        }
        let descent = Descent::new(start, rate, l2, intercept);
        match self {
            Loss::Logistic => epoch(data, order, descent, at_logistic),
            Loss::Hinge => epoch(data, order, descent, at_hinge),
            Loss::Squared => epoch(data, order, descent, at_squared),
        }
    }

    /// Plain epochs of several configurations (start, rate, l2, intercept) in the same order of rows.
    pub(crate) fn epochs(
        self,
        data: &SparseRows,
        order: &[u32],
        lanes: &[(&Linear, f32, f32, bool)],
    ) -> Vec<(Linear, f64)> {
        let descent = |&(start, rate, l2, intercept)| Descent::new(start, rate, l2, intercept);
        let descents = lanes.iter().map(descent).collect();
        match self {
            Loss::Logistic => epochs(data, order, descents, at_logistic),
            Loss::Hinge => epochs(data, order, descents, at_hinge),
            Loss::Squared => epochs(data, order, descents, at_squared),
        }
    }

    /// The total loss of a model.
    pub(crate) fn total(self, data: &SparseRows, model: &Linear) -> f64 {
        let mut total = Total::default();
        for (label, columns, values) in data.iter() {
            total.add(&self.at(dot(columns, values, &model.weights) + model.intercept, label));
        }
        total.sum()
    }

    /// The probability of the positive class (logistic), the score (hinge) or the value (squared).
    pub(crate) fn predict(self, (label, columns, values): Row<'_>, model: &Linear) -> Prediction {
        let score = dot(columns, values, &model.weights) + model.intercept;
        let mut total = Total::default();
        total.add(&self.at(score, label));
        let value = if self == Loss::Logistic { 1.0 / (1.0 + exp_f32(-score)) } else { score };
        let correct = (self != Loss::Squared).then_some((score > 0.0) == (label > 0.0));
        Prediction { value, score, label, correct, loss: total.sum() }
    }

    /// Refuses a model that was trained for another loss.
    pub(crate) fn check(self, model: &Model) -> Result<()> {
        match model.arrays.get("loss_").map(|array| &array.values) {
            Some(Values::I64(trained)) if trained == &[self as i64] => Ok(()),
            _ => Err("the model was trained with another --loss: say the same here".into()),
        }
    }

    fn at(self, score: f32, label: f32) -> Point {
        match self {
            Loss::Logistic => at_logistic(score, label),
            Loss::Hinge => at_hinge(score, label),
            Loss::Squared => at_squared(score, label),
        }
    }
}

/// One configuration in the middle of an epoch. The weights are `scale * model.weights`, so that the penalty costs one
/// multiplication per row and not one per column.
struct Descent<'a> {
    start: &'a Linear,
    model: Linear,
    scale: f32,
    total: Total,
    rate: f32,
    l2: f32,
    intercept: bool,
}

impl<'a> Descent<'a> {
    fn new(start: &'a Linear, rate: f32, l2: f32, intercept: bool) -> Self {
        let model = Linear { squares: Vec::new(), ..start.clone() };
        Self { start, model, scale: 1.0, total: Total::default(), rate, l2, intercept }
    }

    #[inline(always)]
    fn row(&mut self, (label, columns, values): Row<'_>, at: &impl Fn(f32, f32) -> Point) {
        let Self { start, model, scale, total, rate, l2, intercept } = self;
        total.add(&at(dot(columns, values, &start.weights) + start.intercept, label));
        let score = *scale * dot(columns, values, &model.weights) + model.intercept;
        let step = -*rate * at(score, label).slope;
        *scale *= 1.0 - *rate * *l2;
        if scale.abs() < 1e-3 {
            model.weights.iter_mut().for_each(|weight| *weight *= *scale);
            *scale = 1.0;
        }
        add_scaled(columns, values, step / *scale, &mut model.weights);
        if *intercept {
            model.intercept += step;
        }
    }

    fn finish(mut self) -> (Linear, f64) {
        self.model.weights.iter_mut().for_each(|weight| *weight *= self.scale);
        (self.model, self.total.sum())
    }
}

fn epoch(
    data: &SparseRows,
    order: &[u32],
    mut descent: Descent<'_>,
    at: impl Fn(f32, f32) -> Point,
) -> (Linear, f64) {
    data.in_order(order).for_each(|row| descent.row(row, &at));
    descent.finish()
}

/// Rows that all configurations pass over in turn: few enough to be still in the cache for the next one, and enough that its
/// model is not fetched anew for each of them.
const BLOCK: usize = 512;

/// Each row is read once for all configurations.
fn epochs(
    data: &SparseRows,
    order: &[u32],
    mut descents: Vec<Descent<'_>>,
    at: impl Fn(f32, f32) -> Point,
) -> Vec<(Linear, f64)> {
    for rows in order.chunks(BLOCK) {
        for descent in &mut descents {
            data.in_order(rows).for_each(|row| descent.row(row, &at));
        }
    }
    descents.into_iter().map(Descent::finish).collect()
}

#[derive(Default)]
struct Total {
    linear: f64,
    logs: LogSum,
}

impl Total {
    fn add(&mut self, point: &Point) {
        self.linear += f64::from(point.linear);
        self.logs.add(point.factor);
    }

    fn sum(&self) -> f64 {
        self.linear + self.logs.total()
    }
}

fn at_logistic(score: f32, label: f32) -> Point {
    let sign = sign(label);
    let point = logistic(sign * score);
    Point { linear: point.linear, factor: point.one_plus_e, slope: sign * point.slope }
}

fn at_hinge(score: f32, label: f32) -> Point {
    let sign = sign(label);
    let short = 1.0 - sign * score;
    Point { linear: short.max(0.0), factor: 1.0, slope: if short > 0.0 { -sign } else { 0.0 } }
}

fn at_squared(score: f32, label: f32) -> Point {
    let error = score - label;
    Point { linear: 0.5 * error * error, factor: 1.0, slope: error }
}

/// 0 and -1 are the negative class, as data sets have either.
fn sign(label: f32) -> f32 {
    if label > 0.0 { 1.0 } else { -1.0 }
}
