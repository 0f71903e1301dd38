//! The scans for more than two classes. A point holds for each class in turn a weight for each column, then the intercept; labels
//! are 0, 1, … below the number of classes. A row's loss is ln Σ exp(scores) - score of its own class.

use lapwing::load::SparseRows;
use lapwing::math::{dot, exp, ln};
use lapwing::{Prediction, Result};

use super::scan::Sums;

/// The loss and its gradient at a point.
pub(crate) fn gradient(data: &SparseRows, point: &[f32], classes: usize, intercept: bool) -> Result<Sums> {
    let width = point.len() / classes;
    let mut gradient = vec![0.0f64; point.len()];
    let (mut loss, mut scores) = (0.0f64, vec![0.0f64; classes]);
    for (label, columns, values) in data.iter() {
        let own = class(label, classes)?;
        scores_of(&mut scores, columns, values, point, width);
        let own_score = scores[own];
        // The scores become probabilities.
        loss += normalise(&mut scores) - own_score;
        for (class, &probability) in scores.iter().enumerate() {
            let slope = probability - f64::from(u8::from(class == own));
            let block = &mut gradient[class * width..(class + 1) * width];
            for (&column, &value) in columns.iter().zip(values) {
                block[column as usize] += slope * f64::from(value);
            }
            if intercept {
                block[width - 1] += slope;
            }
        }
    }
    Ok(Sums { losses: vec![loss], gradient, rows: data.rows() as u64, positive: 0 })
}

/// The loss at a point, and at the points so many steps along a direction from it.
pub(crate) fn losses(
    data: &SparseRows,
    from: &[f32],
    along: &[f32],
    steps: &[f64],
    classes: usize,
) -> Result<Sums> {
    let width = from.len() / classes;
    let mut losses = vec![0.0f64; steps.len() + 1];
    let [mut scores, mut slopes, mut there] = [(); 3].map(|()| vec![0.0f64; classes]);
    for (label, columns, values) in data.iter() {
        let own = class(label, classes)?;
        scores_of(&mut scores, columns, values, from, width);
        if !along.is_empty() {
            scores_of(&mut slopes, columns, values, along, width);
        }
        for (loss, step) in losses.iter_mut().zip(std::iter::once(&0.0).chain(steps)) {
            let moved = scores.iter().zip(&slopes).map(|(score, slope)| score + step * slope);
            there.iter_mut().zip(moved).for_each(|(there, score)| *there = score);
            let own_score = there[own];
            *loss += normalise(&mut there) - own_score;
        }
    }
    Ok(Sums { losses, gradient: Vec::new(), rows: data.rows() as u64, positive: 0 })
}

/// The likeliest class of each row.
pub(crate) fn predict(data: &SparseRows, point: &[f32], classes: usize) -> Result<Vec<Prediction>> {
    let width = point.len() / classes;
    let (columns, trained) = (data.columns() as usize, width.saturating_sub(1));
    if columns > trained {
        return Err(format!("the rows have {columns} columns, the model was trained on {trained}").into());
    }
    let mut scores = vec![0.0f64; classes];
    let predict = |(label, columns, values): (f32, &[u32], &[f32])| {
        let own = class(label, classes)?;
        scores_of(&mut scores, columns, values, point, width);
        let own_score = scores[own];
        let best =
            (0..classes).fold(0, |best, class| if scores[class] > scores[best] { class } else { best });
        let loss = normalise(&mut scores) - own_score;
        Ok(Prediction { value: best as f32, score: best as f32, label, correct: Some(best == own), loss })
    };
    data.iter().map(predict).collect()
}

fn scores_of(scores: &mut [f64], columns: &[u32], values: &[f32], point: &[f32], width: usize) {
    for (score, block) in scores.iter_mut().zip(point.chunks_exact(width)) {
        *score = f64::from(dot(columns, values, &block[..width - 1]) + block[width - 1]);
    }
}

/// Turns scores into probabilities; ln Σ exp(scores).
fn normalise(scores: &mut [f64]) -> f64 {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = exp(*score - most);
        sum += *score;
    }
    scores.iter_mut().for_each(|score| *score /= sum);
    most + ln(sum)
}

fn class(label: f32, classes: usize) -> Result<usize> {
    if label >= 0.0 && label < classes as f32 && label.fract() == 0.0 {
        return Ok(label as usize);
    }
    let last = classes - 1;
    Err(format!(
        "a row has the label {label}: with --classes {classes} labels are whole numbers from 0 to {last}"
    )
    .into())
}
