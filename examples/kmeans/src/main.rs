//! k-means: Lloyd's iteration ("Least Squares Quantization in PCM", 1982) from centres that k-means|| finds in a few passes
//! (Bahmani, Moseley, Vattani, Kumar, Vassilvitskii: "Scalable K-Means++", 2012).

mod centres;
pub(crate) mod scan;
mod start;

use std::process::ExitCode;

use lapwing::load::Rows;
use lapwing::model::Model;
use lapwing::{Algorithm, At, Pass, Prediction, Result, RoundKind, Step, Summary};
use scan::Found;
use start::{Phase, State};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "k-means")]
pub(crate) struct KMeans {
    /// Clusters
    #[arg(long, short, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    k: u32,
    /// Passes of k-means|| that each draw twice as many candidates as there are clusters
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    init_steps: u32,
    /// Stop when no centre moves farther
    #[arg(long, default_value_t = 1e-4)]
    movement: f64,
}

impl Algorithm for KMeans {
    type Data = Rows;
    type Local = ();
    type State = State;
    type Update = Found;
    type Memory = ();

    fn init(&self, summary: &Summary) -> Result<State> {
        if summary.columns == 0 {
            return Err("no row of the input has a feature".into());
        }
        Ok(State { phase: Phase::Draw(self.init_steps), width: summary.columns, centres: Vec::new() })
    }

    fn pass(&self, data: &Rows, (): &mut (), state: &State, at: &At) -> Result<Found> {
        Ok(match state.phase {
            Phase::Draw(_) => scan::draw(data, state, self.draws(state), &mut at.rng()),
            Phase::Weigh | Phase::Move => scan::assign(data, &state.centres, state.width as usize),
        })
    }

    fn merge(&self, into: &mut Found, other: Found) {
        into.add(other);
    }

    fn step(&self, state: State, found: Found, (): &mut (), pass: &Pass) -> Result<Step<State>> {
        let objective = found.inertia / pass.rows_covered.max(1) as f64;
        if pass.kind == RoundKind::Evaluate {
            return Ok(Step { state, objective, done: true });
        }
        if state.phase != Phase::Move {
            // Candidates are more than k, so there is no objective yet.
            let state = self.prepare(state, &found, pass.number)?;
            return Ok(Step { state, objective: f64::NAN, done: false });
        }
        let (state, moved) = state.moved(&found);
        Ok(Step { state, objective, done: moved <= self.movement })
    }

    fn model(&self, state: &State, _: &Summary) -> Result<Model> {
        if state.phase != Phase::Move {
            let passes = self.init_steps + 2;
            return Err(format!(
                "the job ended before there were centres: --passes must be at least {passes}"
            )
            .into());
        }
        let shape = [u64::from(self.k), u64::from(state.width)];
        Ok(Model::default().f32s("cluster_centers_", &shape, state.centres.clone(), "the clusters' centres"))
    }

    fn restore(&self, model: &Model) -> Result<State> {
        let centres = model.get_f32("cluster_centers_")?.to_vec();
        let width = match &model.arrays["cluster_centers_"].shape[..] {
            &[rows, width] if rows * width == centres.len() as u64 && rows > 0 => width as u32,
            _ => return Err("the model's cluster_centers_ is no table of centres".into()),
        };
        Ok(State { phase: Phase::Move, width, centres })
    }

    fn predict(&self, data: &Rows, state: &State) -> Result<Vec<Prediction>> {
        if data.columns() > state.width {
            let (columns, trained) = (data.columns(), state.width);
            return Err(format!("the rows have {columns} columns, the model was trained on {trained}").into());
        }
        Ok(scan::predict(data, state))
    }
}

fn main() -> ExitCode {
    lapwing::main::<KMeans>()
}
