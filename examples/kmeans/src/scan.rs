//! What a pass over a split finds.

use lapwing::load::Rows;
use lapwing::math::ln;
use lapwing::rng::Rng;
use lapwing::{Prediction, wire};

use super::centres::each;
use super::start::State;

#[wire]
#[derive(Default)]
pub(crate) struct Found {
    /// Of the rows nearest to each centre: their sum, centre after centre, and their number.
    pub(crate) sums: Vec<f64>,
    pub(crate) counts: Vec<u64>,
    /// The squared distances of all rows from their centres.
    pub(crate) inertia: f64,
    /// The row farthest from its centre; its key is minus the squared distance.
    pub(crate) farthest: Option<Drawn>,
    /// Rows drawn at random, by key.
    pub(crate) drawn: Vec<Drawn>,
    /// How many to keep.
    limit: u64,
}

/// A row that may become a centre.
#[wire]
pub(crate) struct Drawn {
    key: f64,
    pub(crate) row: Vec<f32>,
}

/// Lloyd's half of the work: sums over the rows of each centre.
pub(crate) fn assign(data: &Rows, centres: &[f32], width: usize) -> Found {
    let count = centres.len() / width.max(1);
    let mut found = Found { sums: vec![0.0; centres.len()], counts: vec![0; count], ..Found::default() };
    let mut farthest = f32::NEG_INFINITY;
    each(data, centres, width, |columns, values, _, (place, distance)| {
        let sums = &mut found.sums[place as usize * width..][..width];
        match columns {
            None => sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value)),
            Some(columns) => {
                columns
                    .iter()
                    .zip(values)
                    .for_each(|(&column, &value)| sums[column as usize] += f64::from(value));
            }
        }
        found.counts[place as usize] += 1;
        found.inertia += f64::from(distance);
        if distance > farthest {
            farthest = distance;
            found.farthest = Some(Drawn { key: -f64::from(distance), row: full(columns, values, width) });
        }
    });
    found
}

/// A round of k-means||: `limit` rows, none twice, drawn with chances in proportion to their squared distances from the centres so
/// far. The rows with the smallest keys, exponential variables over the weights, are such a sample of the whole input wherever it is
/// cut (Efraimidis and Spirakis, "Weighted Random Sampling with a Reservoir", 2006), so no pass is needed for the sum of distances.
pub(crate) fn draw(data: &Rows, state: &State, limit: usize, rng: &mut Rng) -> Found {
    let (width, mut found) = (state.width as usize, Found { limit: limit as u64, ..Found::default() });
    let mut highest = f64::INFINITY;
    each(data, &state.centres, width, |columns, values, _, (_, distance)| {
        let weight = if state.centres.is_empty() { 1.0 } else { f64::from(distance) };
        let key = -ln(1.0 - rng.uniform_f64()) / weight;
        if key < highest && weight > 0.0 {
            found.drawn.push(Drawn { key, row: full(columns, values, width) });
            if found.drawn.len() >= 2 * limit {
                found.keep();
                highest = found.drawn[limit - 1].key;
            }
        }
    });
    found.keep();
    found
}

/// The nearest centre of every row.
pub(crate) fn predict(data: &Rows, state: &State) -> Vec<Prediction> {
    let mut predictions = Vec::new();
    each(data, &state.centres, state.width as usize, |_, _, label, (place, distance)| {
        let value = place as f32;
        predictions.push(Prediction { value, score: value, label, correct: None, loss: f64::from(distance) });
    });
    predictions
}

impl Found {
    pub(crate) fn add(&mut self, other: Self) {
        self.sums.iter_mut().zip(&other.sums).for_each(|(sum, number)| *sum += number);
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, number)| *sum += number);
        self.inertia += other.inertia;
        self.farthest = match (self.farthest.take(), other.farthest) {
            (Some(own), Some(theirs)) => Some(if theirs.key < own.key { theirs } else { own }),
            (own, theirs) => own.or(theirs),
        };
        self.drawn.extend(other.drawn);
        self.keep();
    }

    /// Of the rows that were drawn those with the smallest keys.
    fn keep(&mut self) {
        self.drawn.sort_by(|a, b| a.key.total_cmp(&b.key));
        self.drawn.truncate(self.limit as usize);
    }
}

/// A row with all its columns.
fn full(columns: Option<&[u32]>, values: &[f32], width: usize) -> Vec<f32> {
    let mut row = vec![0.0; width];
    match columns {
        None => row[..values.len()].copy_from_slice(values),
        Some(columns) => {
            columns.iter().zip(values).for_each(|(&column, &value)| row[column as usize] = value)
        }
    }
    row
}

impl Drawn {
    pub(crate) fn distance(&self) -> f64 {
        -self.key
    }
}
