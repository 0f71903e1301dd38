//! Linear regression with a penalty on squares (Hoerl and Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal
//! Problems", 1970), exactly: one pass gathers the normal equations, the master solves them.

mod normal;

use std::process::ExitCode;

use lapwing::load::Rows;
use lapwing::model::Model;
use lapwing::{Algorithm, At, Pass, Prediction, Result, RoundKind, Step, Summary};
use normal::Sums;

/// The normal equations of so many columns take 256 MiB.
const MOST_COLUMNS: u32 = 8191;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Ridge")]
struct Ridge {
    /// Strength of the penalty l2 / 2 * |weights|^2 on half the mean squared error; the intercept is not penalised
    #[arg(long, default_value_t = 1e-4, value_parser = not_negative)]
    l2: f64,
    /// Whether there is an intercept
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    intercept: bool,
}

/// A row's value is `weights x + intercept`.
#[lapwing::wire]
struct Linear {
    weights: Vec<f64>,
    intercept: f64,
}

impl Algorithm for Ridge {
    type Data = Rows;
    type Local = ();
    type State = Linear;
    type Update = Sums;
    type Memory = ();

    fn init(&self, summary: &Summary) -> Result<Linear> {
        if summary.columns > MOST_COLUMNS {
            let columns = summary.columns;
            return Err(format!("normal equations of {columns} columns are too large, {MOST_COLUMNS} is the most: for wide data see the example sgd with --loss squared").into());
        }
        Ok(Linear { weights: vec![0.0; summary.columns as usize], intercept: 0.0 })
    }

    fn pass(&self, data: &Rows, (): &mut (), state: &Linear, _: &At) -> Result<Sums> {
        Ok(normal::gather(data, state))
    }

    fn evaluate(&self, data: &Rows, (): &mut (), state: &Linear, _: &At) -> Result<Sums> {
        Ok(normal::errors(data, state))
    }

    fn merge(&self, into: &mut Sums, other: Sums) {
        into.add(&other);
    }

    fn step(&self, state: Linear, sums: Sums, (): &mut (), pass: &Pass) -> Result<Step<Linear>> {
        let squares: f64 = state.weights.iter().map(|weight| weight * weight).sum();
        let objective = 0.5 * (sums.errors / sums.rows.max(1) as f64 + self.l2 * squares);
        if pass.kind == RoundKind::Evaluate {
            return Ok(Step { state, objective, done: true });
        }
        Ok(Step { state: sums.solve(self.l2, self.intercept)?, objective, done: true })
    }

    fn model(&self, state: &Linear, _: &Summary) -> Result<Model> {
        let columns = state.weights.len() as u64;
        Ok(Model::default().f64s("coef_", &[columns], state.weights.clone(), "weight of each column").f64s(
            "intercept_",
            &[],
            vec![state.intercept],
            "intercept",
        ))
    }

    fn restore(&self, model: &Model) -> Result<Linear> {
        let intercept = *model.get_f64("intercept_")?.first().ok_or("the model's intercept_ is empty")?;
        Ok(Linear { weights: model.get_f64("coef_")?.to_vec(), intercept })
    }

    fn predict(&self, data: &Rows, state: &Linear) -> Result<Vec<Prediction>> {
        let (columns, trained) = (data.columns() as usize, state.weights.len());
        if columns > trained {
            return Err(format!("the rows have {columns} columns, the model was trained on {trained}").into());
        }
        let mut predictions = Vec::new();
        data.for_each(|row| {
            let (label, value) = (row.0, state.value(row));
            let error = value - f64::from(label);
            let value = value as f32;
            predictions.push(Prediction {
                value,
                score: value,
                label,
                correct: None,
                loss: 0.5 * error * error,
            });
        });
        Ok(predictions)
    }
}

fn main() -> ExitCode {
    lapwing::main::<Ridge>()
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..f64::INFINITY).contains(number));
    number.ok_or_else(|| "expected a number of at least 0".to_owned())
}
