//! Naive Bayes, multinomial and Gaussian: one pass of sums per class (Manning, Raghavan, Schütze, "Introduction to Information
//! Retrieval", 2008, chapter 13; for the smoothing of variances scikit-learn).

mod classes;
mod sums;

use std::process::ExitCode;

use classes::Classes;
use lapwing::load::Rows;
use lapwing::math::ln;
use lapwing::model::Model;
use lapwing::{Algorithm, At, Pass, Prediction, Result, RoundKind, Step, Summary};
use sums::Sums;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Naive Bayes")]
struct NaiveBayes {
    /// What a class's columns are drawn from
    #[arg(long, value_enum, default_value_t = Kind::Multinomial)]
    kind: Kind,
    /// Multinomial: added to every count
    #[arg(long, default_value_t = 1.0, value_parser = not_negative)]
    alpha: f64,
    /// Gaussian: added to every variance, as a share of the largest variance of a column
    #[arg(long, default_value_t = 1e-9, value_parser = not_negative)]
    var_smoothing: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Counts, of words for example: no number below 0
    Multinomial,
    /// Any numbers, each column normal with a mean and a variance of its own
    Gaussian,
}

impl Algorithm for NaiveBayes {
    type Data = Rows;
    type Local = ();
    /// No classes before the pass.
    type State = Classes;
    type Update = Sums;
    type Memory = ();

    fn init(&self, summary: &Summary) -> Result<Classes> {
        Ok(Classes { columns: summary.columns, ..Classes::default() })
    }

    fn pass(&self, data: &Rows, (): &mut (), state: &Classes, _: &At) -> Result<Sums> {
        sums::gather(data, state.columns as usize, self.kind == Kind::Gaussian)
    }

    fn evaluate(&self, data: &Rows, (): &mut (), state: &Classes, _: &At) -> Result<Sums> {
        Ok(Sums::of_loss(state.judge(data).iter().map(|row| row.loss).sum()))
    }

    fn merge(&self, into: &mut Sums, other: Sums) {
        into.add(other);
    }

    fn step(&self, state: Classes, sums: Sums, (): &mut (), pass: &Pass) -> Result<Step<Classes>> {
        if pass.kind == RoundKind::Evaluate {
            let objective = sums.loss / pass.rows_covered.max(1) as f64;
            return Ok(Step { state, objective, done: true });
        }
        let state = match self.kind {
            Kind::Multinomial => sums.multinomial(self.alpha, state.columns)?,
            Kind::Gaussian => sums.gaussian(self.var_smoothing, state.columns),
        };
        // What was broadcast knew nothing, so all classes were as probable.
        Ok(Step { objective: ln(state.labels.len() as f64), state, done: true })
    }

    fn model(&self, state: &Classes, _: &Summary) -> Result<Model> {
        Ok(state.to_model())
    }

    fn restore(&self, model: &Model) -> Result<Classes> {
        Classes::of_model(model)
    }

    fn predict(&self, data: &Rows, state: &Classes) -> Result<Vec<Prediction>> {
        if data.columns() > state.columns {
            let (columns, trained) = (data.columns(), state.columns);
            return Err(format!("the rows have {columns} columns, the model was trained on {trained}").into());
        }
        // In the first pass nothing is known yet.
        Ok(if state.labels.is_empty() { Vec::new() } else { state.judge(data) })
    }
}

fn main() -> ExitCode {
    lapwing::main::<NaiveBayes>()
}

fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..f64::INFINITY).contains(number));
    number.ok_or_else(|| "expected a number of at least 0".to_owned())
}
