//! The model: what is broadcast, and what is averaged.

use lapwing::load::SparseRows;

/// A row's score is `weights x + intercept`.
#[lapwing::wire]
#[derive(Clone)]
pub(crate) struct Linear {
    pub(crate) weights: Vec<f32>,
    pub(crate) intercept: f32,
    /// AdaGrad: the squared gradients of each column and of the intercept; empty without it.
    pub(crate) squares: Vec<f32>,
}

impl Linear {
    pub(crate) fn zeros(columns: usize) -> Self {
        Self { weights: vec![0.0; columns], intercept: 0.0, squares: Vec::new() }
    }

    pub(crate) fn scale(&mut self, by: f32) {
        self.weights.iter_mut().chain(&mut self.squares).for_each(|number| *number *= by);
        self.intercept *= by;
    }

    pub(crate) fn divide(&mut self, by: f32) {
        self.weights.iter_mut().chain(&mut self.squares).for_each(|number| *number /= by);
        self.intercept /= by;
    }

    fn add(&mut self, other: &Self) {
        let numbers = other.weights.iter().chain(&other.squares);
        self.weights
            .iter_mut()
            .chain(&mut self.squares)
            .zip(numbers)
            .for_each(|(sum, number)| *sum += number);
        self.intercept += other.intercept;
    }

    /// |weights|^2: the intercept goes unpunished.
    pub(crate) fn length_squared(&self) -> f64 {
        self.weights.iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum()
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.intercept.is_finite()
            && self.weights.iter().chain(&self.squares).all(|number| number.is_finite())
    }
}

/// Models times rows, and the loss of the state that they started from.
#[lapwing::wire]
pub(crate) struct Epochs {
    pub(crate) models: Linear,
    pub(crate) loss: f64,
    pub(crate) rows: u64,
    /// Rows of the positive class.
    pub(crate) positive: u64,
}

impl Epochs {
    /// A split's model, weighted by its rows, and its loss.
    pub(crate) fn of((mut models, loss): (Linear, f64), data: &SparseRows) -> Self {
        models.scale(data.rows() as f32);
        let positive = data.labels().iter().filter(|label| **label > 0.0).count();
        Self { models, loss, rows: data.rows() as u64, positive: positive as u64 }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.models.add(&other.models);
        self.loss += other.loss;
        self.rows += other.rows;
        self.positive += other.positive;
    }
}
