//! The trait that a user implements: what happens in one pass over one split, and what follows from all of them.

use std::error::Error;

use serde_json::{Map, Value};

use crate::load::Load;
use crate::model::{Model, PointModel, Values};
use crate::rng::Rng;
use crate::wire::Wire;
pub use crate::wire::message::{RoundKind, Summary};

/// What user code may fail with: anything that says what happened. `?` and `Err("text".into())` both work.
pub type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// A multipass algorithm: data stays in the workers, a state of the size of the model goes round.
///
/// The fields of the implementing struct are the algorithm's own flags (derive [`clap::Args`]). The methods run in different
/// processes: `pass` in the workers, `merge` in workers and master, the others in the master. They must depend on their
/// arguments alone (no clock, no thread number, no `HashMap` order): then the result has the same bits however many workers
/// there are and whatever failed meanwhile. `--self-check` looks for the common mistakes.
pub trait Algorithm: Send + Sync + Sized + 'static {
    /// One split in memory, read-only after the load; [`SparseRows`](crate::load::SparseRows) for example.
    type Data: Load;
    /// One split's scratch: margins, buffers. Dropped on restart, move or failover; `pass` returns the same bits from an
    /// empty one. `()` for most.
    type Local: Default + Send;
    /// What the master broadcasts: O(model).
    type State: Wire + Send + Sync;
    /// What a pass over one split returns: O(model).
    type Update: Wire + Send;
    /// What the master remembers between passes beyond the state. `()` for most.
    type Memory: Wire + Default + Send;

    /// The first state, once all splits are loaded.
    fn init(&self, summary: &Summary) -> Result<Self::State>;

    /// One pass over one split.
    fn pass(
        &self,
        data: &Self::Data,
        local: &mut Self::Local,
        state: &Self::State,
        at: &At,
    ) -> Result<Self::Update>;

    /// Adds the update of the splits to the right to that of the splits to the left.
    fn merge(&self, into: &mut Self::Update, other: Self::Update);

    /// From the merged update of a pass to the next state.
    fn step(
        &self,
        state: Self::State,
        update: Self::Update,
        memory: &mut Self::Memory,
        pass: &Pass,
    ) -> Result<Step<Self::State>>;

    /// A pass that only looks, for the objective of the final state: `step` gets its merged update with
    /// [`Pass::kind`] = [`RoundKind::Evaluate`], and all but the objective is thrown away. By default a full `pass`; an
    /// algorithm whose passes do more than measure overrides it.
    fn evaluate(
        &self,
        data: &Self::Data,
        local: &mut Self::Local,
        state: &Self::State,
        at: &At,
    ) -> Result<Self::Update> {
        self.pass(data, local, state, at)
    }

    /// One pass over one split for several configurations, each with its own state: by default one after the other. An
    /// algorithm whose passes wait for memory more than for arithmetic reads each row once for all of them. Every
    /// configuration must get the bits that [`pass`](Self::pass) gives. Used by `--sweep`.
    fn pass_many(
        lanes: &[(&Self, &Self::State)],
        data: &Self::Data,
        locals: &mut [Self::Local],
        at: &At,
    ) -> Result<Vec<Self::Update>> {
        let each = lanes.iter().zip(locals);
        each.map(|((algorithm, state), local)| algorithm.pass(data, local, state, at)).collect()
    }

    /// What the report's line of a pass says of its new state beyond the usual: names and numbers, texts, lists.
    fn observe(&self, _state: &Self::State) -> Map<String, Value> {
        Map::new()
    }

    /// The result as named arrays, for `--output`. By default the state's bytes, which only this program can read.
    fn model(&self, state: &Self::State, _summary: &Summary) -> Result<Model> {
        let bytes = state.encode()?.to_vec();
        let shape = [bytes.len() as u64];
        Ok(Model::default().with("state", &shape, Values::U8(bytes), "the state in Lapwing's wire encoding"))
    }

    /// Several results, each with a name of its own and the flags that led to it: `--sweep` alone has them.
    #[doc(hidden)]
    fn models(&self, _state: &Self::State, _summary: &Summary) -> Result<Vec<PointModel>> {
        Ok(Vec::new())
    }

    /// The state of a model that [`model`](Self::model) made, for `--predict`.
    fn restore(&self, model: &Model) -> Result<Self::State> {
        match model.arrays.get("state").map(|array| &array.values) {
            Some(Values::U8(bytes)) => {
                let mut buffer = crate::wire::Buffer::new();
                buffer.extend_from_slice(bytes);
                Ok(Self::State::decode(&buffer)?)
            }
            _ => Err("the model holds no array named state".into()),
        }
    }

    /// Numbers about the result, by name, that the summary on stdout adds.
    fn findings(&self, _state: &Self::State) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Predictions for the rows of a split, in order, for `--predict`.
    fn predict(&self, _data: &Self::Data, _state: &Self::State) -> Result<Vec<Prediction>> {
        Err("this algorithm does not say how to predict: implement Algorithm::predict".into())
    }

    /// What the algorithm makes of a lost worker unless `--on-loss` says otherwise.
    fn on_loss(&self) -> OnLoss {
        OnLoss::Restart
    }
}

