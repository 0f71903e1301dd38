//! Logistic regression by L-BFGS (Liu and Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization", 1989): a
//! pass returns objective and gradient at one point, the master turns the last gradients into the next one.

mod history;
mod line;
mod scan;
mod search;

use std::process::ExitCode;

use lapwing::load::SparseRows;
use lapwing::model::Model;
use lapwing::{Algorithm, At, Pass, Prediction, Result, RoundKind, Step, Summary};
use scan::Sums;
use search::{Memory, State};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "L-BFGS")]
pub(crate) struct Lbfgs {
    /// Strength of the penalty l2 / 2 * |weights|^2 on the mean loss; the intercept is not penalised
    #[arg(long, default_value_t = 1e-4, value_parser = not_negative)]
    l2: f64,
    /// Whether there is an intercept
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    intercept: bool,
    /// Pairs of steps and gradient changes that are remembered
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    history: u32,
    /// Stop when no component of the gradient is larger
    #[arg(long, default_value_t = 1e-6, value_parser = not_negative)]
    gradient_tolerance: f64,
}

impl Algorithm for Lbfgs {
    type Data = SparseRows;
    type Local = ();
    type State = State;
    type Update = Sums;
    type Memory = Memory;

    fn init(&self, summary: &Summary) -> Result<State> {
        Ok(State::At(vec![0.0; summary.columns as usize + 1]))
    }

    fn pass(&self, data: &SparseRows, (): &mut (), state: &State, _: &At) -> Result<Sums> {
        Ok(match state {
            State::At(point) => scan::gradient(data, point, self.intercept),
            State::Search { from, along, steps } => scan::losses(data, from, along, steps),
        })
    }

    fn evaluate(&self, data: &SparseRows, (): &mut (), state: &State, _: &At) -> Result<Sums> {
        Ok(scan::losses(data, state.point(), &[], &[]))
    }

    fn merge(&self, into: &mut Sums, other: Sums) {
        into.losses.iter_mut().zip(&other.losses).for_each(|(sum, loss)| *sum += loss);
        into.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, slope)| *sum += slope);
        into.rows += other.rows;
    }

    fn step(&self, state: State, sums: Sums, memory: &mut Memory, pass: &Pass) -> Result<Step<State>> {
        if pass.kind == RoundKind::Evaluate {
            let objective = self.objective(sums.losses[0], sums.rows, state.point());
            return Ok(Step { state, objective, done: true });
        }
        self.next(state, sums, memory)
    }

    fn model(&self, state: &State, _: &Summary) -> Result<Model> {
        let (intercept, weights) = state.point().split_last().ok_or("the state is empty")?;
        Ok(Model::default()
            .f32s("coef_", &[1, weights.len() as u64], weights.to_vec(), "weight of each column")
            .f32s("intercept_", &[1], vec![*intercept], "intercept"))
    }

    fn restore(&self, model: &Model) -> Result<State> {
        let mut point = model.get_f32("coef_")?.to_vec();
        point.push(*model.get_f32("intercept_")?.first().ok_or("the model's intercept_ is empty")?);
        Ok(State::At(point))
    }

    fn predict(&self, data: &SparseRows, state: &State) -> Result<Vec<Prediction>> {
        scan::predict(data, state.point())
    }
}

fn main() -> ExitCode {
    lapwing::main::<Lbfgs>()
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..f64::INFINITY).contains(number));
    number.ok_or_else(|| "expected a number of at least 0".to_owned())
}
