//! Numbers in text, eight digits at a time, in two steps that many numbers take together.
//!
//! First each token is *lifted*: its eight bytes are loaded as one word and shifted so that the last digit is
//! the top byte; the bytes below the first digit become zero, which is the digit 0. No loop and no branch
//! depends on a token's length. Then whole arrays of such words are turned into numbers, by loops that the
//! compiler makes vector instructions of, and are checked together: whether all were digits, and whether
//! rounding was safe. All arithmetic is on integers or correctly rounded, so neither the order nor the width
//! of the instructions can change a bit.
//!
//! A result is given only if it has the bits of Rust's own parser; callers ask that one about all the rest
//! (and thus it is also the judge of what is no number at all).

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;
const ZEROS: u64 = b'0' as u64 * ONES;
/// The digits 00000001.
const ONE: u64 = 1 << 56;

/// A number of up to eight digits before its conversion. As numbers, `Lifted` of equal kind are not ordered;
/// see [`order`].
pub(crate) type Lifted = u64;

/// Lifts `text[start..end]`, if that is one to eight bytes.
#[inline(always)]
pub(crate) fn lift_integer(text: &[u8], start: usize, end: usize) -> Option<Lifted> {
    let length = end - start;
    let lifted = lift(load(text, start)?, length);
    (length.wrapping_sub(1) < 8).then_some(lifted)
}

/// Lifts `text[start..end]` as digits and the factor that makes the number of them; `None` if that cannot be
/// done with the bits of Rust's own parser.
#[inline(always)]
pub(crate) fn lift_decimal(text: &[u8], start: usize, end: usize) -> Option<(Lifted, f64)> {
    let minus = *text.get(start)? == b'-';
    let from = start + usize::from(minus);
    let length = end - from;
    if length > 8 {
        return Some((ONE, long_decimal(text, start, end)?));
    }
    let (digits, dot) = remove_dot(lift(load(text, from)?, length));
    // A lone dot has no digits, but counts for the length.
    if length <= usize::from(dot < 8) || not_digits(digits) & HIGH != 0 {
        return Some((ONE, any_decimal(text.get(start..end)?)?));
    }
    Some((digits, SCALES[(dot as usize & 15) | usize::from(minus) << 4]))
}

/// A word that is ordered as its number is.
#[inline(always)]
pub(crate) fn order(lifted: Lifted) -> u64 {
    lifted.swap_bytes()
}

/// Converts lifted integers, each minus 1. Whether all were digits; if not, the results mean nothing.
pub(crate) fn integers_less_one(lifted: &[Lifted], into: &mut [u32]) -> bool {
    let mut strange = 0;
    for (lifted, into) in lifted.iter().zip(into) {
        strange |= not_digits(*lifted);
        *into = (eight_digits(*lifted) as u32).wrapping_sub(1);
    }
    strange & HIGH == 0
}

/// Converts lifted decimals. Whether all are as Rust's own parser has them; if not, the results mean nothing.
pub(crate) fn decimals(lifted: &[Lifted], scales: &[f64], into: &mut [f32]) -> bool {
    let mut unsure = 0;
    for ((lifted, scale), into) in lifted.iter().zip(scales).zip(into) {
        let value = f64::from(eight_digits(*lifted) as i32) * scale;
        // An integer is exact, so its rounding is safe; every other integer above 2^24 is such a middle.
        unsure |= u32::from(near_middle(value) & (scale.abs() < 1.0));
        *into = value as f32;
    }
    unsure == 0
}

/// One decimal, in one step; here with a plus sign, too, which labels often have.
pub(crate) fn decimal(text: &[u8], start: usize, end: usize) -> Option<f32> {
    let mut from = start;
    if *text.get(start)? == b'+' && !matches!(*text.get(start + 1)?, b'+' | b'-') {
        from += 1;
    }
    let (lifted, scale) = lift_decimal(text, from, end)?;
    let mut value = [0.0];
    decimals(&[lifted], &[scale], &mut value).then_some(value[0])
}

/// A decimal of more than eight bytes: an f64 that is an f32.
#[inline(always)]
fn long_decimal(text: &[u8], start: usize, end: usize) -> Option<f64> {
    let minus = *text.get(start)? == b'-';
    let from = start + usize::from(minus);
    let length = end - from;
    if length.wrapping_sub(9) < 8 {
        // The usual: the dot is among the first bytes, and the last eight are all digits.
        let (upper, dot) = remove_dot(lift(load(text, from)?, length - 8));
        let lower = load(text, end - 8)? ^ ZEROS;
        if dot < 8 && (not_digits(upper) | not_digits(lower)) & HIGH == 0 {
            let digits = (eight_digits(upper) * 100_000_000 + eight_digits(lower)) as i64;
            let value = digits as f64 * (SCALES[dot as usize & 7] * 1e-8);
            return to_f32(if minus { -value } else { value });
        }
    }
    any_decimal(text.get(start..end)?)
}

