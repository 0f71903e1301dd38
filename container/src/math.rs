//! Functions whose bits do not depend on the machine, and are quick.
//!
//! The system's `exp` and `ln` give other bits on other machines (and under other `hwcaps`), so everything here
//! is additions, multiplications, divisions and square roots, which IEEE 754 fixes, in an order that the source
//! fixes: Rust neither reorders nor contracts floating-point operations. The f64 functions are those of the
//! `libm` crate, which is pure Rust; the f32 exponential and the sparse kernels are our own.
//!
//! NaN goes in and comes out as a NaN, whose payload bits are not promised.

/// e^x; error below 1 unit in the last place.
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// The natural logarithm; error below 1 unit in the last place.
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// ln(1 + x), also for tiny x; error below 1 unit in the last place.
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// x^y; error below 1 unit in the last place.
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// The sine of an angle in radians; error below 1 unit in the last place.
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// The cosine of an angle in radians; error below 1 unit in the last place.
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// The hyperbolic tangent; error below 2 units in the last place.
pub fn tanh(x: f64) -> f64 {
    libm::tanh(x)
}

/// e^x for x in [-87, 0], without a branch: relative error below 0.67 · 2^-23 (every f32 of that range was
/// compared). Outside [-87, 0] the result means nothing, but nothing breaks; NaN gives NaN.
///
/// x = k ln 2 + r with |r| <= ln 2 / 2, and e^r = 1 + r + r² q(r) with q of degree 4, the minimax fit (error
/// 0.03 · 2^-23) found by Remez exchange. ln 2 is split in two so that k times its upper part is exact.
#[inline]
pub fn exp_of_negative(x: f32) -> f32 {
    let (r, k) = reduce(x);
    exp_reduced(r) * power_of_two(k)
}

/// e^x for any x: relative error below 2^-23 where the result is normal, below half a step more where it is
/// subnormal; infinity above 88.73, 0 below -104, NaN for NaN.
pub fn exp_f32(x: f32) -> f32 {
    if x > 89.0 {
        return f32::INFINITY;
    }
    if x < -104.0 {
        return 0.0;
    }
    let (r, k) = reduce(x);
    // In two steps, as 2^k itself may be too large or too small for an f32 although the result is not. The
    // first product is exact.
    let half = k / 2;
    exp_reduced(r) * power_of_two(half) * power_of_two(k - half)
}

/// All that a scan over rows needs from one margin (label times score, label -1 or 1) of the logistic loss
/// ln(1 + e^-m), for the price of one exponential.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Logistic {
    /// max(-m, 0). The loss is `linear + ln(one_plus_e)`.
    pub linear: f32,
    /// 1 + e^-|m|, in [1, 2]: give it to a [`LogSum`].
    pub one_plus_e: f64,
    /// The derivative of the loss by the margin, -1 / (1 + e^m), in [-1, 0]: times the label it is the row's
    /// coefficient in the gradient. Relative error below 2 · 2^-23; margins beyond 87 count as 87.
    pub slope: f32,
}

impl Logistic {
    /// The loss of one row, at the price of a logarithm of its own; scans use [`LogSum`].
    pub fn loss(&self) -> f64 {
        f64::from(self.linear) + ln(self.one_plus_e)
    }
}

/// The logistic loss at one margin. A NaN margin makes every field NaN, so that a diverged model is seen.
#[inline]
pub fn logistic(margin: f32) -> Logistic {
    let distance = margin.abs();
    // Not `min`, which would drop a NaN.
    let e = exp_of_negative(if distance > 87.0 { -87.0 } else { -distance });
    let right = margin > 0.0;
    Logistic {
        linear: if right { 0.0 } else { -margin },
        one_plus_e: 1.0 + f64::from(e),
        slope: -(if right { e } else { 1.0 }) / (1.0 + e),
    }
}

/// The sum of ln(factor) over many factors, as the logarithm of their product: one logarithm per 512 factors
/// of at most 2, which is what the loss of 512 rows costs.
///
/// Each factor adds an absolute error of at most 2^-53 to the sum, about what adding logarithms would.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogSum {
    product: f64,
    sum: f64,
}

impl LogSum {
    /// The sum of nothing: 0.
    pub fn new() -> Self {
        LogSum { product: 1.0, sum: 0.0 }
    }