/// Where a pass is: everything it may depend on besides its data and the state.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// The pass, from 1.
    pub pass: u32,
    /// The split, from 0.
    pub split: u32,
    /// `--seed`.
    pub seed: u64,
    /// The whole input.
    pub summary: &'a Summary,
}

impl At<'_> {
    /// A generator of its own for this seed, pass and split.
    pub fn rng(&self) -> Rng {
        Rng::new(&[self.seed, u64::from(self.pass), u64::from(self.split)])
    }
}

/// What `step` is told about the round behind it.
#[derive(Debug, Clone, Copy)]
pub struct Pass<'a> {
    /// The pass, from 1.
    pub number: u32,
    /// Train, or a look at the final state.
    pub kind: RoundKind,
    /// The whole input.
    pub summary: &'a Summary,
    /// Splits whose updates are in the merged one, be they of this pass or, under [`OnLoss::Approximate`], of an earlier one.
    pub splits_covered: u32,
    /// Rows of those splits.
    pub rows_covered: u64,
    /// Those of them for which an update of an earlier pass stands in.
    pub rows_stale: u64,
}

impl Pass<'_> {
    /// For classifiers that tell two classes by the sign of the label: an error once all rows were seen and `positive` says that
    /// their labels are all above 0, or none of them, as with the labels 1 and 2. The first pass decides, later ones are let go.
    pub fn check_two_classes(&self, positive: u64) -> Result<()> {
        let rows = self.summary.rows;
        if self.number != 1 || self.rows_covered != rows {
            return Ok(());
        }
        let side = match positive {
            0 => "0 or below",
            all if all == rows => "above 0",
            _ => return Ok(()),
        };
        Err(format!(
            "all {rows} labels are {side}: a classifier needs labels above 0, and others that are 0 or below"
        )
        .into())
    }
}

/// What `step` makes of a pass.
#[derive(Debug, Clone)]
pub struct Step<S> {
    /// The next state.
    pub state: S,
    /// The objective of the state that was broadcast for this pass; NaN where there is none.
    pub objective: f64,
    /// No further pass is needed.
    pub done: bool,
}

/// A prediction for one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// What is written: a probability, a value, a cluster.
    pub value: f32,
    /// How the row compares with others (AUC); the value itself where nothing else is better.
    pub score: f32,
    /// The row's own label as the algorithm sees it.
    pub label: f32,
    /// Whether the predicted class is the label's; none for regressions.
    pub correct: Option<bool>,
    /// The loss of this row.
    pub loss: f64,
}

/// What becomes of a pass when a worker is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnLoss {
    /// It waits for a replacement that loads the lost splits again: the same bits as if nothing had happened.
    Restart,
    /// It goes on without the lost splits; a replacement rejoins at a later pass.
    Ignore,
    /// It goes on with what the lost splits last sent; a replacement rejoins at a later pass.
    Approximate,
}
