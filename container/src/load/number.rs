//! Numbers in text, eight digits at a time.
//!
//! A token is *lifted*: its eight bytes are loaded as one word and shifted so that the last digit is the top
//! byte; the bytes below the first digit become zero, which is the digit 0. So no loop and no branch depends on
//! a token's length.
//!
//! A result is given only if it has the bits of Rust's own parser; callers ask that one about all the rest (and
//! thus it is also the judge of what is no number at all).

use crate::load::separators::REACH;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;
const ZEROS: u64 = b'0' as u64 * ONES;

/// Text in which a place of 16 bits needs no check, nor do the bytes after it.
pub(crate) type Text = [u8; REACH];

/// The number in `text[start..end]`, if that is one to eight digits (or `None`: ask the careful parser).
#[inline(always)]
pub(crate) fn integer(text: &Text, start: usize, end: u16) -> Option<u32> {
    let length = usize::from(end).wrapping_sub(start);
    let digits = lift(load(text, start), length);
    (length.wrapping_sub(1) < 8 && not_digits(digits) & HIGH == 0).then(|| eight_digits(digits))
}

/// The number in `text[start..end]` as an f32 with the bits of Rust's own parser, or `None`: ask that one.
#[inline(always)]
pub(crate) fn decimal(text: &Text, start: usize, end: u16) -> Option<f32> {
    let minus = usize::from(text[start] == b'-');
    let from = start + minus;
    let length = usize::from(end).wrapping_sub(from);
    if length.wrapping_sub(1) >= 8 {
        return long_decimal(text, start, end);
    }
    let (digits, dot) = remove_dot(lift(load(text, from), length));
    // A lone dot has no digits; a dot at the end is odd enough for the slow way.
    if (not_digits(digits) | dot.at_end) & HIGH != 0 {
        return any_decimal(text.get(start..usize::from(end))?);
    }
    let value = f64::from(eight_digits(digits) as i32) * SCALES[minus][dot.place];
    to_f32(value).or_else(|| any_decimal(text.get(start..usize::from(end))?))
}

/// As [`decimal`], here with a plus sign, too, which labels often have.
#[inline(always)]
pub(crate) fn label(text: &Text, start: usize, end: u16) -> Option<f32> {
    let plus = text[start] == b'+' && !matches!(text[start + 1], b'+' | b'-');
    decimal(text, start + usize::from(plus), end)
}

/// A decimal of more than eight bytes.
#[inline(always)]
fn long_decimal(text: &Text, start: usize, end: u16) -> Option<f32> {
    let end = usize::from(end);
    let minus = usize::from(text[start] == b'-');
    let length = end.wrapping_sub(start + minus);
    if length.wrapping_sub(9) < 8 {
        // The usual: the dot is among the first bytes, and the last eight are all digits.
        let (upper, dot) = remove_dot(lift(load(text, start + minus), length - 8));
        let lower = load(text, end - 8) ^ ZEROS;
        if dot.found && (not_digits(upper) | not_digits(lower)) & HIGH == 0 {
            let digits = u64::from(eight_digits(upper)) * 100_000_000 + u64::from(eight_digits(lower));
            return to_f32(digits as i64 as f64 * (SCALES[minus][dot.place] * 1e-8));
        }
    }
    any_decimal(text.get(start..end)?)
}

