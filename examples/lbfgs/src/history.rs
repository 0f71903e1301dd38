//! The last steps and gradient changes, and the direction that they suggest.

/// Pairs of steps s and gradient changes y, the newest last. They are f32 to be half as long on their way to the workers that
/// keep the master's memory; all arithmetic is f64.
#[lapwing::wire]
#[derive(Default)]
pub(crate) struct History {
    pairs: Vec<Pair>,
}

#[lapwing::wire]
struct Pair {
    step: Vec<f32>,
    change: Vec<f32>,
    /// 1 / (s . y)
    rho: f64,
    /// (s . y) / (y . y), the scale of the inverse Hessian.
    scale: f64,
}

impl History {
    /// Remembers a pair in place of the oldest of `limit`; one without positive curvature says nothing and is not taken.
    pub(crate) fn push(&mut self, step: Vec<f32>, change: Vec<f32>, limit: usize) {
        let (curvature, square) = (dot_pair(&step, &change), dot_pair(&change, &change));
        if curvature <= f64::EPSILON * square {
            return;
        }
        if self.pairs.len() >= limit {
            self.pairs.drain(..=self.pairs.len() - limit);
        }
        self.pairs.push(Pair { step, change, rho: 1.0 / curvature, scale: curvature / square });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
    }

    /// Minus the approximate inverse Hessian times the gradient: the two-loop recursion (Nocedal, "Updating Quasi-Newton
    /// Matrices with Limited Storage", 1980).
    pub(crate) fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let share = pair.rho * dot(&pair.step, &direction);
            add(&mut direction, -share, &pair.change);
            shares.push(share);
        }
        let scale = self.pairs.last().map_or(1.0, |pair| pair.scale);
        direction.iter_mut().for_each(|slope| *slope *= scale);
        for (pair, share) in self.pairs.iter().zip(shares.iter().rev()) {
            let back = pair.rho * dot(&pair.change, &direction);
            add(&mut direction, share - back, &pair.step);
        }
        direction
    }
}

/// In eight lanes, since one would wait for itself.
pub(crate) fn dot(left: &[f32], right: &[f64]) -> f64 {
    sum_of_products(left, right, f64::from, |number| number)
}

pub(crate) fn dot_pair(left: &[f32], right: &[f32]) -> f64 {
    sum_of_products(left, right, f64::from, f64::from)
}

fn sum_of_products<L: Copy, R: Copy>(
    left: &[L],
    right: &[R],
    l: impl Fn(L) -> f64,
    r: impl Fn(R) -> f64,
) -> f64 {
    let (left_groups, left_rest) = left.as_chunks::<8>();
    let (right_groups, right_rest) = right.as_chunks::<8>();
    let mut lanes = [0.0f64; 8];
    for (left, right) in left_groups.iter().zip(right_groups) {
        for lane in 0..8 {
            lanes[lane] += l(left[lane]) * r(right[lane]);
        }
    }
    for ((sum, &left), &right) in lanes.iter_mut().zip(left_rest).zip(right_rest) {
        *sum += l(left) * r(right);
    }
    lanes.iter().sum()
}

fn add(into: &mut [f64], times: f64, vector: &[f32]) {
    into.iter_mut().zip(vector).for_each(|(sum, &number)| *sum += times * f64::from(number));
}
