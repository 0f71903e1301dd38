//! How good predictions are: mean loss, accuracy, and the area under the ROC curve, merged from splits in O(1) of memory.

use lapwing_container::algorithm::Prediction;
use lapwing_container::rkyv::{self, Archive, Deserialize, Serialize};

/// Different scores that are kept apart; beyond, neighbours share a place and the area becomes an approximation.
const PLACES: usize = 1 << 20;

/// Counts over some rows.
#[derive(Debug, Clone, PartialEq, Archive, Serialize, Deserialize)]
#[rkyv(crate = rkyv)]
pub(crate) struct Scores {
    rows: u64,
    loss: f64,
    judged: u64,
    correct: u64,
    /// Low bits of the scores' order that are ignored: 0 while the area is exact.
    coarse: u32,
    /// The distinct labels, ascending; beyond two they are as good as many.
    labels: Vec<f32>,
    /// The distinct scores by rank order, and how many rows of the larger of two labels have them, and of the other one. None
    /// where there are more than two labels.
    ranks: Vec<u32>,
    positive: Vec<u64>,
    negative: Vec<u64>,
}

impl Scores {
    /// The scores of these predictions.
    pub(crate) fn of(predictions: &[Prediction]) -> Self {
        let labels = distinct(predictions.iter().map(|p| p.label));
        let place = |p: &Prediction| {
            let positive = labels.len() == 2 && p.label == labels[1];
            (rank(p.score), u64::from(positive), u64::from(!positive))
        };
        let two = predictions.iter().filter(|_| labels.len() <= 2);
        let mut places: Vec<(u32, u64, u64)> = two.map(place).collect();
        places.sort_unstable_by_key(|&(rank, ..)| rank);
        let mut scores = Self {
            rows: predictions.len() as u64,
            loss: predictions.iter().map(|p| p.loss).sum(),
            judged: predictions.iter().filter(|p| p.correct.is_some()).count() as u64,
            correct: predictions.iter().filter(|p| p.correct == Some(true)).count() as u64,
            coarse: 0,
            labels,
            ranks: Vec::new(),
            positive: Vec::new(),
            negative: Vec::new(),
        };
        scores.fill(places.into_iter());
        scores
    }

    /// Adds the scores of other rows.
    pub(crate) fn merge(&mut self, mut other: Self) {
        self.rows += other.rows;
        self.loss += other.loss;
        self.judged += other.judged;
        self.correct += other.correct;
        let labels = distinct(self.labels.iter().chain(&other.labels).copied());
        self.relabel(&labels);
        other.relabel(&labels);
        let coarse = self.coarse.max(other.coarse);
        self.coarsen(coarse);
        other.coarsen(coarse);
        let mut places: Vec<_> = self.places().chain(other.places()).collect();
        places.sort_by_key(|&(rank, ..)| rank);
        self.fill(places.into_iter());
    }

    /// Mean loss, and where labels make them meaningful accuracy and area; nothing of no rows.
    pub(crate) fn findings(&self) -> Vec<(&'static str, f64)> {
        if self.rows == 0 {
            return Vec::new();
        }
        let mut findings = vec![("loss", self.loss / self.rows as f64)];
        if self.judged > 0 {
            findings.push(("accuracy", self.correct as f64 / self.judged as f64));
            if self.labels.len() <= 2 {
                findings.push(("auc", self.area()));
            }
        }
        findings
    }

    /// Goes over to the labels of more rows.
    fn relabel(&mut self, labels: &[f32]) {
        if labels.len() > 2 {
            self.fill(std::iter::empty());
        } else if labels.len() == 2 && self.labels == labels[1..] {
            // What was the only label is the larger one.
            std::mem::swap(&mut self.positive, &mut self.negative);
        }
        self.labels = labels.to_vec();
    }

    /// The probability that a positive row scores above a negative one, ties counting half.
    fn area(&self) -> f64 {
        let (mut below, mut twice) = (0u128, 0u128);
        for (_, positive, negative) in self.places() {
            twice += u128::from(positive) * (2 * below + u128::from(negative));
            below += u128::from(negative);
        }
        let positive: u128 = self.positive.iter().map(|&n| u128::from(n)).sum();
        twice as f64 / (2 * positive * below) as f64
    }

