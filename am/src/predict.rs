//! `--predict`: a trained model over new rows, as one pass of an algorithm of its own. Each split's predictions become one
//! part file; what travels to the master are scores.

use std::fmt::Write as _;

use lapwing_container::algorithm::{Algorithm, At, Pass, Prediction, Result, Step, Summary};
use lapwing_container::files::Files;
use lapwing_container::model::Model;
use lapwing_container::wire::{Buffer, Wire};

use crate::job::Job;
use crate::output;
use crate::scores::Scores;

/// Wraps an algorithm so that its one pass predicts.
#[derive(Debug)]
pub(crate) struct Predict<A> {
    algorithm: A,
    model: Model,
    parts: Option<String>,
    /// The rows have labels, by which predictions can be judged.
    labelled: bool,
}

impl<A: Algorithm> Predict<A> {
    /// Predicts with this model; the part files go beside the output until all are there.
    pub(crate) fn new(algorithm: A, model: Model, job: &Job) -> Self {
        let parts = job.output.as_ref().map(|directory| output::beside(directory, job.id));
        Self { algorithm, model, parts, labelled: job.load.label.as_deref() != Some("none") }
    }
}

impl<A: Algorithm> Algorithm for Predict<A> {
    type Data = A::Data;
    type Local = ();
    /// The model's state, encoded, and the scores once they are known.
    type State = (Vec<u8>, Option<Scores>);
    type Update = Scores;
    type Memory = ();

    fn init(&self, _summary: &Summary) -> Result<Self::State> {
        Ok((self.algorithm.restore(&self.model)?.encode()?.to_vec(), None))
    }

    fn pass(&self, data: &A::Data, (): &mut (), state: &Self::State, at: &At) -> Result<Scores> {
        let mut encoded = Buffer::new();
        encoded.extend_from_slice(&state.0);
        let predictions = self.algorithm.predict(data, &A::State::decode(&encoded)?)?;
        if let Some(directory) = &self.parts {
            write_part(directory, at.split, &predictions)?;
        }
        Ok(Scores::of(if self.labelled { &predictions } else { &[] }))
    }

    fn merge(&self, into: &mut Scores, other: Scores) {
        into.merge(other);
    }

    fn step(
        &self,
        state: Self::State,
        update: Scores,
        (): &mut (),
        _pass: &Pass,
    ) -> Result<Step<Self::State>> {
        Ok(Step { state: (state.0, Some(update)), objective: f64::NAN, done: true })
    }

    fn findings(&self, state: &Self::State) -> Vec<(&'static str, f64)> {
        state.1.as_ref().map_or_else(Vec::new, Scores::findings)
    }
}

/// One value per line, in the order of the rows; by rename, since a worker may die half-way and another do it again.
fn write_part(directory: &str, split: u32, predictions: &[Prediction]) -> Result<()> {
    let mut text = String::new();
    for prediction in predictions {
        writeln!(text, "{}", prediction.value)?;
    }
    let (files, directory) = Files::of(directory)?;
    let temporary = format!("{directory}/_part-{split:05}.{}", std::process::id());
    files.write(&temporary, text.as_bytes(), 0o644)?;
    Ok(files.rename(&temporary, &format!("{directory}/part-{split:05}"))?)
}
