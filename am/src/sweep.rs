//! `--sweep`: a model for each point of a grid of flags, over one load. The points are lanes of one algorithm, so the engine, the
//! report and failover are those of any other; each lane gets the bits that its flags alone would give. A point whose step fails,
//! as those at the end of a grid do that diverge, has no state from then on, and the others go on.

use lapwing_container::algorithm::{
    Algorithm, At, OnLoss, Pass, Prediction, Result, RoundKind, Step, Summary,
};
use lapwing_container::lanes::Lanes;
use lapwing_container::model::{Model, PointModel};
use serde_json::{Map, Value, json};

use crate::job::Point;
use crate::report::{JobReport, finite};
use crate::tolerance::{comparable_rows, converged};

/// An algorithm in several configurations.
#[derive(Debug)]
pub(crate) struct Sweep<A> {
    points: Vec<(Point, A)>,
    tolerance: Option<f64>,
}

/// What is noted of each lane beside its state.
#[derive(Debug, Clone, Copy)]
struct Notes {
    /// It has come to its end.
    done: bool,
    /// Passes that it was trained in.
    passes: f64,
    objective: f64,
    /// Rows that the objective is over.
    rows: f64,
}

/// Numbers that a lane's notes are.
const NUMBERS: usize = 4;

impl<A: Algorithm> Sweep<A> {
    pub(crate) fn new(points: Vec<(Point, A)>, tolerance: Option<f64>) -> Self {
        Self { points, tolerance }
    }

    /// The algorithm, state and notes of each lane; no state if it failed.
    fn all<'a>(
        &'a self,
        state: &'a Lanes<A::State>,
    ) -> impl Iterator<Item = (&'a Point, &'a A, Option<&'a A::State>, Notes)> {
        let all = self.points.iter().zip(&state.values).zip(state.notes.chunks_exact(NUMBERS));
        all.map(|(((point, algorithm), state), notes)| (point, algorithm, state.as_ref(), Notes::of(notes)))
    }

    /// Those that did not fail.
    fn lanes<'a>(
        &'a self,
        state: &'a Lanes<A::State>,
    ) -> impl Iterator<Item = (&'a Point, &'a A, &'a A::State, Notes)> {
        self.all(state).filter_map(|(point, algorithm, state, notes)| Some((point, algorithm, state?, notes)))
    }

    /// A grid of one point without a name: a single model.
    fn single(&self) -> bool {
        self.points.len() == 1 && self.points[0].0.name.is_empty()
    }
}

impl<A: Algorithm> Algorithm for Sweep<A> {
    type Data = A::Data;
    type Local = Vec<A::Local>;
    type State = Lanes<A::State>;
    type Update = Lanes<A::Update, ()>;
    type Memory = Lanes<A::Memory, ()>;

    fn init(&self, summary: &Summary) -> Result<Self::State> {
        let states = self.points.iter().map(|(_, algorithm)| algorithm.init(summary).map(Some));
        let values = states.collect::<Result<Vec<_>>>()?;
        let fresh = Notes { done: false, passes: 0.0, objective: f64::NAN, rows: 0.0 };
        Ok(Lanes { notes: values.iter().flat_map(|_| fresh.numbers()).collect(), values })
    }

    fn pass(
        &self,
        data: &A::Data,
        locals: &mut Vec<A::Local>,
        state: &Self::State,
        at: &At,
    ) -> Result<Self::Update> {
        locals.resize_with(self.points.len(), A::Local::default);
        let active: Vec<bool> = self.all(state).map(|(.., notes)| !notes.done).collect();
        let running = self.lanes(state).filter(|(.., notes)| !notes.done);
        let lanes: Vec<(&A, &A::State)> =
            running.map(|(_, algorithm, state, _)| (algorithm, state)).collect();
        let own = locals.iter_mut().zip(&active).filter(|(_, active)| **active);
        let mut scratch: Vec<A::Local> = own.map(|(local, _)| std::mem::take(local)).collect();
        let mut updates = A::pass_many(&lanes, data, &mut scratch, at)?.into_iter();
        let mut scratch = scratch.into_iter();
        for (local, _) in locals.iter_mut().zip(&active).filter(|(_, active)| **active) {
            *local = scratch.next().unwrap_or_default();
        }
        Ok(Lanes::new(active.iter().map(|active| active.then(|| updates.next()).flatten()).collect()))
    }