    fn places(&self) -> impl Iterator<Item = (u32, u64, u64)> {
        let counts = self.positive.iter().zip(&self.negative);
        self.ranks.iter().zip(counts).map(|(&rank, (&positive, &negative))| (rank, positive, negative))
    }

    /// Replaces the places by these, which are in order; equal ranks become one, and too many become coarser.
    fn fill(&mut self, places: impl Iterator<Item = (u32, u64, u64)>) {
        let (mut ranks, mut positive, mut negative) = (Vec::new(), Vec::new(), Vec::new());
        for (rank, plus, minus) in places {
            if ranks.last() != Some(&rank) {
                ranks.push(rank);
                positive.push(0);
                negative.push(0);
            }
            *positive.last_mut().expect("a place was pushed") += plus;
            *negative.last_mut().expect("a place was pushed") += minus;
        }
        (self.ranks, self.positive, self.negative) = (ranks, positive, negative);
        if self.ranks.len() > PLACES {
            self.coarsen(self.coarse + 1);
        }
    }

    fn coarsen(&mut self, coarse: u32) {
        if coarse > self.coarse {
            self.coarse = coarse;
            let places: Vec<_> =
                self.places().map(|(rank, plus, minus)| (rank >> coarse << coarse, plus, minus)).collect();
            self.fill(places.into_iter());
        }
    }
}

/// The distinct ones of these labels, ascending; three stand for more.
fn distinct(labels: impl Iterator<Item = f32>) -> Vec<f32> {
    let mut found: Vec<f32> = Vec::new();
    for label in labels {
        if found.len() < 3 && !found.contains(&label) {
            found.push(label);
        }
    }
    found.sort_by(f32::total_cmp);
    found
}

/// Whole numbers in the order of the floats.
fn rank(score: f32) -> u32 {
    // Both zeros are one score.
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prediction((score, positive): (f32, bool)) -> Prediction {
        let label = if positive { 2.0 } else { 1.0 };
        Prediction { value: score, score, label, correct: Some((score > 0.0) == positive), loss: 1.0 }
    }

    proptest! {
        #[test]
        fn the_area_is_that_of_all_pairs(
            rows in prop::collection::vec((prop::sample::select(vec![-2.0f32, -0.5, 0.0, 0.1, 3.0]), any::<bool>()), 2..60),
            cut in 0usize..60,
        ) {
            let predictions: Vec<_> = rows.iter().copied().map(prediction).collect();
            let (left, right) = predictions.split_at(cut.min(predictions.len()));
            let mut scores = Scores::of(left);
            scores.merge(Scores::of(right));
            let (mut wins, mut pairs) = (0.0, 0.0);
            for a in rows.iter().filter(|row| row.1) {
                for b in rows.iter().filter(|row| !row.1) {
                    pairs += 1.0;
                    wins += if a.0 > b.0 { 1.0 } else if a.0 == b.0 { 0.5 } else { 0.0 };
                }
            }
            let area = scores.area();
            let fits = if pairs == 0.0 { area.is_nan() } else { (area - wins / pairs).abs() < 1e-12 };
            prop_assert!(fits, "{} is not {} of {}", area, wins, pairs);
        }
    }

    #[test]
    fn more_than_two_labels_have_no_area() {
        let labelled = |label: f32| Prediction { label, ..prediction((label, true)) };
        let names = |scores: &Scores| scores.findings().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        for cut in 0..=3 {
            let rows = [1.0, 0.0, 2.0].map(labelled);
            let mut scores = Scores::of(&rows[..cut]);
            scores.merge(Scores::of(&rows[cut..]));
            assert_eq!(names(&scores), ["loss", "accuracy"], "{cut}");
            assert!(scores.ranks.is_empty());
        }
        assert_eq!(names(&Scores::of(&[])), [""; 0]);
    }

    #[test]
    fn coarse_places_keep_the_counts() {
        let mut scores = Scores::of(&[(1.0, true), (1.0000001, false), (2.0, true)].map(prediction));
        scores.coarsen(4);
        assert_eq!(
            (scores.ranks.len(), &scores.positive[..], &scores.negative[..]),
            (2, &[1, 1][..], &[1, 0][..])
        );
    }
}