/// Any decimal, with an exponent or not, byte by byte.
#[cold]
#[inline(never)]
fn any_decimal(token: &[u8]) -> Option<f64> {
    let (negative, signed) = sign(*token.first()?);
    let mut rest = token[signed..].iter().copied().peekable();
    let (mut digits, mut kept, mut any) = (0i64, 0, false);
    // The value is `digits` times ten to this.
    let mut exponent = 0i32;
    let mut in_fraction = false;
    while let Some(byte) = rest.next_if(|byte| byte.is_ascii_digit() || (*byte == b'.' && !in_fraction)) {
        if byte == b'.' {
            in_fraction = true;
            continue;
        }
        any = true;
        exponent -= i32::from(in_fraction);
        if kept < 18 {
            digits = digits * 10 + i64::from(byte - b'0');
            kept += i32::from(digits > 0);
        } else {
            // The first 18 digits are enough: what is left out is below 10^-17 of the value.
            exponent = exponent.checked_add(1)?;
        }
    }
    if let Some(b'e' | b'E') = rest.peek() {
        rest.next();
        let below_zero = rest.next_if(|byte| matches!(byte, b'+' | b'-')) == Some(b'-');
        let written = rest.by_ref().try_fold((0i32, false), |(sum, _), byte| {
            (byte.is_ascii_digit() && sum < 1_000).then(|| (sum * 10 + i32::from(byte - b'0'), true))
        });
        let (written, true) = written? else { return None };
        exponent = exponent.checked_add(if below_zero { -written } else { written })?;
    }
    if !any || rest.next().is_some() {
        return None;
    }
    if exponent == 0 && digits < 1 << 53 {
        // Exact, so that rounding is safe even in the middle.
        let value = f64::from(digits as f64 as f32);
        return Some(if negative { -value } else { value });
    }
    let power = |exponent: i32| POWERS[exponent.unsigned_abs() as usize];
    let value = digits as f64;
    let value = match exponent {
        0..=22 => value * power(exponent),
        -22..0 => value / power(exponent),
        -44..-22 => value / 1e22 / power(exponent + 22),
        _ => return None,
    };
    if digits != 0 && !(f64::from(f32::MIN_POSITIVE)..1e38).contains(&value) {
        return None;
    }
    to_f32(if negative { -value } else { value })
}

/// The f32 nearest to a decimal, given as the f64 near it, if that is sure.
#[inline(always)]
fn to_f32(value: f64) -> Option<f64> {
    (!near_middle(value)).then_some(f64::from(value as f32))
}