    fn evaluate(
        &self,
        data: &A::Data,
        locals: &mut Vec<A::Local>,
        state: &Self::State,
        at: &At,
    ) -> Result<Self::Update> {
        locals.resize_with(self.points.len(), A::Local::default);
        let each = self.all(state).zip(locals);
        let update = each.map(|((_, algorithm, state, notes), local)| {
            let at = At { pass: notes.next(), ..*at };
            state.map(|state| algorithm.evaluate(data, local, state, &at)).transpose()
        });
        Ok(Lanes::new(update.collect::<Result<_>>()?))
    }

    fn merge(&self, into: &mut Self::Update, other: Self::Update) {
        for (((_, algorithm), into), other) in self.points.iter().zip(&mut into.values).zip(other.values) {
            match (into.as_mut(), other) {
                (Some(into), Some(other)) => algorithm.merge(into, other),
                (None, other) => *into = other,
                (Some(_), None) => {}
            }
        }
    }

    fn step(
        &self,
        state: Self::State,
        update: Self::Update,
        memory: &mut Self::Memory,
        pass: &Pass,
    ) -> Result<Step<Self::State>> {
        memory.values.resize_with(self.points.len(), || None);
        let mut notes: Vec<Notes> = state.notes.chunks_exact(NUMBERS).map(Notes::of).collect();
        let (mut values, mut failed) = (Vec::new(), None);
        let lanes =
            self.points.iter().zip(state.values).zip(update.values).zip(&mut memory.values).zip(&mut notes);
        for (((((point, algorithm), state), update), memory), notes) in lanes {
            let (state, update) = match (state, update) {
                (Some(state), Some(update)) => (state, update),
                (state, None) if notes.done => {
                    values.push(state);
                    continue;
                }
                _ => return Err("a sweep's lanes do not add up".into()),
            };
            let named = |error: Box<dyn std::error::Error + Send + Sync>| -> Box<dyn std::error::Error + Send + Sync> {
                if point.name.is_empty() { error } else { format!("{}: {error}", point.name).into() }
            };
            let memory = memory.get_or_insert_with(A::Memory::default);
            // A lane that came to its end before the others is looked at as it would be alone.
            let pass = Pass { number: notes.next(), ..*pass };
            let stepped = match algorithm.step(state, update, memory, &pass) {
                Ok(stepped) => stepped,
                Err(error) => {
                    (notes.done, notes.objective) = (true, f64::NAN);
                    failed = Some(named(error));
                    values.push(None);
                    continue;
                }
            };
            let last = (notes.rows > 0.0).then_some((notes.objective, notes.rows as u64));
            let now = (stepped.objective, comparable_rows(&pass));
            if pass.kind == RoundKind::Train {
                notes.passes += 1.0;
                notes.done = stepped.done || converged(self.tolerance, last, now);
            }
            (notes.objective, notes.rows) = (now.0, now.1 as f64);
            values.push(Some(stepped.state));
        }
        if let Some(error) = failed.filter(|_| values.iter().all(Option::is_none)) {
            return Err(error);
        }
        let best = notes.iter().map(|notes| notes.objective).fold(f64::NAN, f64::min);
        let done = notes.iter().all(|notes| notes.done);
        let notes = notes.iter().flat_map(Notes::numbers).collect();
        Ok(Step { state: Lanes { notes, values }, objective: best, done })
    }

