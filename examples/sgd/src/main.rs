//! Parallel stochastic gradient descent: each pass runs one epoch of SGD over every split from the same model, then averages
//! the models, weighted by rows (Zinkevich, Weimer, Smola, Li: "Parallelized Stochastic Gradient Descent", 2010).

mod linear;
mod loss;
mod steps;

use std::process::ExitCode;

use lapwing::load::SparseRows;
use lapwing::model::Model;
use lapwing::{Algorithm, At, OnLoss, Pass, Prediction, Result, RoundKind, Step, Summary};
pub(crate) use linear::{Epochs, Linear};
use loss::Loss;
use steps::Steps;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Parallel SGD")]
pub(crate) struct Sgd {
    /// Loss of a row: logistic and hinge take the sign of the label, squared its value
    #[arg(long, value_enum, default_value_t = Loss::Logistic)]
    loss: Loss,
    /// Step size of the first pass
    #[arg(long, default_value_t = 0.1, value_parser = not_negative)]
    rate: f32,
    /// Decay of the step size: pass p uses rate / (1 + decay * (p - 1)); 0 keeps it constant
    #[arg(long, default_value_t = 0.0, value_parser = not_negative)]
    decay: f32,
    /// How an epoch steps
    #[arg(long, value_enum, default_value_t = Steps::Plain)]
    steps: Steps,
    /// Strength of the penalty l2 / 2 * |weights|^2
    #[arg(long, default_value_t = 1e-4, value_parser = not_negative)]
    l2: f32,
    /// Fit no intercept
    #[arg(long)]
    no_intercept: bool,
}

impl Algorithm for Sgd {
    type Data = SparseRows;
    /// The order of the rows, kept for its memory alone.
    type Local = Vec<u32>;
    type State = Linear;
    type Update = Epochs;
    type Memory = ();

    fn init(&self, summary: &Summary) -> Result<Linear> {
        Ok(Linear::zeros(summary.columns as usize))
    }

    fn pass(&self, data: &SparseRows, order: &mut Vec<u32>, state: &Linear, at: &At) -> Result<Epochs> {
        shuffle(order, data, at);
        let (rate, intercept) = (self.rate_of(at), !self.no_intercept);
        Ok(Epochs::of(self.loss.epoch(self.steps, data, order, state, rate, self.l2, intercept), data))
    }

    /// Plain steps of the same loss read each row once for all configurations.
    fn pass_many(
        lanes: &[(&Self, &Linear)],
        data: &SparseRows,
        orders: &mut [Vec<u32>],
        at: &At,
    ) -> Result<Vec<Epochs>> {
        let alike = |(lane, _): &(&Self, &Linear)| lane.steps == Steps::Plain && lane.loss == lanes[0].0.loss;
        if !lanes.iter().all(alike) {
            let each = lanes.iter().zip(orders);
            return each.map(|((lane, state), order)| lane.pass(data, order, state, at)).collect();
        }
        let Some(order) = orders.first_mut() else { return Ok(Vec::new()) };
        shuffle(order, data, at);
        let settings =
            lanes.iter().map(|(lane, state)| (*state, lane.rate_of(at), lane.l2, !lane.no_intercept));
        let settings: Vec<_> = settings.collect();
        let epochs = lanes[0].0.loss.epochs(data, order, &settings);
        Ok(epochs.into_iter().map(|epoch| Epochs::of(epoch, data)).collect())
    }

    fn evaluate(&self, data: &SparseRows, _: &mut Vec<u32>, state: &Linear, _: &At) -> Result<Epochs> {
        let (models, loss) = (Linear::zeros(0), self.loss.total(data, state));
        Ok(Epochs { models, loss, rows: data.rows() as u64, positive: 0 })
    }

    fn merge(&self, into: &mut Epochs, other: Epochs) {
        into.add(&other);
    }

    fn step(&self, state: Linear, update: Epochs, (): &mut (), pass: &Pass) -> Result<Step<Linear>> {
        let rows = update.rows.max(1);
        let objective = update.loss / rows as f64 + 0.5 * f64::from(self.l2) * state.length_squared();
        if pass.kind == RoundKind::Evaluate {
            return Ok(Step { state, objective, done: true });
        }
        if self.loss != Loss::Squared {
            pass.check_two_classes(update.positive)?;
        }
        let mut average = update.models;
        average.divide(rows as f32);
        if !objective.is_finite() || !average.is_finite() {
            return Err(format!("diverged in pass {}: lower --rate (now {})", pass.number, self.rate).into());
        }
        Ok(Step { state: average, objective, done: false })
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
        Ok(Linear { weights: model.get_f32("coef_")?.to_vec(), intercept, squares: Vec::new() })
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

impl Sgd {
    fn rate_of(&self, at: &At) -> f32 {
        self.rate / (1.0 + self.decay * (at.pass - 1) as f32)
    }
}

/// The order of the rows in this pass.
fn shuffle(order: &mut Vec<u32>, data: &SparseRows, at: &At) {
    order.clear();
    order.extend(0..data.rows() as u32);
    at.rng().shuffle(order);
}

fn main() -> ExitCode {
    lapwing::main::<Sgd>()
}

fn not_negative(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|number| (0.0..f32::INFINITY).contains(number));
    number.ok_or_else(|| "expected a number of at least 0".to_owned())
}
