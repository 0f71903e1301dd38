//! The model, and the maximisation: from sums over rows to the next model.

use lapwing::math::ln;
use lapwing::model::Model;
use lapwing::{Result, wire};

use super::start::Drawn;

/// What is broadcast, component after component.
#[wire]
#[derive(Default, Clone)]
pub(crate) struct Mixture {
    pub(crate) width: u32,
    pub(crate) full: bool,
    pub(crate) weights: Vec<f64>,
    pub(crate) means: Vec<f64>,
    /// Variances of the columns, or the lower triangle of the covariance matrix, row after row.
    pub(crate) covariances: Vec<f64>,
}

/// Sums over rows; moments are about the means of the broadcast model, so that little is lost when they are subtracted.
#[wire]
#[derive(Default)]
pub(crate) struct Sums {
    pub(crate) log_likelihood: f64,
    /// Responsibilities,
    pub(crate) totals: Vec<f64>,
    /// times the distance from the mean,
    pub(crate) firsts: Vec<f64>,
    /// times its products.
    pub(crate) seconds: Vec<f64>,
    /// The sample of the first pass.
    pub(crate) drawn: Vec<Drawn>,
    pub(crate) limit: u64,
}

impl Mixture {
    pub(crate) fn width(&self) -> usize {
        self.width as usize
    }

    /// Numbers of a component's covariances.
    pub(crate) fn covariance_length(&self) -> usize {
        if self.full { triangle(self.width()) } else { self.width() }
    }

    /// For each component the inverse of its covariances' Cholesky factor (or of the deviations), and the logarithm of its weight
    /// and density at the mean.
    pub(crate) fn precisions(&self) -> Vec<(Vec<f64>, f64)> {
        let width = self.width();
        let parts = self.covariances.chunks(self.covariance_length().max(1)).zip(&self.weights);
        let precision = |(covariances, &weight): (&[f64], &f64)| {
            let mut inverse = covariances.to_vec();
            let diagonal: Vec<usize> = if self.full {
                // `maximise` has seen that it can be factored.
                factor(&mut inverse, width);
                invert(&mut inverse, width);
                (0..width).map(|line| triangle(line) + line).collect()
            } else {
                inverse.iter_mut().for_each(|variance| *variance = 1.0 / variance.sqrt());
                (0..width).collect()
            };
            let determinant: f64 = diagonal.iter().map(|&place| ln(inverse[place])).sum();
            (inverse, ln(weight) + determinant - 0.5 * width as f64 * ln(2.0 * std::f64::consts::PI))
        };
        parts.map(precision).collect()
    }

    pub(crate) fn to_model(&self) -> Model {
        let (k, width) = (self.weights.len() as u64, u64::from(self.width));
        let model = Model::default()
            .f64s("weights_", &[k], self.weights.clone(), "weight of each component; the sum is 1")
            .f64s("means_", &[k, width], self.means.clone(), "mean of each column in each component");
        if !self.full {
            let meaning = "variance of each column in each component";
            return model.f64s("covariances_", &[k, width], self.covariances.clone(), meaning);
        }
        let mut square = Vec::new();
        for triangular in self.covariances.chunks(self.covariance_length().max(1)) {
            let at = |line: usize, column: usize| triangular[triangle(line.max(column)) + line.min(column)];
            let size = width as usize;
            square.extend((0..size * size).map(|place| at(place / size, place % size)));
        }
        model.f64s("covariances_", &[k, width, width], square, "covariance matrix of each component")
    }

    pub(crate) fn of_model(model: &Model) -> Result<Self> {
        let (weights, means) = (model.get_f64("weights_")?.to_vec(), model.get_f64("means_")?.to_vec());
        let given = model.get_f64("covariances_")?;
        let width = means.len() / weights.len().max(1);
        let full = model.arrays["covariances_"].shape.len() == 3;
        let expected = weights.len() * width * if full { width } else { 1 };
        if width == 0 || given.len() != expected || means.len() != weights.len() * width {
            return Err("the model's arrays do not fit each other".into());
        }
        let covariances = match full {
            false => given.to_vec(),
            true => {
                let lower = |(place, &value): (usize, &f64)| {
                    (place % width <= place / width % width).then_some(value)
                };
                given.iter().enumerate().filter_map(lower).collect()
            }
        };
        Ok(Self { width: width as u32, full, weights, means, covariances })
    }
}

