//! From one point to the next: the line search, laid out so that hardly any pass is spent on looking.
//!
//! The trial with step 1 is broadcast at once, and its pass returns the gradient there. If it is good enough (the weak Wolfe
//! conditions), which is the rule after the first few, an iteration is one pass. If not, the cubic through both ends says
//! where to go instead, and that point is taken if it is lower. If it is not, and at the very beginning, when nothing is known
//! about how far to go, one pass measures the objective at eight steps along the line, which costs two products per row and not
//! eight; the parabola through the lowest three gives the next point.

use lapwing::{Result, Step};

use super::Lbfgs;
use super::history::{History, dot, dot_pair};
use super::line::{cubic, lowest, walk};
use super::scan::Sums;

/// What is broadcast.
#[lapwing::wire]
pub(crate) enum State {
    /// Asks for objective and gradient at this point.
    At(Vec<f32>),
    /// Asks for the objective at `from` and so many steps `along` from there.
    Search { from: Vec<f32>, along: Vec<f32>, steps: Vec<f64> },
}

/// What the master remembers: the newest point that was accepted, and how it came there.
#[lapwing::wire]
#[derive(Default)]
pub(crate) struct Memory {
    point: Vec<f32>,
    gradient: Vec<f64>,
    objective: f64,
    history: History,
    /// How the point that is being measured was found.
    trial: Trial,
}

/// The ways to a point, in the order in which they are tried.
#[lapwing::wire]
#[derive(Default, Clone, Copy, PartialEq)]
pub(crate) enum Trial {
    /// The whole of the direction that the history suggests.
    #[default]
    Whole,
    /// The minimum of the cubic through that and the last point.
    Cubic,
    /// The lowest point of a search.
    Searched,
}

/// The objective must fall by this share of what the slope promises (Armijo),
const DECREASE: f64 = 1e-4;
/// and the slope to less than this share of itself (Wolfe), else the step was too short.
const CURVATURE: f64 = 0.9;
/// Of itself: what the objective may seem to rise by rounding alone.
const NOISE: f64 = 1e-9;

impl State {
    /// The point that the model is made of.
    pub(crate) fn point(&self) -> &[f32] {
        match self {
            State::At(point) | State::Search { from: point, .. } => point,
        }
    }
}

impl Lbfgs {
    /// Mean loss and penalty.
    pub(crate) fn objective(&self, loss: f64, rows: u64, point: &[f32]) -> f64 {
        loss / rows.max(1) as f64 + 0.5 * self.l2 * self.penalty_dot(point, point)
    }

    pub(crate) fn next(&self, state: State, sums: Sums, memory: &mut Memory) -> Result<Step<State>> {
        match state {
            State::At(point) => self.judge(point, sums, memory),
            State::Search { from, along, steps } => Ok(self.choose(from, along, &steps, &sums, memory)),
        }
    }

    /// Takes the measured point, or searches between it and the last one.
    fn judge(&self, point: Vec<f32>, sums: Sums, memory: &mut Memory) -> Result<Step<State>> {
        let objective = self.objective(sums.losses[0], sums.rows, &point);
        let gradient = self.gradient(&sums, &point);
        if !memory.point.is_empty() {
            let step: Vec<f32> = point.iter().zip(&memory.point).map(|(new, old)| new - old).collect();
            let slope = dot(&step, &memory.gradient);
            let noise = NOISE * memory.objective.abs();
            // Written so that a NaN is a rise.
            let falls = objective <= memory.objective + DECREASE * slope + noise;
            let short = dot(&step, &gradient) < CURVATURE * slope;
            match memory.trial {
                // The lowest of many points, though it may fall by less than the slope promises.
                Trial::Searched if objective < memory.objective => {}
                Trial::Searched | Trial::Cubic if !falls => {
                    memory.trial = Trial::Searched;
                    let steps = POWERS.map(|power| 0.5 * power).to_vec();
                    let (state, done) = search(memory.point.clone(), step, steps, memory);
                    return Ok(Step { state, objective, done });
                }
                Trial::Whole if short || !falls => {
                    memory.trial = Trial::Cubic;
                    let share = cubic([memory.objective, objective], [slope, dot(&step, &gradient)], falls);
                    let state = State::At(walk(&memory.point, &step, share));
                    return Ok(Step { state, objective, done: false });
                }
                _ => {}
            }
            let change = gradient.iter().zip(&memory.gradient).map(|(new, old)| (new - old) as f32).collect();
            memory.history.push(step, change, self.history as usize);
        } else if !objective.is_finite() {
            return Err(
                "the objective of the first pass is not a finite number: are there huge values in the input?"
                    .into(),
            );
        }
        (memory.point, memory.gradient, memory.objective) = (point, gradient, objective);
        memory.trial = Trial::Whole;
        let steepest = memory.gradient.iter().fold(0.0f64, |most, slope| most.max(slope.abs()));
        if steepest <= self.gradient_tolerance {
            return Ok(Step { state: State::At(memory.point.clone()), objective, done: true });
        }
        Ok(Step { state: self.onward(memory), objective, done: false })
    }

