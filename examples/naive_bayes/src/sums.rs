//! What a pass gathers for each class, and the parameters that follow from it.

use std::cmp::Ordering;

use lapwing::load::Rows;
use lapwing::math::ln;
use lapwing::{Result, wire};

use super::classes::Classes;

/// A label is a whole number or the like; data with so many different ones is no classification.
const MOST_CLASSES: usize = 10_000;

/// Sums by class, in the order of the labels.
#[wire]
#[derive(Default)]
pub(crate) struct Sums {
    classes: Vec<ClassSums>,
    /// Of the broadcast model.
    pub(crate) loss: f64,
}

#[wire]
struct ClassSums {
    label: f32,
    rows: u64,
    sums: Vec<f64>,
    /// Sums of squares; empty where only counts matter.
    squares: Vec<f64>,
}

/// The sums of one split.
pub(crate) fn gather(data: &Rows, width: usize, squares: bool) -> Result<Sums> {
    let mut classes: Vec<ClassSums> = Vec::new();
    let mut wrong = None;
    data.for_each(|(label, columns, values)| {
        let found = classes.binary_search_by(|class| class.label.total_cmp(&(label + 0.0)));
        let place = found.unwrap_or_else(|place| {
            if classes.len() < MOST_CLASSES {
                let squares = vec![0.0; if squares { width } else { 0 }];
                classes.insert(
                    place,
                    ClassSums { label: label + 0.0, rows: 0, sums: vec![0.0; width], squares },
                );
            }
            place.min(classes.len() - 1)
        });
        let class = &mut classes[place];
        class.rows += 1;
        for (&column, &value) in columns.iter().zip(values) {
            let (column, value) = (column as usize, f64::from(value));
            class.sums[column] += value;
            if squares {
                class.squares[column] += value * value;
            } else if value < 0.0 {
                wrong = Some(format!(
                    "column {} holds {value}: multinomial counts are at least 0, see --kind",
                    column + 1
                ));
            }
        }
    });
    match wrong {
        Some(text) => Err(text.into()),
        None if classes.len() == MOST_CLASSES => {
            Err(format!("there are {MOST_CLASSES} different labels or more: expected classes").into())
        }
        None => Ok(Sums { classes, loss: 0.0 }),
    }
}

impl Sums {
    /// For a look at the broadcast model alone.
    pub(crate) fn of_loss(loss: f64) -> Self {
        Self { classes: Vec::new(), loss }
    }

    pub(crate) fn add(&mut self, other: Self) {
        let (mut left, mut right) =
            (std::mem::take(&mut self.classes).into_iter().peekable(), other.classes.into_iter().peekable());
        loop {
            let order = match (left.peek(), right.peek()) {
                (Some(left), Some(right)) => left.label.total_cmp(&right.label),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => break,
            };
            let mut class = if order.is_gt() { right.next() } else { left.next() }.expect("it was peeked at");
            if let Some(more) = order.is_eq().then(|| right.next()).flatten() {
                class.rows += more.rows;
                class.sums.iter_mut().zip(&more.sums).for_each(|(sum, number)| *sum += number);
                class.squares.iter_mut().zip(&more.squares).for_each(|(sum, number)| *sum += number);
            }
            self.classes.push(class);
        }
        self.loss += other.loss;
    }

    /// Smoothed relative frequencies.
    pub(crate) fn multinomial(&self, alpha: f64, columns: u32) -> Result<Classes> {
        let mut model = self.priors(columns);
        for class in &self.classes {
            let total = class.sums.iter().sum::<f64>() + alpha * f64::from(columns);
            if class.sums.iter().any(|count| count + alpha <= 0.0) {
                return Err(
                    format!("class {} never has some column: give --alpha above 0", class.label).into()
                );
            }
            model.log_shares.extend(class.sums.iter().map(|count| ln((count + alpha) / total)));
        }
        Ok(model)
    }

    /// Means and smoothed variances.
    pub(crate) fn gaussian(&self, smoothing: f64, columns: u32) -> Classes {
        let mut model = self.priors(columns);
        let variance =
            |sum: f64, square: f64, rows: f64| (square / rows - sum / rows * (sum / rows)).max(0.0);
        let widest = (0..columns as usize).map(|column| {
            let total = |part: fn(&ClassSums) -> &[f64]| {
                self.classes.iter().map(|class| part(class)[column]).sum::<f64>()
            };
            variance(total(|class| &class.sums), total(|class| &class.squares), self.rows() as f64)
        });
        let smallest = smoothing * widest.fold(0.0, f64::max);
        for class in &self.classes {
            let rows = class.rows as f64;
            model.means.extend(class.sums.iter().map(|sum| sum / rows));
            let pairs = class.sums.iter().zip(&class.squares);
            model.variances.extend(pairs.map(|(&sum, &square)| variance(sum, square, rows) + smallest));
        }
        model
    }

    fn priors(&self, columns: u32) -> Classes {
        let rows = self.rows() as f64;
        Classes {
            columns,
            labels: self.classes.iter().map(|class| class.label).collect(),
            counts: self.classes.iter().map(|class| class.rows as f64).collect(),
            log_priors: self.classes.iter().map(|class| ln(class.rows as f64 / rows)).collect(),
            ..Classes::default()
        }
    }

    fn rows(&self) -> u64 {
        self.classes.iter().map(|class| class.rows).sum()
    }
}