    /// Adds ln(`one_plus_e`), a number from 1 to 2^500; for [`logistic`] it is at most 2.
    #[inline]
    pub fn add(&mut self, one_plus_e: f64) {
        self.product *= one_plus_e;
        // The product and not a counter decides: it is the overflow that must be avoided.
        if self.product >= TWO_TO_512 {
            self.sum += ln(self.product);
            self.product = 1.0;
        }
    }

    /// The sum so far.
    pub fn total(&self) -> f64 {
        self.sum + ln(self.product)
    }
}

impl Default for LogSum {
    fn default() -> Self {
        LogSum::new()
    }
}

/// The dot product of a sparse row with dense weights, added up in four lanes: numbers 0, 4, 8 … of the row
/// in the first lane and so on, then (0 + 2) + (1 + 3). That order is part of the promise of equal bits.
///
/// # Panics
/// If `columns` and `values` differ in length, or a column is not below `weights.len()`: the caller broke the
/// contract of a loaded row.
#[inline]
pub fn dot(columns: &[u32], values: &[f32], weights: &[f32]) -> f32 {
    assert_eq!(columns.len(), values.len(), "a row has as many columns as values");
    let (column_groups, column_rest) = columns.as_chunks::<4>();
    let (value_groups, value_rest) = values.as_chunks::<4>();
    let mut lanes = [0.0f32; 4];
    for (columns, values) in column_groups.iter().zip(value_groups) {
        for lane in 0..4 {
            lanes[lane] += values[lane] * weights[columns[lane] as usize];
        }
    }
    for ((sum, column), value) in lanes.iter_mut().zip(column_rest).zip(value_rest) {
        *sum += value * weights[*column as usize];
    }
    (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])
}

/// Adds `scale` times a sparse row to dense weights: one multiplication and one addition per number, in the
/// row's order.
///
/// # Panics
/// As [`dot`].
#[inline]
pub fn add_scaled(columns: &[u32], values: &[f32], scale: f32, weights: &mut [f32]) {
    assert_eq!(columns.len(), values.len(), "a row has as many columns as values");
    for (column, value) in columns.iter().zip(values) {
        weights[*column as usize] += scale * value;
    }
}

const TWO_TO_512: f64 = f64::from_bits((1023 + 512) << 52);

/// Adding and subtracting it rounds a small number to an integer, and leaves that integer in the low bits.
const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
const ROUND_BITS: i32 = ROUND.to_bits() as i32;
/// The upper 9 bits of ln 2, so that products with |k| < 2^15 are exact, and the rest.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// x = k ln 2 + r.
#[inline]
fn reduce(x: f32) -> (f32, i32) {
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    (r, (shifted.to_bits() as i32).wrapping_sub(ROUND_BITS))
}

/// e^r for |r| <= ln 2 / 2.
#[inline]
fn exp_reduced(r: f32) -> f32 {
    let mut q = 0.001_381_460_2f32;
    for coefficient in [0.008_368_715, 0.041_668_39, 0.166_665_21, 0.499_999_93] {
        q = q * r + coefficient;
    }
    let sum = 1.0 + r;
    // What rounding took from the sum, exactly (Dekker); without it the error would be 0.69 · 2^-23.
    let lost = r - (sum - 1.0);
    sum + (lost + (r * r) * q)
}

