//! Parallel stochastic gradient descent: each pass runs one epoch of SGD over every split from the same model, then averages
//! the models, weighted by rows (Zinkevich, Weimer, Smola, Li: "Parallelized Stochastic Gradient Descent", 2010).

mod loss;

use std::process::ExitCode;

use lapwing::load::SparseRows;
use lapwing::model::Model;
use lapwing::{Algorithm, At, OnLoss, Pass, Prediction, Result, RoundKind, Step, Summary};
use loss::Loss;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Parallel SGD")]
pub(crate) struct Sgd {
    /// Loss of a row: logistic and hinge take the sign of the label, squared its value
    #[arg(long, value_enum, default_value_t = Loss::Logistic)]
    loss: Loss,
    /// Step size of the first pass
    #[arg(long, default_value_t = 0.1)]
    rate: f32,
    /// Decay of the step size: pass p uses rate / (1 + decay * (p - 1)); 0 keeps it constant
    #[arg(long, default_value_t = 0.0)]
    decay: f32,
    /// Strength of the penalty l2 / 2 * |weights|^2
    #[arg(long, default_value_t = 1e-4)]
    l2: f32,
    /// Fit no intercept
    #[arg(long)]
    no_intercept: bool,
}

#[lapwing::wire]
pub(crate) struct Linear {
    pub(crate) weights: Vec<f32>,
    pub(crate) intercept: f32,
}

/// Models times rows, and the loss of the state that they started from.
#[lapwing::wire]
pub(crate) struct Epochs {
    pub(crate) models: Linear,
    pub(crate) loss: f64,
    rows: u64,
}

impl Algorithm for Sgd {
    type Data = SparseRows;
    /// The order of the rows, kept for its memory alone.
    type Local = Vec<u32>;
    type State = Linear;
    type Update = Epochs;
    type Memory = ();

    fn init(&self, summary: &Summary) -> Result<Linear> {
        Ok(Linear { weights: vec![0.0; summary.columns as usize], intercept: 0.0 })
    }

    fn pass(&self, data: &SparseRows, order: &mut Vec<u32>, state: &Linear, at: &At) -> Result<Epochs> {
        order.clear();
        order.extend(0..data.rows() as u32);
        at.rng().shuffle(order);
        let rate = self.rate / (1.0 + self.decay * (at.pass - 1) as f32);
        let (mut models, loss) = self.loss.epoch(data, order, state, rate, self.l2, !self.no_intercept);
        let rows = data.rows() as f32;
        models.weights.iter_mut().for_each(|weight| *weight *= rows);
        models.intercept *= rows;
        Ok(Epochs { models, loss, rows: data.rows() as u64 })
    }

    fn evaluate(&self, data: &SparseRows, _: &mut Vec<u32>, state: &Linear, _: &At) -> Result<Epochs> {
        let models = Linear { weights: Vec::new(), intercept: 0.0 };
        Ok(Epochs { models, loss: self.loss.total(data, state), rows: data.rows() as u64 })
    }

    fn merge(&self, into: &mut Epochs, other: Epochs) {
        into.models.weights.iter_mut().zip(&other.models.weights).for_each(|(sum, weight)| *sum += weight);
        into.models.intercept += other.models.intercept;
        into.loss += other.loss;
        into.rows += other.rows;
    }

    fn step(&self, state: Linear, update: Epochs, (): &mut (), pass: &Pass) -> Result<Step<Linear>> {
        let rows = update.rows.max(1);
        let squares: f64 = state.weights.iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum();
        let objective = update.loss / rows as f64 + 0.5 * f64::from(self.l2) * squares;
        if pass.kind == RoundKind::Evaluate {
            return Ok(Step { state, objective, done: true });
        }
        let Linear { mut weights, intercept } = update.models;
        weights.iter_mut().for_each(|weight| *weight /= rows as f32);
        if !objective.is_finite() || weights.iter().any(|weight| !weight.is_finite()) {
            return Err(format!("diverged in pass {}: lower --rate (now {})", pass.number, self.rate).into());
        }
        Ok(Step { state: Linear { weights, intercept: intercept / rows as f32 }, objective, done: false })
    }

    fn model(&self, state: &Linear, _: &Summary) -> Result<Model> {
        let columns = state.weights.len() as u64;
        Ok(Model::default()
            .f32s("coef_", &[1, columns], state.weights.clone(), "weight of each column")
            .f32s("intercept_", &[1], vec![state.intercept], "intercept")
            .i64s("loss_", &[1], vec![self.loss as i64], "0 logistic, 1 hinge, 2 squared"))
    }

    fn restore(&self, model: &Model) -> Result<Linear> {
        self.loss.check(model)?;
        let intercept = model.get_f32("intercept_")?.first().copied().unwrap_or(0.0);
        Ok(Linear { weights: model.get_f32("coef_")?.to_vec(), intercept })
    }

    fn predict(&self, data: &SparseRows, state: &Linear) -> Result<Vec<Prediction>> {
        let (columns, trained) = (data.columns() as usize, state.weights.len());
        if columns > trained {
            return Err(format!("the rows have {columns} columns, the model was trained on {trained}").into());
        }
        Ok(data.iter().map(|row| self.loss.predict(row, state)).collect())
    }

    fn on_loss(&self) -> OnLoss {
        OnLoss::Ignore
    }
}

fn main() -> ExitCode {
    lapwing::main::<Sgd>()
}