/// Whether an f64 is so near the middle between two f32 that its last bits matter for rounding it.
///
/// It has at most five roundings behind it: the digits' conversion, what was cut off of them, up to two powers
/// of ten and the multiplication or division by each; together they are below 5 · 2^-53 of it, so below 5 of
/// its last places. Unless it is within 8 of them of the middle, the exact decimal rounds to the same side.
/// That is one number in thirty million, and left to the slow way. (For values of 0 or in the range of normal
/// f32.)
#[inline(always)]
fn near_middle(value: f64) -> bool {
    const CUT: u32 = (1 << 29) - 1; // The bits that an f64 has more than an f32.
    const MIDDLE: u32 = 1 << 28;
    (value.to_bits() as u32 & CUT).wrapping_sub(MIDDLE - 8) <= 16
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Eight bytes from `at`; `None` if the text ends before.
#[inline(always)]
fn load(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The first `length` (1 to 8) bytes of a word as digits in its top bytes, above zeros.
#[inline(always)]
fn lift(word: u64, length: usize) -> Lifted {
    (word ^ ZEROS).wrapping_shl(0u32.wrapping_sub(8 * length as u32))
}

/// Whether the byte is a sign: (minus, how many bytes the sign takes).
#[inline(always)]
fn sign(byte: u8) -> (bool, usize) {
    (byte == b'-', usize::from(byte == b'-' || byte == b'+'))
}

/// Moves the digits before the first dot up by one, over it. Gives the digits and the dot's byte; 8 if there is
/// none.
#[inline(always)]
fn remove_dot(digits: Lifted) -> (Lifted, u32) {
    // The usual test for a zero byte, whose lowest bit set is exact.
    let other = digits ^ (u64::from(b'.' ^ b'0') * ONES);
    let dots = other.wrapping_sub(ONES) & !other & HIGH;
    let through_dot = if dots == 0 { 0 } else { dots ^ dots.wrapping_sub(1) };
    let moved = digits ^ ((digits ^ (digits << 8)) & through_dot);
    (moved, dots.trailing_zeros() / 8)
}

/// Ten to the minus number of bytes that follow byte 0, 1 … 7 of a word; 1 for none of them; and all that
/// below zero.
const SCALES: [f64; 32] = {
    let mut scales = [1.0; 32];
    let small = [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0];
    let mut i = 0;
    while i < 16 {
        if i < 8 {
            scales[i] = small[i];
        }
        scales[i + 16] = -scales[i];
        i += 1;
    }
    scales
};

/// High bits where bytes are no digits.
#[inline(always)]
fn not_digits(lifted: Lifted) -> u64 {
    lifted.wrapping_add(0x76 * ONES) | lifted
}

/// The number that eight digit bytes make, the first digit in the lowest: first all pairs, then their sum. Each
/// product's factors are below 2^32, which vector instructions can do.
#[inline(always)]
fn eight_digits(digits: Lifted) -> u64 {
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let pair = |at: u32| (pairs >> at) & 0xff;
    pair(0) * 1_000_000 + pair(16) * 10_000 + pair(32) * 100 + pair(48)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// The quick result, the text being followed by what may follow in a file.
    fn quick(token: &str) -> Option<f32> {
        let text = [b"99:", token.as_bytes(), b" 99999999:99999999"].concat();
        decimal(&text, 3, 3 + token.len())
    }

    /// Checks a token against Rust's parser; whether the quick way took it.
    fn check(token: &str) -> bool {
        let found = quick(token);
        if let Some(found) = found {
            let expected = token.parse::<f32>().unwrap_or_else(|_| panic!("{token:?} is no number"));
            assert_eq!(found.to_bits(), expected.to_bits(), "{token:?}");
        }
        found.is_some()
    }

    fn digits(rng: &mut Rng, count: u64) -> String {
        (0..count).map(|_| char::from(b'0' + rng.below(10) as u8)).collect()
    }

    fn check_many(rounds: u64, seed: u64) {
        let mut rng = Rng::new(&[seed]);
        let mut taken = 0;
        for _ in 0..rounds {
            let sign = ["", "", "-", "+"][rng.below(4) as usize];
            let (whole, part) = (rng.below(9), rng.below(14));
            let plain = format!("{sign}{}.{}", digits(&mut rng, whole), digits(&mut rng, part));
            taken += u64::from(check(&plain));
            let exponent = rng.below(60) as i32 - 40;
            check(&format!("{plain}e{exponent}"));
            // Any f32, and the middle between it and the next, exactly and a little beside.
            let bits = rng.below(0x7f80_0000 - 1) as u32;
            let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
            let middle = (f64::from(low) + f64::from(high)) / 2.0;
            check(&format!("{sign}{low}"));
            check(&format!("{sign}{low:e}"));
            check(&format!("{middle:e}"));
            check(&format!("{middle}1"));
            let near = 0.001 + rng.uniform_f32() * 1000.0;
            let next = f32::from_bits(near.to_bits() + 1);
            let middle = (f64::from(near) + f64::from(next)) / 2.0;
            for places in 6..12 {
                check(&format!("{middle:.places$}"));
            }
            check(&format!("{}", rng.below(1 << 40)));
            check(&format!("{}", 16_777_216 + rng.below(1 << 26)));
        }
        assert!(taken > rounds * 98 / 100, "{taken} of {rounds} went the quick way");
    }

    #[test]
    fn decimals_have_the_bits_of_rust_s_own_parser() {
        check_many(10_000, 1);
    }

    #[test]
    #[ignore = "a hundred million numbers: half a minute in release"]
    fn very_many_decimals_have_the_bits_of_rust_s_own_parser() {
        check_many(7_000_000, 2);
    }

    #[test]
    fn what_is_no_number_is_not_taken() {
        for token in
            ["", ".", "-", "+", "+-1", "-+1", "--1", "1..2", "1.2.3", "1e", "e5", "1e+", "nan", "inf", "0x1"]
        {
            assert_eq!(quick(token), None, "{token:?}");
        }
        let mut rng = Rng::new(&[3]);
        for _ in 0..100_000 {
            let length = rng.below(20);
            let token: String =
                (0..length).map(|_| char::from(b"0123456789..-+eE/:;x"[rng.below(20) as usize])).collect();
            check(&token);
        }
    }

    #[test]
    fn zeros_keep_their_sign() {
        assert_eq!(quick("-0").map(f32::to_bits), Some((-0.0f32).to_bits()));
        assert_eq!(quick("-0.000000000").map(f32::to_bits), Some((-0.0f32).to_bits()));
        assert_eq!(quick("0e5").map(f32::to_bits), Some(0));
    }

    #[test]
    fn integers_and_their_order() {
        let mut rng = Rng::new(&[4]);
        let mut last = (0, 0);
        for _ in 0..10_000 {
            let kind = rng.below(4) as usize;
            let number = rng.below([10, 1_000, 100_000, 100_000_000][kind]);
            let text = format!("{number}:777777777");
            let lifted = lift_integer(text.as_bytes(), 0, text.len() - 10).unwrap();
            let mut found = [0];
            assert!(integers_less_one(&[lifted], &mut found));
            assert_eq!(u64::from(found[0].wrapping_add(1)), number);
            assert_eq!(last.0 < order(lifted), last.1 < number);
            last = (order(lifted), number);
        }
        assert_eq!(lift_integer(b"123456789:12345678", 0, 9), None);
        assert_eq!(lift_integer(b":1234567890", 0, 0), None);
        for wrong in ["1a", "-1", "1.", "1 "] {
            let text = format!("{wrong}:777777777");
            let lifted = lift_integer(text.as_bytes(), 0, 2).unwrap();
            assert!(!integers_less_one(&[lifted], &mut [0]), "{wrong:?}");
        }
    }
}
