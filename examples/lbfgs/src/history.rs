//! The last steps and gradient changes, and the direction that they suggest.

/// Pairs of steps s and gradient changes y. They are f32 to be half as long on their way to the workers that keep the master's
/// memory, and stay in their places, so that only the new one has to go there; all arithmetic is f64.
#[lapwing::wire]
#[derive(Default)]
pub(crate) struct History {
    pairs: Vec<Pair>,
    /// Where the oldest one is; the others follow in turn.
    oldest: u32,
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
        let pair = Pair { step, change, rho: 1.0 / curvature, scale: curvature / square };
        if self.pairs.len() < limit {
            self.pairs.push(pair);
        } else {
            self.pairs[self.oldest as usize] = pair;
            self.oldest = (self.oldest + 1) % limit as u32;
        }
    }

    /// From the oldest to the newest.
    fn in_order(&self) -> impl DoubleEndedIterator<Item = &Pair> {
        let (newer, older) = self.pairs.split_at(self.oldest as usize);
        older.iter().chain(newer)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Minus the approximate inverse Hessian times the gradient: the two-loop recursion (Nocedal, "Updating Quasi-Newton
    /// Matrices with Limited Storage", 1980).
    pub(crate) fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for pair in self.in_order().rev() {
            let share = pair.rho * dot(&pair.step, &direction);
            add(&mut direction, -share, &pair.change);
            shares.push(share);
        }
        let scale = self.in_order().next_back().map_or(1.0, |pair| pair.scale);
        direction.iter_mut().for_each(|slope| *slope *= scale);
        for (pair, share) in self.in_order().zip(shares.iter().rev()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_pair_makes_room_for_the_newest() {
        let pair = |number: u8| {
            let number = f32::from(number);
            (vec![1.0, number, -number], vec![number, 1.0 + number, 0.5])
        };
        let history = |numbers: std::ops::RangeInclusive<u8>| {
            let mut history = History::default();
            numbers.map(pair).for_each(|(step, change)| history.push(step, change, 3));
            history
        };
        let gradient = [0.5, -2.0, 1.0];
        for last in 3..9 {
            let (long, short) = (history(1..=last), history(last - 2..=last));
            assert_eq!(long.direction(&gradient), short.direction(&gradient), "{last}");
        }
    }
}
