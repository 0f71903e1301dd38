//! The phases of the job, and what the master does between passes.

use std::collections::BTreeSet;

use lapwing::rng::Rng;
use lapwing::{Result, wire};

use super::KMeans;
use super::scan::Found;

/// What is broadcast: centres, one after the other.
#[wire]
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) width: u32,
    pub(crate) centres: Vec<f32>,
}

/// What the pass is for.
#[wire]
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Phase {
    /// Draws rows to be candidates, and so many times again; the first time, when there are none yet, one row.
    Draw(u32),
    /// Counts the rows nearest to each candidate.
    Weigh,
    /// Moves the centres.
    Move,
}

/// Lloyd's iterations over the candidates in the master.
const POLISH: usize = 30;

impl KMeans {
    /// Rows to draw in this pass.
    pub(crate) fn draws(&self, state: &State) -> usize {
        if state.centres.is_empty() { 1 } else { 2 * self.k as usize }
    }

    /// The next phase of the initialisation.
    pub(crate) fn prepare(&self, mut state: State, found: &Found, pass: u32) -> Result<State> {
        let (width, k) = (state.width as usize, self.k as usize);
        match state.phase {
            Phase::Draw(more) => {
                // Rounding may find some distance between a row and itself, so that it is drawn again.
                let bits = |row: &[f32]| row.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
                let mut known: BTreeSet<_> = state.centres.chunks(width).map(bits).collect();
                let new = found.drawn.iter().filter(|drawn| known.insert(bits(&drawn.row)));
                new.for_each(|drawn| state.centres.extend(&drawn.row));
                state.phase = if more > 0 { Phase::Draw(more - 1) } else { Phase::Weigh };
            }
            _ => {
                if found.counts.len() < k {
                    let rows = found.counts.len();
                    return Err(
                        format!("only {rows} different rows were found: expected at least --k, {k}").into()
                    );
                }
                let weights: Vec<f64> = found.counts.iter().map(|&count| count as f64).collect();
                let mut rng = Rng::new(&[u64::from(pass), weights.len() as u64]);
                state.centres = best(&state.centres, &weights, width, k, &mut rng);
                state.phase = Phase::Move;
            }
        }
        Ok(state)
    }
}

impl State {
    /// Every centre to the mean of its rows; and how far the farthest went. Of centres without rows the first goes to the row that
    /// is farthest from its own, the others wait for the next pass.
    pub(crate) fn moved(mut self, found: &Found) -> (Self, f64) {
        let (width, mut farthest) = (self.width as usize, 0.0f64);
        let mut lost = found.farthest.as_ref().filter(|row| row.distance() > 0.0);
        for ((centre, sums), &count) in
            self.centres.chunks_mut(width).zip(found.sums.chunks(width)).zip(&found.counts)
        {
            let place: Vec<f32> = match (count, lost) {
                (0, None) => continue,
                (0, Some(row)) => {
                    lost = None;
                    row.row.clone()
                }
                _ => sums.iter().map(|sum| (sum / count as f64) as f32).collect(),
            };
            farthest = farthest.max(distance(centre, &place).sqrt());
            centre.copy_from_slice(&place);
        }
        (self, farthest)
    }
}

/// k centres of weighted candidates: k-means++ (Arthur and Vassilvitskii, 2007), then Lloyd's iteration.
fn best(candidates: &[f32], weights: &[f64], width: usize, k: usize, rng: &mut Rng) -> Vec<f32> {
    let rows: Vec<&[f32]> = candidates.chunks(width).collect();
    let mut centres: Vec<f32> = Vec::new();
    let mut distances = vec![1.0; rows.len()];
    while centres.len() < k * width {
        let chances: Vec<f64> =
            weights.iter().zip(&distances).map(|(weight, distance)| weight * distance).collect();
        let mut left = rng.uniform_f64() * chances.iter().sum::<f64>();
        let passed = |chance: &f64| {
            left -= chance;
            left < 0.0
        };
        // Where rounding leads past the end, or no candidate is left that differs, the likeliest.
        let likeliest = || (0..rows.len()).max_by(|&a, &b| chances[a].total_cmp(&chances[b])).unwrap_or(0);
        let chosen = rows[chances.iter().position(passed).unwrap_or_else(likeliest)];
        let first = centres.is_empty();
        for (least, row) in distances.iter_mut().zip(&rows) {
            let own = distance(row, chosen);
            *least = if first || own < *least { own } else { *least };
        }
        centres.extend(chosen);
    }
    for _ in 0..POLISH {
        let (mut sums, mut totals) = (vec![0.0; centres.len()], vec![0.0; k]);
        for (row, weight) in rows.iter().zip(weights) {
            let near = |place: &usize| distance(row, &centres[place * width..][..width]);
            let place = (0..k).min_by(|a, b| near(a).total_cmp(&near(b))).unwrap_or(0);
            let sums = &mut sums[place * width..][..width];
            sums.iter_mut().zip(*row).for_each(|(sum, &value)| *sum += weight * f64::from(value));
            totals[place] += weight;
        }
        for ((centre, sums), total) in centres.chunks_mut(width).zip(sums.chunks(width)).zip(totals) {
            if total > 0.0 {
                centre.iter_mut().zip(sums).for_each(|(value, sum)| *value = (sum / total) as f32);
            }
        }
    }
    centres
}

fn distance(left: &[f32], right: &[f32]) -> f64 {
    let squares =
        left.iter().zip(right).map(|(&a, &b)| (f64::from(a) - f64::from(b)) * (f64::from(a) - f64::from(b)));
    squares.sum()
}