/// 2^k for k in -126..=127; something else outside.
#[inline]
fn power_of_two(k: i32) -> f32 {
    f32::from_bits(k.wrapping_add(127).wrapping_shl(23) as u32)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // The system's functions are what ours are compared with.
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn relative_error(found: f32, x: f32) -> f64 {
        let exact = f64::from(x).exp();
        (f64::from(found) - exact).abs() / exact * 2f64.powi(23)
    }

    /// The worst error over every `step`-th f32 of [-87, 0].
    fn worst(step: usize) -> f64 {
        (0..=87f32.to_bits())
            .step_by(step)
            .map(|bits| -f32::from_bits(bits))
            .map(|x| relative_error(exp_of_negative(x), x))
            .fold(0.0, f64::max)
    }

    #[test]
    fn the_exponential_of_negatives_is_close_everywhere() {
        assert!(worst(5_003) < 0.67, "{}", worst(5_003));
        assert_eq!(exp_of_negative(0.0), 1.0);
        assert!(exp_of_negative(f32::NAN).is_nan());
    }

    #[test]
    #[ignore = "compares all 1,118,699,521 numbers: a minute in release"]
    fn the_exponential_of_negatives_is_close_for_every_number() {
        assert!(worst(1) < 0.67, "{}", worst(1));
    }

    #[test]
    fn the_exponential_of_anything() {
        let mut rng = Rng::new(&[1]);
        for _ in 0..200_000 {
            let x = (rng.uniform_f32() - 0.5) * 174.0;
            assert!(relative_error(exp_f32(x), x) < 1.0, "{x}");
        }
        for (x, exact) in [(f32::INFINITY, f32::INFINITY), (f32::NEG_INFINITY, 0.0), (88.8, f32::INFINITY)] {
            assert_eq!(exp_f32(x), exact);
        }
        assert!(exp_f32(88.72).is_finite());
        assert!(exp_f32(f32::NAN).is_nan());
        for x in [-88.0f32, -95.5, -103.0] {
            let error = (f64::from(exp_f32(x)) - f64::from(x).exp()).abs();
            assert!(error <= f64::from(f32::from_bits(1)), "{x}: {error}");
        }
    }

    #[test]
    fn bits_are_those_of_every_machine() {
        let mut digest = 0u64;
        let mut rng = Rng::new(&[2]);
        let mut mix = |bits: u64| digest = (digest.rotate_left(5) ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for _ in 0..10_000 {
            let x = rng.normal() * 10.0;
            mix(exp(x).to_bits());
            mix(ln(x.abs()).to_bits());
            mix(ln_1p(x.abs()).to_bits());
            mix(sin(x).to_bits() ^ cos(x).to_bits() ^ tanh(x).to_bits());
            mix(pow(x.abs(), 0.7).to_bits());
            mix(u64::from(exp_f32(x as f32).to_bits()));
            mix(u64::from(logistic(x as f32).slope.to_bits()));
        }
        assert_eq!(digest, 17_973_620_753_511_460_974);
    }

    #[test]
    fn logistic_loss_and_slope_at_known_margins() {
        for m in [-200.0f32, -87.5, -3.0, -1e-4, 0.0, 1e-4, 0.5, 10.0, 86.0] {
            let found = logistic(m);
            let loss = if m < 0.0 { -f64::from(m) } else { 0.0 } + (-f64::from(m.abs())).exp().ln_1p();
            assert!((found.loss() - loss).abs() <= 1e-7 * loss.max(1e-8), "{m}: {} {loss}", found.loss());
            let slope = -1.0 / (1.0 + f64::from(m).exp());
            assert!((f64::from(found.slope) / slope - 1.0).abs() < 2.0 * 2f64.powi(-23), "{m}");
        }
        let nan = logistic(f32::NAN);
        assert!(nan.linear.is_nan() && nan.one_plus_e.is_nan() && nan.slope.is_nan());
        assert_eq!(logistic(f32::NEG_INFINITY).linear, f32::INFINITY);
    }

    #[test]
    fn a_sum_of_logarithms_is_the_logarithm_of_the_product() {
        let mut rng = Rng::new(&[3]);
        let (mut sum, mut exact) = (LogSum::new(), 0.0);
        for _ in 0..10_000 {
            let factor = 1.0 + rng.uniform_f64();
            sum.add(factor);
            exact += factor.ln();
        }
        assert!((sum.total() - exact).abs() < 1e-9 * exact);
        assert_eq!(LogSum::default().total(), 0.0);
        sum.add(f64::NAN);
        assert!(sum.total().is_nan());
    }

    #[test]
    fn kernels_add_in_the_documented_order() {
        let weights: Vec<f32> = (0..50).map(|i| (i as f32).sin()).collect();
        for length in 0..12 {
            let columns: Vec<u32> = (0..length).map(|i| i * 4).collect();
            let values: Vec<f32> = (0..length).map(|i| 1.0 / (i + 1) as f32).collect();
            let mut lanes = [0.0f32; 4];
            for i in 0..length as usize {
                lanes[i % 4] += values[i] * weights[columns[i] as usize];
            }
            let expected = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
            assert_eq!(dot(&columns, &values, &weights).to_bits(), expected.to_bits());
            let mut moved = weights.clone();
            add_scaled(&columns, &values, -0.5, &mut moved);
            for (i, column) in columns.iter().enumerate() {
                assert_eq!(moved[*column as usize], weights[*column as usize] + -0.5 * values[i]);
            }
        }
    }

    #[test]
    #[should_panic(expected = "as many columns as values")]
    fn unequal_lengths_are_refused() {
        dot(&[0], &[], &[1.0]);
    }

    #[test]
    #[should_panic(expected = "out of bounds")]
    fn a_column_out_of_range_is_refused() {
        add_scaled(&[0, 1, 2, 3], &[1.0; 4], 1.0, &mut [0.0; 3]);
    }
}
