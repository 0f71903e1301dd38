//! `--validate`: rows that are scored in every pass and never trained on. They are splits behind those of the input, so their
//! scores come in the same scan as the updates, and of the same state; the updates merge as if they were not there.

use lapwing_container::algorithm::{Algorithm, At, OnLoss, Pass, Prediction, Result, Step, Summary};
use lapwing_container::lanes::Lanes;
use lapwing_container::model::{Model, PointModel};
use lapwing_container::wire::{Wire, digest};
use serde_json::{Map, Value};

use crate::report::finite;
use crate::scores::Scores;

/// An algorithm some of whose splits are only scored.
#[derive(Debug)]
pub(crate) struct Validated<A> {
    algorithm: A,
    /// Splits from here on are only scored.
    training: u32,
}

/// The names of the scores in a report, in the order in which they are noted.
const NAMES: [&str; 3] = ["validate_loss", "validate_accuracy", "validate_auc"];

impl<A: Algorithm> Validated<A> {
    pub(crate) fn new(algorithm: A, training: u32) -> Self {
        Self { algorithm, training }
    }

    fn reply(
        &self,
        data: &A::Data,
        state: &Lanes<A::State>,
        at: &At,
        train: impl FnOnce(&A::State) -> Result<A::Update>,
    ) -> Result<Lanes<A::Update, Option<Scores>>> {
        let state = inner(state)?;
        if at.split < self.training {
            return Ok(Lanes::new(vec![Some(train(state)?)]));
        }
        Ok(Lanes { notes: Some(Scores::of(&self.algorithm.predict(data, state)?)), values: vec![None] })
    }
}

impl<A: Algorithm> Algorithm for Validated<A> {
    type Data = A::Data;
    type Local = A::Local;
    /// One lane, and the scores of the state before it.
    type State = Lanes<A::State>;
    type Update = Lanes<A::Update, Option<Scores>>;
    type Memory = A::Memory;

    fn init(&self, summary: &Summary) -> Result<Self::State> {
        Ok(Lanes::new(vec![Some(self.algorithm.init(summary)?)]))
    }

    fn pass(
        &self,
        data: &A::Data,
        local: &mut A::Local,
        state: &Self::State,
        at: &At,
    ) -> Result<Self::Update> {
        self.reply(data, state, at, |state| self.algorithm.pass(data, local, state, at))
    }

    fn evaluate(
        &self,
        data: &A::Data,
        local: &mut A::Local,
        state: &Self::State,
        at: &At,
    ) -> Result<Self::Update> {
        self.reply(data, state, at, |state| self.algorithm.evaluate(data, local, state, at))
    }

    fn pass_many(
        lanes: &[(&Self, &Self::State)],
        data: &A::Data,
        locals: &mut [A::Local],
        at: &At,
    ) -> Result<Vec<Self::Update>> {
        if lanes.iter().any(|(lane, _)| at.split >= lane.training) {
            let each = lanes.iter().zip(locals);
            return each.map(|((lane, state), local)| lane.pass(data, local, state, at)).collect();
        }
        let lanes = lanes.iter().map(|(lane, state)| Ok((&lane.algorithm, inner(state)?)));
        let updates = A::pass_many(&lanes.collect::<Result<Vec<_>>>()?, data, locals, at)?;
        Ok(updates.into_iter().map(|update| Lanes::new(vec![Some(update)])).collect())
    }

    fn merge(&self, into: &mut Self::Update, other: Self::Update) {
        match (into.values[0].as_mut(), other.values.into_iter().next().flatten()) {
            (Some(into), Some(other)) => self.algorithm.merge(into, other),
            (None, other) => into.values[0] = other,
            (Some(_), None) => {}
        }
        match (&mut into.notes, other.notes) {
            (Some(into), Some(other)) => into.merge(other),
            (None, other) => into.notes = other,
            (Some(_), None) => {}
        }
    }

    fn step(
        &self,
        state: Self::State,
        update: Self::Update,
        memory: &mut A::Memory,
        pass: &Pass,
    ) -> Result<Step<Self::State>> {
        let state = state.values.into_iter().next().flatten().ok_or("a state without a model")?;
        let Some(merged) = update.values.into_iter().next().flatten() else {
            return Err(format!("pass {} covered none of the rows to train on", pass.number).into());
        };
        let Step { state, objective, done } = self.algorithm.step(state, merged, memory, pass)?;
        let scores = update.notes.map(|scores| scores.findings()).unwrap_or_default();
        let notes = scores.into_iter().map(|(_, score)| score).collect();
        Ok(Step { state: Lanes { notes, values: vec![Some(state)] }, objective, done })
    }

    fn observe(&self, state: &Self::State) -> Map<String, Value> {
        let mut map = inner(state).map_or_else(|_| Map::new(), |state| self.algorithm.observe(state));
        let scores = NAMES.iter().zip(&state.notes);
        map.extend(scores.map(|(name, &score)| ((*name).to_owned(), Value::from(finite(score)))));
        // As it would be without the scores.
        if let Some(Ok(bytes)) = inner(state).ok().map(Wire::encode) {
            map.insert("state_digest".to_owned(), Value::from(format!("{:032x}", digest(&bytes))));
        }
        map
    }

    fn model(&self, state: &Self::State, summary: &Summary) -> Result<Model> {
        self.algorithm.model(inner(state)?, summary)
    }

    fn models(&self, state: &Self::State, summary: &Summary) -> Result<Vec<PointModel>> {
        self.algorithm.models(inner(state)?, summary)
    }

    fn findings(&self, state: &Self::State) -> Vec<(&'static str, f64)> {
        inner(state).map_or_else(|_| Vec::new(), |state| self.algorithm.findings(state))
    }

    fn predict(&self, data: &A::Data, state: &Self::State) -> Result<Vec<Prediction>> {
        self.algorithm.predict(data, inner(state)?)
    }

    fn on_loss(&self) -> OnLoss {
        self.algorithm.on_loss()
    }
}

fn inner<S, N>(state: &Lanes<S, N>) -> Result<&S> {
    state.values.first().and_then(Option::as_ref).ok_or_else(|| "a state without a model".into())
}