/// Any decimal, with an exponent or not, byte by byte.
#[cold]
#[inline(never)]
fn any_decimal(token: &[u8]) -> Option<f32> {
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
        // Exact, so that rounding is safe even in the middle, where every other integer above 2^24 is.
        let value = digits as f64 as f32;
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

/// Rounds a decimal, given as the f64 near it, to the nearest f32, if it is sure which that is.
///
/// The f64 has at most five roundings behind it: the digits' conversion, what was cut off of them, up to two
/// powers of ten and the multiplication or division by each; together they are below 5 · 2^-53 of it, so below
/// 5 of its last places. Unless it is within 8 of them of the middle between two f32, the exact decimal rounds
/// to the same side. That is one number in thirty million, and left to the slow way. (For values of 0 or in
/// the range of normal f32.)
#[inline(always)]
fn to_f32(value: f64) -> Option<f32> {
    const CUT: u32 = (1 << 29) - 1; // The bits that an f64 has more than an f32.
    const MIDDLE: u32 = 1 << 28;
    let near_middle = (value.to_bits() as u32 & CUT).wrapping_sub(MIDDLE - 8) <= 16;
    (!near_middle).then_some(value as f32)
}

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Eight bytes from `at`.
#[inline(always)]
fn load(text: &Text, at: usize) -> u64 {
    text[at..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The first `length` (1 to 8) bytes of a word as digits in its top bytes, above zeros.
#[inline(always)]
fn lift(word: u64, length: usize) -> u64 {
    (word ^ ZEROS).wrapping_shl(0u32.wrapping_sub(8 * length as u32))
}

/// Whether the byte is a sign: (minus, how many bytes the sign takes).
#[inline(always)]
fn sign(byte: u8) -> (bool, usize) {
    (byte == b'-', usize::from(byte == b'-' || byte == b'+'))
}

/// Where a dot was.
struct Dot {
    found: bool,
    /// Its byte of eight; 7 also if there is none.
    place: usize,
    /// The top bit is set if it is the last byte.
    at_end: u64,
}

/// Moves the digits before the first dot up by one, over it.
#[inline(always)]
fn remove_dot(digits: u64) -> (u64, Dot) {
    // The usual test for a zero byte, whose lowest bit set is exact.
    let other = digits ^ (u64::from(b'.' ^ b'0') * ONES);
    let dots = other.wrapping_sub(ONES) & !other & HIGH;
    let through_dot = if dots == 0 { 0 } else { dots ^ dots.wrapping_sub(1) };
    let moved = digits ^ ((digits ^ (digits << 8)) & through_dot);
    let place = (dots | 1 << 63).trailing_zeros() as usize / 8;
    (moved, Dot { found: dots != 0, place, at_end: dots & 1 << 63 })
}

/// Ten to the minus number of bytes that follow byte 0, 1 … 7 of a word; and all that below zero.
const SCALES: [[f64; 8]; 2] = [
    [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0],
    [-1e-7, -1e-6, -1e-5, -1e-4, -1e-3, -1e-2, -1e-1, -1e0],
];

/// High bits where bytes are no digits.
#[inline(always)]
fn not_digits(digits: u64) -> u64 {
    digits.wrapping_add(0x76 * ONES) | digits
}

/// The number that eight digit bytes make, the first digit in the lowest: pairs, fours, all eight, each by one
/// multiplication.
#[inline(always)]
fn eight_digits(digits: u64) -> u32 {
    const PAIRS: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let upper = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let lower = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    (upper.wrapping_add(lower) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::rng::Rng;

    /// A text of one token at place 3, others beside it.
    fn with_text<T>(token: &str, work: impl FnOnce(&Text) -> T) -> T {
        thread_local! {
            // One for all tokens, as filling it takes longer than a thousand of them.
            static TEXT: RefCell<Text> = const { RefCell::new([b'9'; REACH]) };
        }
        TEXT.with_borrow_mut(|text| {
            text[2] = b':';
            text[3..3 + token.len()].copy_from_slice(token.as_bytes());
            text[3 + token.len()] = b' ';
            let result = work(text);
            text[3..=3 + token.len()].fill(b'9');
            result
        })
    }

    /// The quick result.
    fn quick(token: &str) -> Option<f32> {
        with_text(token, |text| label(text, 3, 3 + token.len() as u16))
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
        check_many(20_000, 1);
    }

    #[test]
    #[ignore = "a hundred million numbers: a minute in release"]
    fn very_many_decimals_have_the_bits_of_rust_s_own_parser() {
        check_many(5_000_000, 2);
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
    fn integers_of_one_to_eight_digits() {
        let mut rng = Rng::new(&[4]);
        for _ in 0..1_000 {
            let kind = rng.below(4) as usize;
            let number = rng.below([10, 1_000, 100_000, 100_000_000][kind]) as u32;
            let token = number.to_string();
            assert_eq!(with_text(&token, |text| integer(text, 3, 3 + token.len() as u16)), Some(number));
        }
        for wrong in ["", "123456789", "1a", "-1", "1.", "1 "] {
            assert_eq!(with_text(wrong, |text| integer(text, 3, 3 + wrong.len() as u16)), None, "{wrong:?}");
        }
    }
}
