//! The expectation: how much of each row every component takes, and the sums that follow.
//!
//! Rows go in blocks of 32, turned so that a column's numbers lie side by side: lanes are rows, in densities as in sums, whatever
//! the covariances. A block's sums are f32, their sums f64.

use lapwing::Prediction;
use lapwing::load::DenseRows;
use lapwing::math::{LogSum, exp_of_negative, ln};

use super::mixture::{Mixture, Sums, triangle};

/// Rows of a block.
const ROWS: usize = 32;

/// One number of each row of a block.
type Lanes = [f32; ROWS];

/// The log-likelihood of the rows, and the moments of each component if they are wanted.
pub(crate) fn expect(data: &DenseRows, mixture: &Mixture, moments: bool) -> Sums {
    let (width, length, k) = (mixture.width(), mixture.covariance_length(), mixture.weights.len());
    let mut sums = Sums::default();
    if moments {
        (sums.totals, sums.firsts, sums.seconds) =
            (vec![0.0; k], vec![0.0; k * width], vec![0.0; k * length]);
    }
    let mut logs = LogSum::new();
    let mut scratch = vec![[0.0; ROWS]; width];
    each_block(data, mixture, |components, block, rows, shares, highest, totals| {
        for row in 0..rows {
            sums.log_likelihood += f64::from(highest[row]);
            logs.add(f64::from(totals[row]));
        }
        if moments {
            for (place, (component, share)) in components.iter().zip(shares).enumerate() {
                sums.totals[place] += f64::from(sum(share));
                let firsts = &mut sums.firsts[place * width..][..width];
                let seconds = &mut sums.seconds[place * length..][..length];
                component.gather(block, share, &mut scratch, firsts, seconds);
            }
        }
    });
    sums.log_likelihood += logs.total();
    sums
}

/// For every row the component that takes most of it.
pub(crate) fn predict(data: &DenseRows, mixture: &Mixture) -> Vec<Prediction> {
    let mut predictions = Vec::with_capacity(data.rows());
    each_block(data, mixture, |_, _, rows, shares, highest, totals| {
        for row in 0..rows {
            let mut best = 0;
            for place in 1..shares.len() {
                best = if shares[place][row] > shares[best][row] { place } else { best };
            }
            let loss = -(f64::from(highest[row]) + ln(f64::from(totals[row])));
            let (value, label) = (best as f32, data.labels()[predictions.len()]);
            predictions.push(Prediction { value, score: value, label, correct: None, loss });
        }
    });
    predictions
}

/// Hands out block after block: the components, the turned rows and how many they are, what each component takes of them, the
/// logarithm of each row's highest joint density, and by what factor the density of all components together is higher.
fn each_block(
    data: &DenseRows,
    mixture: &Mixture,
    mut with: impl FnMut(&[Component], &[Lanes], usize, &[Lanes], &Lanes, &Lanes),
) {
    let components = Component::all(mixture);
    let mut block = vec![[0.0; ROWS]; mixture.width()];
    let (mut scratch, mut shares) = (block.clone(), vec![[0.0; ROWS]; components.len()]);
    for start in (0..data.rows()).step_by(ROWS) {
        let rows = ROWS.min(data.rows() - start);
        for row in 0..rows {
            block.iter_mut().zip(data.row(start + row)).for_each(|(column, &value)| column[row] = value);
        }
        let mut highest = [f32::NEG_INFINITY; ROWS];
        for (component, share) in components.iter().zip(&mut shares) {
            component.log_densities(&block, &mut scratch, share);
            highest
                .iter_mut()
                .zip(share)
                .for_each(|(most, log)| *most = if *log > *most { *log } else { *most });
        }
        let totals = normalise(&mut shares, &highest, rows);
        with(&components, &block, rows, &shares, &highest, &totals);
    }
}

/// A component in f32, as the rows are.
struct Component {
    means: Vec<f32>,
    /// What makes differences from the mean independent with variance 1.
    inverse: Vec<f32>,
    log_height: f32,
    full: bool,
}

