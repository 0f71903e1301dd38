//! Logistic and softmax regression by L-BFGS (Liu and Nocedal, "On the Limited Memory BFGS Method for Large Scale Optimization", 1989): a
//! pass returns objective and gradient at one point, the master turns the last gradients into the next one.

mod history;
mod line;
mod scan;
mod search;
mod softmax;

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
    /// Classes: 2 by the sign of the label; more with the labels 0, 1, 2, ...
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    classes: u32,
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
        Ok(State::At(vec![0.0; (summary.columns as usize + 1) * self.blocks()]))
    }

    fn pass(&self, data: &SparseRows, (): &mut (), state: &State, _: &At) -> Result<Sums> {
        match (state, self.blocks()) {
            (State::At(point), 1) => Ok(scan::gradient(data, point, self.intercept)),
            (State::At(point), classes) => softmax::gradient(data, point, classes, self.intercept),
            (State::Search { from, along, steps }, 1) => Ok(scan::losses(data, from, along, steps)),
            (State::Search { from, along, steps }, classes) => {
                softmax::losses(data, from, along, steps, classes)
            }
        }
    }

    fn evaluate(&self, data: &SparseRows, (): &mut (), state: &State, _: &At) -> Result<Sums> {
        match self.blocks() {
            1 => Ok(scan::losses(data, state.point(), &[], &[])),
            classes => softmax::losses(data, state.point(), &[], &[], classes),
        }
    }

    fn merge(&self, into: &mut Sums, other: Sums) {
        into.losses.iter_mut().zip(&other.losses).for_each(|(sum, loss)| *sum += loss);
        into.gradient.iter_mut().zip(&other.gradient).for_each(|(sum, slope)| *sum += slope);
        into.rows += other.rows;
        into.positive += other.positive;
    }

    fn step(&self, state: State, sums: Sums, memory: &mut Memory, pass: &Pass) -> Result<Step<State>> {
        if pass.kind == RoundKind::Evaluate {
            let objective = self.objective(sums.losses[0], sums.rows, state.point());
            return Ok(Step { state, objective, done: true });
        }
        if self.classes == 2 {
            let classes = pass.check_two_classes(sums.positive);
            classes.map_err(|error| format!("{error}; for more than two classes say --classes"))?;
        }
        self.next(state, sums, memory)
    }

    fn model(&self, state: &State, _: &Summary) -> Result<Model> {
        let (blocks, width) = (self.blocks() as u64, state.point().len() / self.blocks());
        let (mut weights, mut intercepts) = (Vec::new(), Vec::new());
        for block in state.point().chunks_exact(width) {
            weights.extend_from_slice(&block[..width - 1]);
            intercepts.push(block[width - 1]);
        }
        Ok(Model::default()
            .f32s("coef_", &[blocks, width as u64 - 1], weights, "weight of each column, for each class")
            .f32s("intercept_", &[blocks], intercepts, "intercept of each class"))
    }

    fn restore(&self, model: &Model) -> Result<State> {
        let (weights, intercepts) = (model.get_f32("coef_")?, model.get_f32("intercept_")?);
        if intercepts.len() != self.blocks() {
            return Err(format!("the model is of {} classes: say --classes", intercepts.len().max(2)).into());
        }
        let width = weights.len() / intercepts.len();
        let mut point = Vec::new();
        for (class, &intercept) in intercepts.iter().enumerate() {
            point.extend_from_slice(&weights[class * width..(class + 1) * width]);
            point.push(intercept);
        }
        Ok(State::At(point))
    }

    fn predict(&self, data: &SparseRows, state: &State) -> Result<Vec<Prediction>> {
        match self.blocks() {
            1 => scan::predict(data, state.point()),
            classes => softmax::predict(data, state.point(), classes),
        }
    }
}

impl Lbfgs {
    /// Weights and intercept of one class after the other; two classes need one.
    fn blocks(&self) -> usize {
        if self.classes == 2 { 1 } else { self.classes as usize }
    }

    /// Products of the weights alone: intercepts are not penalised.
    fn penalty_dot(&self, left: &[f32], right: &[f32]) -> f64 {
        let width = left.len() / self.blocks();
        let blocks = left.chunks_exact(width).zip(right.chunks_exact(width));
        blocks.map(|(left, right)| history::dot_pair(&left[..width - 1], &right[..width - 1])).sum()
    }
}

fn main() -> ExitCode {
    lapwing::main::<Lbfgs>()
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..f64::INFINITY).contains(number));
    number.ok_or_else(|| "expected a number of at least 0".to_owned())
}
