//! The model: what is broadcast, and what is averaged.

/// A row's score is `weights x + intercept`.
#[lapwing::wire]
pub(crate) struct Linear {
    pub(crate) weights: Vec<f32>,
    pub(crate) intercept: f32,
}

impl Linear {
    pub(crate) fn zeros(columns: usize) -> Self {
        Self { weights: vec![0.0; columns], intercept: 0.0 }
    }

    pub(crate) fn scale(&mut self, by: f32) {
        self.weights.iter_mut().for_each(|weight| *weight *= by);
        self.intercept *= by;
    }

    pub(crate) fn divide(&mut self, by: f32) {
        self.weights.iter_mut().for_each(|weight| *weight /= by);
        self.intercept /= by;
    }

    fn add(&mut self, other: &Self) {
        self.weights.iter_mut().zip(&other.weights).for_each(|(sum, weight)| *sum += weight);
        self.intercept += other.intercept;
    }

    /// |weights|^2: the intercept goes unpunished.
    pub(crate) fn squares(&self) -> f64 {
        self.weights.iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum()
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.intercept.is_finite() && self.weights.iter().all(|weight| weight.is_finite())
    }
}

/// Models times rows, and the loss of the state that they started from.
#[lapwing::wire]
pub(crate) struct Epochs {
    pub(crate) models: Linear,
    pub(crate) loss: f64,
    pub(crate) rows: u64,
}

impl Epochs {
    pub(crate) fn add(&mut self, other: &Self) {
        self.models.add(&other.models);
        self.loss += other.loss;
        self.rows += other.rows;
    }
}