impl Component {
    fn all(mixture: &Mixture) -> Vec<Self> {
        let short = |numbers: &[f64]| numbers.iter().map(|&number| number as f32).collect();
        let parts = mixture.means.chunks(mixture.width().max(1)).zip(mixture.precisions());
        let component = |(means, (inverse, height)): (&[f64], (Vec<f64>, f64))| Self {
            means: short(means),
            inverse: short(&inverse),
            log_height: height as f32,
            full: mixture.full,
        };
        parts.map(component).collect()
    }

    /// The logarithms of weight times density.
    #[inline(never)]
    fn log_densities(&self, block: &[Lanes], differences: &mut [Lanes], logs: &mut Lanes) {
        let mut squares = [0.0; ROWS];
        if self.full {
            self.subtract(block, differences);
            for line in 0..block.len() {
                let mut reached = [0.0; ROWS];
                for (factor, column) in self.inverse[triangle(line)..][..=line].iter().zip(&*differences) {
                    (0..ROWS).for_each(|row| reached[row] += factor * column[row]);
                }
                (0..ROWS).for_each(|row| squares[row] += reached[row] * reached[row]);
            }
        } else {
            for ((column, &mean), &inverse) in block.iter().zip(&self.means).zip(&self.inverse) {
                for row in 0..ROWS {
                    let reached = (column[row] - mean) * inverse;
                    squares[row] += reached * reached;
                }
            }
        }
        (0..ROWS).for_each(|row| logs[row] = self.log_height - 0.5 * squares[row]);
    }

    /// Adds the moments of a block.
    #[inline(never)]
    fn gather(
        &self,
        block: &[Lanes],
        share: &Lanes,
        differences: &mut [Lanes],
        firsts: &mut [f64],
        seconds: &mut [f64],
    ) {
        self.subtract(block, differences);
        for line in 0..block.len() {
            let weighted: Lanes = std::array::from_fn(|row| differences[line][row] * share[row]);
            firsts[line] += f64::from(sum(&weighted));
            if self.full {
                let seconds = &mut seconds[triangle(line)..][..=line];
                for (second, column) in seconds.iter_mut().zip(&*differences) {
                    *second += f64::from(sum_of_products(&weighted, column));
                }
            } else {
                seconds[line] += f64::from(sum_of_products(&weighted, &differences[line]));
            }
        }
    }

    fn subtract(&self, block: &[Lanes], differences: &mut [Lanes]) {
        for ((difference, column), mean) in differences.iter_mut().zip(block).zip(&self.means) {
            (0..ROWS).for_each(|row| difference[row] = column[row] - mean);
        }
    }
}

/// From logarithms to shares that add up to 1 for each row, 0 beyond the last row; returns what they were divided by.
#[inline(never)]
fn normalise(shares: &mut [Lanes], highest: &Lanes, rows: usize) -> Lanes {
    let mut totals = [0.0; ROWS];
    for share in &mut *shares {
        for row in 0..ROWS {
            let below = share[row] - highest[row];
            // Not `max`, which would drop a NaN.
            let e = exp_of_negative(if below < -87.0 { -87.0 } else { below });
            share[row] = e;
            totals[row] += e;
        }
    }
    for share in shares {
        (0..ROWS).for_each(|row| share[row] /= totals[row]);
        share[rows..].fill(0.0);
    }
    totals
}

fn sum(lanes: &Lanes) -> f32 {
    sum_of_products(lanes, &[1.0; ROWS])
}

/// In eight lanes, then by halves.
#[inline]
fn sum_of_products(left: &Lanes, right: &Lanes) -> f32 {
    let mut sums = [0.0f32; 8];
    for (left, right) in left.as_chunks::<8>().0.iter().zip(right.as_chunks::<8>().0) {
        (0..8).for_each(|lane| sums[lane] += left[lane] * right[lane]);
    }
    let four: [f32; 4] = std::array::from_fn(|lane| sums[lane] + sums[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