    /// Where to look next from the newest point.
    fn onward(&self, memory: &mut Memory) -> State {
        let mut direction = memory.history.direction(&memory.gradient);
        let downhill: f64 = direction.iter().zip(&memory.gradient).map(|(along, slope)| along * slope).sum();
        if downhill >= 0.0 || downhill.is_nan() {
            memory.history.clear();
            direction = memory.history.direction(&memory.gradient);
        }
        let from = memory.point.clone();
        if memory.history.is_empty() {
            // Nothing is known yet about how far to go downhill.
            let length = direction.iter().map(|along| along * along).sum::<f64>().sqrt();
            memory.trial = Trial::Searched;
            let along = direction.iter().map(|along| (along / length) as f32).collect();
            return State::Search { from, along, steps: POWERS.map(|power| 32.0 * power).to_vec() };
        }
        State::At(from.iter().zip(&direction).map(|(&old, along)| (f64::from(old) + along) as f32).collect())
    }

    /// The lowest point of a search.
    fn choose(
        &self,
        from: Vec<f32>,
        along: Vec<f32>,
        steps: &[f64],
        sums: &Sums,
        memory: &Memory,
    ) -> Step<State> {
        let cross = self.penalty_dot(&from, &along);
        let squares = [self.penalty_dot(&from, &from), self.penalty_dot(&along, &along)];
        let objective = |loss: f64, step: f64| {
            loss / sums.rows.max(1) as f64
                + 0.5 * self.l2 * (squares[0] + 2.0 * step * cross + step * step * squares[1])
        };
        let mut line = vec![(0.0, memory.objective)];
        line.extend(steps.iter().zip(&sums.losses[1..]).map(|(&step, &loss)| (step, objective(loss, step))));
        let (state, done) = match lowest(line) {
            Some(step) => (State::At(walk(&from, &along, step)), false),
            // All were too long.
            None => search(from, along, steps.iter().map(|step| step * SHORTER).collect(), memory),
        };
        // No pass of this kind has an objective: it measures many points.
        Step { state, objective: f64::NAN, done }
    }

    fn gradient(&self, sums: &Sums, point: &[f32]) -> Vec<f64> {
        let rows = sums.rows.max(1) as f64;
        let mut gradient: Vec<f64> = sums.gradient.iter().map(|slope| slope / rows).collect();
        let width = point.len() / self.blocks();
        for (slopes, weights) in gradient.chunks_exact_mut(width).zip(point.chunks_exact(width)) {
            let penalised = slopes.iter_mut().zip(&weights[..width - 1]);
            penalised.for_each(|(slope, &weight)| *slope += self.l2 * f64::from(weight));
        }
        gradient
    }
}

/// From the longest step of a search to that of the next: behind its shortest.
const SHORTER: f64 = 1.0 / 256.0;
/// Of the objective: a smaller fall cannot be told from the rounding of margins to f32.
const SEEN: f64 = 1e-8;
/// No search begins with a shorter step.
const SHORTEST: f64 = 1e-30;

/// Measures these steps, unless they are so short that it could not be seen to go lower: f32 would not tell the points apart, or
/// the longest promises less than what the objective is rounded by.
fn search(from: Vec<f32>, along: Vec<f32>, steps: Vec<f64>, memory: &Memory) -> (State, bool) {
    let length = |point: &[f32]| dot_pair(point, point).sqrt();
    let (longest, start) = (steps[0] * length(&along), length(&from));
    let promised = -steps[0] * dot(&along, &memory.gradient);
    let told_apart = longest > SHORTEST.max(f64::from(f32::EPSILON) * start);
    if told_apart && promised > SEEN * memory.objective.abs() {
        (State::Search { from, along, steps }, false)
    } else {
        (State::At(from), true)
    }
}

/// 1, 1/2, … 1/128.
const POWERS: [f64; 8] = [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125];
