//! Mixtures of Gaussians by expectation maximisation (Dempster, Laird, Rubin: "Maximum Likelihood from Incomplete Data via the EM
//! Algorithm", 1977). The first pass draws a sample to start from, each further one is an iteration.

pub(crate) mod mixture;
pub(crate) mod scan;
mod start;

use std::process::ExitCode;

use lapwing::load::DenseRows;
use lapwing::model::Model;
use lapwing::{Algorithm, At, Pass, Prediction, Result, RoundKind, Step, Summary};
use mixture::{Mixture, Sums};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Gaussian mixture")]
pub(crate) struct Gmm {
    /// Components
    #[arg(long, short, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    k: u32,
    /// Covariances: diag (a variance for each column) or full
    #[arg(long, value_enum, default_value_t = Covariance::Full)]
    covariance: Covariance,
    /// Added to the variances
    #[arg(long, default_value_t = 1e-6)]
    reg_covar: f64,
    /// Stop when the mean log-likelihood changes by less between two passes
    #[arg(long, default_value_t = 1e-3)]
    gain: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Covariance {
    /// Columns vary independently within a component
    Diag,
    /// Any covariance matrix
    Full,
}

impl Algorithm for Gmm {
    type Data = DenseRows;
    type Local = ();
    /// No components before the first pass.
    type State = Mixture;
    type Update = Sums;
    /// The objective of the pass before.
    type Memory = Option<f64>;

    fn init(&self, summary: &Summary) -> Result<Mixture> {
        Ok(Mixture { width: summary.columns, ..Mixture::default() })
    }

    fn pass(&self, data: &DenseRows, (): &mut (), state: &Mixture, at: &At) -> Result<Sums> {
        Ok(if state.weights.is_empty() {
            start::draw(data, state.width as usize, self.sample(), &mut at.rng())
        } else {
            scan::expect(data, state, true)
        })
    }

    fn evaluate(&self, data: &DenseRows, (): &mut (), state: &Mixture, _: &At) -> Result<Sums> {
        Ok(scan::expect(data, state, false))
    }

    fn merge(&self, into: &mut Sums, other: Sums) {
        into.add(other);
    }

    fn step(&self, state: Mixture, sums: Sums, last: &mut Option<f64>, pass: &Pass) -> Result<Step<Mixture>> {
        if state.weights.is_empty() {
            return Ok(Step {
                state: self.begin(&sums, state.width as usize)?,
                objective: f64::NAN,
                done: false,
            });
        }
        let objective = -sums.log_likelihood / pass.rows_covered.max(1) as f64;
        if pass.kind == RoundKind::Evaluate {
            return Ok(Step { state, objective, done: true });
        }
        if !objective.is_finite() {
            return Err("the likelihood is no number: give a larger --reg-covar or a smaller -k, or scale the columns".into());
        }
        let done = last.replace(objective).is_some_and(|last| (last - objective).abs() < self.gain);
        Ok(Step { state: sums.maximise(&state, self.reg_covar)?, objective, done })
    }

    fn model(&self, state: &Mixture, _: &Summary) -> Result<Model> {
        Ok(state.to_model())
    }

    fn restore(&self, model: &Model) -> Result<Mixture> {
        Mixture::of_model(model)
    }

    fn predict(&self, data: &DenseRows, state: &Mixture) -> Result<Vec<Prediction>> {
        let (columns, trained) = (data.columns(), state.width as usize);
        if columns > trained {
            return Err(format!("the rows have {columns} columns, the model was trained on {trained}").into());
        }
        Ok(scan::predict(data, state))
    }
}

fn main() -> ExitCode {
    lapwing::main::<Gmm>()
}