impl Sums {
    pub(crate) fn add(&mut self, other: Self) {
        self.log_likelihood += other.log_likelihood;
        for (into, from) in [
            (&mut self.totals, &other.totals),
            (&mut self.firsts, &other.firsts),
            (&mut self.seconds, &other.seconds),
        ] {
            into.iter_mut().zip(from).for_each(|(sum, number)| *sum += number);
        }
        self.drawn.extend(other.drawn);
        self.keep();
    }

    /// The most likely model for these responsibilities. A component that no row belongs to stays where it is, with next to no weight.
    pub(crate) fn maximise(&self, old: &Mixture, reg_covar: f64) -> Result<Mixture> {
        let (width, length) = (old.width(), old.covariance_length());
        let mut model = old.clone();
        let rows: f64 = self.totals.iter().sum();
        for (component, &total) in self.totals.iter().enumerate() {
            // scikit-learn's guard against a division by zero.
            let total = total + 10.0 * f64::EPSILON;
            model.weights[component] = total / (rows + 10.0 * f64::EPSILON * self.totals.len() as f64);
            if total < 1e-9 {
                continue;
            }
            let shift: Vec<f64> =
                self.firsts[component * width..][..width].iter().map(|sum| sum / total).collect();
            model.means[component * width..][..width].iter_mut().zip(&shift).for_each(|(mean, shift)| {
                // A mean is an f32, so that the rows' differences from it are those from what was broadcast.
                *mean = f64::from((*mean + shift) as f32);
            });
            let seconds = &self.seconds[component * length..][..length];
            let covariances = &mut model.covariances[component * length..][..length];
            if old.full {
                for line in 0..width {
                    for column in 0..=line {
                        let place = triangle(line) + column;
                        let more = if line == column { reg_covar } else { 0.0 };
                        covariances[place] = seconds[place] / total - shift[line] * shift[column] + more;
                    }
                }
            } else {
                for ((variance, second), shift) in covariances.iter_mut().zip(seconds).zip(&shift) {
                    *variance = second / total - shift * shift + reg_covar;
                }
            }
            let sound = if old.full {
                factor(&mut covariances.to_vec(), width)
            } else {
                covariances.iter().all(|&v| v > 0.0)
            };
            if !sound {
                let text = format!(
                    "the covariances of component {component} are singular: give a larger --reg-covar or a smaller -k"
                );
                return Err(text.into());
            }
        }
        Ok(model)
    }
}

/// Replaces a lower triangle by its Cholesky factor; false if the matrix is not positive definite.
fn factor(matrix: &mut [f64], width: usize) -> bool {
    for line in 0..width {
        let (above, own) = matrix.split_at_mut(triangle(line));
        for column in 0..=line {
            let other = if column < line { &above[triangle(column)..][..=column] } else { &own[..=line] };
            let left = own[column] - own[..column].iter().zip(other).map(|(a, b)| a * b).sum::<f64>();
            if column < line {
                own[column] = left / other[column];
            } else if left > 0.0 {
                own[column] = left.sqrt();
            } else {
                return false;
            }
        }
    }
    true
}

/// Replaces a lower triangular matrix by its inverse.
fn invert(matrix: &mut [f64], width: usize) {
    for line in 0..width {
        let (above, own) = matrix.split_at_mut(triangle(line));
        let diagonal = 1.0 / own[line];
        for column in 0..line {
            let products = (column..line).map(|middle| own[middle] * above[triangle(middle) + column]);
            own[column] = -diagonal * products.sum::<f64>();
        }
        own[line] = diagonal;
    }
}

/// Numbers of a triangle of so many lines.
pub(crate) fn triangle(lines: usize) -> usize {
    lines * (lines + 1) / 2
}