    /// A list, the best first: by the loss on rows that were not trained on if there are any, else by the objective.
    fn observe(&self, state: &Self::State) -> Map<String, Value> {
        if self.single() {
            let only = self.lanes(state).next();
            let mut map = only.map_or_else(Map::new, |(_, algorithm, state, _)| algorithm.observe(state));
            // The report has one of its own.
            map.remove("state_digest");
            return map;
        }
        let entry = |(point, algorithm, state, notes): (&Point, &A, Option<&A::State>, Notes)| {
            let mut entry = state.map_or_else(Map::new, |state| algorithm.observe(state));
            if state.is_none() {
                entry.insert("failed".to_owned(), json!(true));
            }
            entry.insert("name".to_owned(), json!(point.name));
            entry.insert("objective".to_owned(), json!(finite(notes.objective)));
            entry.insert("passes".to_owned(), json!(notes.passes as u64));
            entry
        };
        let mut entries: Vec<Map<String, Value>> = self.all(state).map(entry).collect();
        let rank = |entry: &Map<String, Value>| {
            let score = entry.get("validate_loss").or(entry.get("objective")).and_then(Value::as_f64);
            score.unwrap_or(f64::INFINITY)
        };
        entries.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
        Map::from_iter([("sweep".to_owned(), json!(entries))])
    }

    fn model(&self, state: &Self::State, summary: &Summary) -> Result<Model> {
        let (_, algorithm, state, _) = self.lanes(state).next().ok_or("a sweep without a lane")?;
        algorithm.model(state, summary)
    }

    fn models(&self, state: &Self::State, summary: &Summary) -> Result<Vec<PointModel>> {
        if self.single() {
            return Ok(Vec::new());
        }
        let model = |(point, algorithm, state, _): (&Point, &A, &A::State, Notes)| {
            let Point { name, arguments } = point.clone();
            Ok(PointModel { name, arguments, model: algorithm.model(state, summary)? })
        };
        self.lanes(state).map(model).collect()
    }

    fn findings(&self, state: &Self::State) -> Vec<(&'static str, f64)> {
        let first = self.lanes(state).next().filter(|_| self.single());
        first.map_or_else(Vec::new, |(_, algorithm, state, _)| algorithm.findings(state))
    }

    fn predict(&self, data: &A::Data, state: &Self::State) -> Result<Vec<Prediction>> {
        let (_, algorithm, state, _) = self.lanes(state).next().ok_or("a sweep without a lane")?;
        algorithm.predict(data, state)
    }

    fn on_loss(&self) -> OnLoss {
        self.points[0].1.on_loss()
    }
}

/// The points of a sweep that has ended, as lines of a table, the best first; none if there was no sweep.
pub(crate) fn table(report: &JobReport) -> Vec<String> {
    let Some(points) = report.extra.get("sweep").and_then(Value::as_array) else { return Vec::new() };
    let columns = ["validate_loss", "validate_accuracy", "validate_auc", "objective", "passes"];
    let known = columns.iter().filter(|column| points.iter().any(|point| point[**column].is_number()));
    let known: Vec<&str> = known.copied().collect();
    let failed = |point: &Value| if point["failed"] == json!(true) { "failed" } else { "-" };
    let cell = |point: &Value, column: &str| match (point[column].as_u64(), point[column].as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (_, Some(number)) => format!("{number:.6}"),
        _ => failed(point).to_owned(),
    };
    let line = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>18}")).collect();
        format!("{name:<32}{cells}")
    };
    let head = line("point, the best first", known.iter().map(|&column| column.to_owned()).collect());
    let rows = points.iter().map(|point| {
        line(
            point["name"].as_str().unwrap_or_default(),
            known.iter().map(|column| cell(point, column)).collect(),
        )
    });
    std::iter::once(head).chain(rows).collect()
}

impl Notes {
    fn of(numbers: &[f64]) -> Self {
        Self { done: numbers[0] > 0.0, passes: numbers[1], objective: numbers[2], rows: numbers[3] }
    }

    /// The pass that comes next in this lane.
    fn next(&self) -> u32 {
        self.passes as u32 + 1
    }

    fn numbers(&self) -> [f64; NUMBERS] {
        [f64::from(u8::from(self.done)), self.passes, self.objective, self.rows]
    }
}
