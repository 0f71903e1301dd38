//! The normal equations: sums over rows, and their solution.

use lapwing::Result;
use lapwing::load::Rows;
use lapwing::load::rows::Row;

use super::Linear;

/// Sums over rows, all f64: products of two f32 are exact in it.
#[lapwing::wire]
pub(crate) struct Sums {
    /// x_i x_j for i >= j, row after row of the triangle; empty if only the errors are wanted.
    products: Vec<f64>,
    /// x_i y
    responses: Vec<f64>,
    /// x_i
    columns: Vec<f64>,
    /// y
    labels: f64,
    /// The squared errors of the broadcast model.
    pub(crate) errors: f64,
    pub(crate) rows: u64,
}

/// Everything that the solution needs.
pub(crate) fn gather(data: &Rows, state: &Linear) -> Sums {
    let width = state.weights.len();
    let mut sums = errors(data, state);
    (sums.products, sums.responses) = (vec![0.0; triangle(width)], vec![0.0; width]);
    sums.columns = vec![0.0; width];
    data.for_each(|(label, columns, values)| {
        for (place, (&column, &value)) in columns.iter().zip(values).enumerate() {
            let (column, value) = (column as usize, f64::from(value));
            let line = &mut sums.products[triangle(column)..][..=column];
            for (&other, &factor) in columns[..=place].iter().zip(values) {
                line[other as usize] += value * f64::from(factor);
            }
            sums.responses[column] += value * f64::from(label);
            sums.columns[column] += value;
        }
        sums.labels += f64::from(label);
    });
    sums
}

/// The squared errors alone.
pub(crate) fn errors(data: &Rows, state: &Linear) -> Sums {
    let (products, responses, columns) = (Vec::new(), Vec::new(), Vec::new());
    let mut sums = Sums { products, responses, columns, labels: 0.0, errors: 0.0, rows: 0 };
    data.for_each(|row| {
        let error = state.value(row) - f64::from(row.0);
        sums.errors += error * error;
        sums.rows += 1;
    });
    sums
}

impl Linear {
    pub(crate) fn value(&self, (_, columns, values): Row<'_>) -> f64 {
        let products = columns
            .iter()
            .zip(values)
            .map(|(&column, &value)| self.weights[column as usize] * f64::from(value));
        products.sum::<f64>() + self.intercept
    }
}

impl Sums {
    pub(crate) fn add(&mut self, other: &Self) {
        for (into, from) in [
            (&mut self.products, &other.products),
            (&mut self.responses, &other.responses),
            (&mut self.columns, &other.columns),
        ] {
            into.iter_mut().zip(from).for_each(|(sum, number)| *sum += number);
        }
        self.labels += other.labels;
        self.errors += other.errors;
        self.rows += other.rows;
    }

    /// The minimum of half the mean squared error and the penalty. With an intercept, columns and labels are centred first,
    /// which takes it out of the equations.
    pub(crate) fn solve(mut self, l2: f64, intercept: bool) -> Result<Linear> {
        let rows = self.rows.max(1) as f64;
        let centre = if intercept { 1.0 / rows } else { 0.0 };
        for (line, &column) in self.columns.iter().enumerate() {
            for (product, other) in self.products[triangle(line)..][..=line].iter_mut().zip(&self.columns) {
                *product = (*product - column * other * centre) / rows;
            }
            self.products[triangle(line) + line] += l2;
            self.responses[line] = (self.responses[line] - column * self.labels * centre) / rows;
        }
        factor(&mut self.products, self.columns.len())?;
        let weights = substitute(&self.products, self.responses);
        let values: f64 = weights.iter().zip(&self.columns).map(|(weight, column)| weight * column).sum();
        Ok(Linear { weights, intercept: (self.labels - values) * centre })
    }
}

/// Replaces the lower triangle of a matrix by that of its Cholesky factor (Golub and Van Loan, "Matrix Computations", 4.2).
fn factor(matrix: &mut [f64], width: usize) -> Result<()> {
    for line in 0..width {
        let (above, own) = matrix.split_at_mut(triangle(line));
        for column in 0..=line {
            let other = if column < line { &above[triangle(column)..][..=column] } else { &own[..=line] };
            let products = own[..column].iter().zip(other).map(|(a, b)| a * b);
            let left = own[column] - products.sum::<f64>();
            if column < line {
                own[column] = left / other[column];
            } else if left > own[column] * width as f64 * f64::EPSILON {
                own[column] = left.sqrt();
            } else {
                let text = format!("column {} depends on columns before it: give a larger --l2", line + 1);
                return Err(text.into());
            }
        }
    }
    Ok(())
}

/// The solution for one right-hand side, given the factor.
fn substitute(factor: &[f64], mut right: Vec<f64>) -> Vec<f64> {
    for line in 0..right.len() {
        let row = &factor[triangle(line)..][..=line];
        let known: f64 = row[..line].iter().zip(&right).map(|(a, b)| a * b).sum();
        right[line] = (right[line] - known) / row[line];
    }
    for line in (0..right.len()).rev() {
        let row = &factor[triangle(line)..][..=line];
        right[line] /= row[line];
        let known = right[line];
        right[..line].iter_mut().zip(row).for_each(|(value, share)| *value -= share * known);
    }
    right
}

/// Numbers of a triangle of so many lines.
fn triangle(lines: usize) -> usize {
    lines * (lines + 1) / 2
}
