//! Where the iteration starts: at the clusters of a random sample, found in the master by k-means++ (Arthur and Vassilvitskii, 2007) and
//! Lloyd's iteration.

use lapwing::load::DenseRows;
use lapwing::rng::Rng;
use lapwing::{Result, wire};

use super::mixture::{Mixture, Sums, triangle};
use super::{Covariance, Gmm};

/// Lloyd's iterations over the sample.
const ITERATIONS: usize = 30;

/// A row of the sample: the rows with the smallest random keys are an even sample wherever the input is cut.
#[wire]
pub(crate) struct Drawn {
    key: f64,
    row: Vec<f32>,
}

/// The sample of one split.
pub(crate) fn draw(data: &DenseRows, width: usize, limit: u64, rng: &mut Rng) -> Sums {
    let mut sums = Sums { limit, ..Sums::default() };
    for (_, values) in data.iter() {
        let mut row = vec![0.0; width];
        row[..values.len()].copy_from_slice(values);
        sums.drawn.push(Drawn { key: rng.uniform_f64(), row });
        if sums.drawn.len() as u64 >= 2 * limit {
            sums.keep();
        }
    }
    sums.keep();
    sums
}

impl Sums {
    /// Of the rows that were drawn those with the smallest keys.
    pub(crate) fn keep(&mut self) {
        self.drawn.sort_by(|a, b| a.key.total_cmp(&b.key));
        self.drawn.truncate(self.limit as usize);
    }
}

impl Gmm {
    /// Rows of the sample.
    pub(crate) fn sample(&self) -> u64 {
        256 + 32 * u64::from(self.k)
    }

    /// The first mixture: every component has a cluster's mean and share, and the variances within all clusters.
    pub(crate) fn begin(&self, sums: &Sums, width: usize) -> Result<Mixture> {
        let rows: Vec<&[f32]> = sums.drawn.iter().map(|drawn| &drawn.row[..]).collect();
        let (k, full) = (self.k as usize, self.covariance == Covariance::Full);
        if rows.len() < k {
            return Err(format!("the input has {} rows: expected at least -k, {k}", rows.len()).into());
        }
        // Drawn at random, so any fixed words will do.
        let (means, nearest) = clusters(&rows, k, width, &mut Rng::new(&[rows.len() as u64, k as u64]));
        let (mut weights, mut variances) = (vec![0.0; k], vec![0.0; width]);
        for (row, &place) in rows.iter().zip(&nearest) {
            weights[place] += 1.0 / rows.len() as f64;
            for ((variance, &value), mean) in variances.iter_mut().zip(*row).zip(&means[place * width..]) {
                let difference = f64::from(value) - mean;
                *variance += difference * difference / rows.len() as f64;
            }
        }
        let floor =
            variances.iter().fold(0.0f64, |most, &variance| most.max(variance)) * 1e-6 + self.reg_covar;
        variances.iter_mut().for_each(|variance| *variance += floor.max(f64::MIN_POSITIVE));
        let mut covariances = variances.clone();
        if full {
            covariances = vec![0.0; triangle(width)];
            (0..width).for_each(|line| covariances[triangle(line) + line] = variances[line]);
        }
        weights.iter_mut().for_each(|weight| *weight = (*weight + 1e-9) / (1.0 + 1e-9 * k as f64));
        Ok(Mixture { width: width as u32, full, weights, means, covariances: covariances.repeat(k) })
    }
}

/// The centres of k clusters, in f32's precision, and the cluster of every row.
fn clusters(rows: &[&[f32]], k: usize, width: usize, rng: &mut Rng) -> (Vec<f64>, Vec<usize>) {
    let mut centres: Vec<f64> = Vec::new();
    let mut distances = vec![1.0; rows.len()];
    while centres.len() < k * width {
        let mut left = rng.uniform_f64() * distances.iter().sum::<f64>();
        let passed = |distance: &f64| {
            left -= distance;
            left < 0.0
        };
        let chosen = distances.iter().position(passed).unwrap_or(centres.len() / width.max(1));
        let centre: Vec<f64> = rows[chosen].iter().copied().map(f64::from).collect();
        let first = centres.is_empty();
        for (least, row) in distances.iter_mut().zip(rows) {
            let own = distance(row, &centre);
            *least = if first || own < *least { own } else { *least };
        }
        centres.extend(centre);
    }
    let mut nearest = vec![0; rows.len()];
    for _ in 0..ITERATIONS {
        for (place, row) in nearest.iter_mut().zip(rows) {
            let near = |place: &usize| distance(row, &centres[place * width..][..width]);
            *place = (0..k).min_by(|a, b| near(a).total_cmp(&near(b))).unwrap_or(0);
        }
        let (mut sums, mut counts) = (vec![0.0; k * width], vec![0.0; k]);
        for (row, &place) in rows.iter().zip(&nearest) {
            counts[place] += 1.0;
            sums[place * width..][..width]
                .iter_mut()
                .zip(*row)
                .for_each(|(sum, &value)| *sum += f64::from(value));
        }
        for (place, &sum) in sums.iter().enumerate().filter(|(place, _)| counts[place / width] > 0.0) {
            centres[place] = f64::from((sum / counts[place / width]) as f32);
        }
    }
    (centres, nearest)
}

fn distance(row: &[f32], centre: &[f64]) -> f64 {
    row.iter().zip(centre).map(|(&value, mean)| (f64::from(value) - mean) * (f64::from(value) - mean)).sum()
}
