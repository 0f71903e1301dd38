//! Numbers in text, sixteen digits at a time.
//!
//! A token is loaded with the bytes before it, as one word of 16 bytes that ends where the token ends; what
//! stands before the token is masked away, and the digits before a dot move up by one, over it. So no loop and
//! no branch depends on where in a number its dot is, or how long it is. Sums of neighbours (two digits, two
//! pairs, two fours) then make numbers of all digits at once, and two tokens share each step after the second.
//!
//! A result is given only if it has the bits of Rust's own parser; callers ask that one about all the rest (and
//! thus it is also the judge of what is no number at all).

use wide::bytemuck::cast;
use wide::{f64x2, i16x8, i32x4, i32x8, u8x16, u16x8, u32x4, u64x2};

use crate::load::window::Window;

/// Bytes are seen as parts of larger numbers here, the first as the lowest.
const _: () = assert!(cfg!(target_endian = "little"), "Lapwing runs on little-endian machines");

/// The most bytes from the place before a value to its end, if [`two`] is to take it.
pub(crate) const LONGEST: u16 = 17;

/// Two columns and their values, in `text` from `from[i]` to the colon at `colons[i]`, and from there to
/// `stops[i]`: both have one to eight digits, and the values are such as [`decimal`] reads quickly. Or `None`:
/// ask for one after the other.
#[inline(always)]
pub(crate) fn two(
    text: Window<'_>,
    from: [usize; 2],
    colons: [u16; 2],
    stops: [u16; 2],
) -> Option<([u32; 2], [f32; 2])> {
    let columns = column_digits(text, from, colons)?;
    let after = colons.map(|colon| usize::from(colon) + 1);
    // Where every value is one digit (sets of features), a table is half the work.
    if usize::from(stops[0]) == after[0] + 1 && usize::from(stops[1]) == after[1] + 1 {
        let digits = after.map(|place| usize::from(text.byte(place).wrapping_sub(b'0')));
        let values = [*DIGITS.get(digits[0])?, *DIGITS.get(digits[1])?];
        return (not_digits(columns).to_bitmask() == 0).then(|| (eight_digits(columns), values));
    }
    let first = Decimal::find(text, after[0], stops[0])?;
    let second = Decimal::find(text, after[1], stops[1])?;
    let worst = columns.max(first.digits).max(second.digits);
    let (values, unsure) = values(first, second);
    ((not_digits(worst) | unsure).to_bitmask() == 0).then(|| (eight_digits(columns), values))
}

/// The number in `text[from..stop]`, if that is one to eight digits (or `None`: ask the careful parser).
#[inline]
pub(crate) fn integer(text: Window<'_>, from: usize, stop: u16) -> Option<u32> {
    let digits = column_digits(text, [from; 2], [stop; 2])?;
    (not_digits(digits).to_bitmask() == 0).then(|| eight_digits(digits)[0])
}

/// The number in `text[from..stop]` as an f32 with the bits of Rust's own parser, or `None`: ask that one.
#[inline]
pub(crate) fn decimal(text: Window<'_>, from: usize, stop: u16) -> Option<f32> {
    let quick = Decimal::find(text, from, stop).and_then(|decimal| {
        let (values, unsure) = values(decimal, decimal);
        ((not_digits(decimal.digits) | unsure).to_bitmask() == 0).then_some(values[0])
    });
    quick
        .or_else(|| long_decimal(text, from, stop))
        .or_else(|| any_decimal(text.get(from, usize::from(stop))?))
}

/// As [`decimal`], here with a plus sign, too, which labels often have.
#[inline]
pub(crate) fn label(text: Window<'_>, from: usize, stop: u16) -> Option<f32> {
    let plus = text.byte(from) == b'+' && !matches!(text.byte(from + 1), b'+' | b'-');
    decimal(text, from + usize::from(plus), stop)
}

/// Up to 16 bytes of digits and a dot, taken apart.
#[derive(Clone, Copy)]
struct Decimal {
    /// The digits without the dot, zeros before them (if these are digits: see [`not_digits`]).
    digits: u8x16,
    /// By which to multiply the integer that the digits make.
    scale: f64,
}

impl Decimal {
    /// That in `text[from..stop]`, unless it is too long or nothing.
    #[inline(always)]
    fn find(text: Window<'_>, from: usize, stop: u16) -> Option<Decimal> {
        let minus = usize::from(text.byte(from) == b'-');
        let more = usize::from(stop).wrapping_sub(from + minus + 1);
        if more >= 16 {
            return None;
        }
        let zeros = u8x16::splat(b'0');
        let bytes = u8x16::new(text.before(stop, 0));
        let [last, last_and_one] = last(more);
        let dots = bytes.simd_eq(u8x16::splat(b'.')) & last_and_one;
        let dot = &DOTS[(dots.to_bitmask() | 1 << 16).trailing_zeros() as usize];
        let digits = (bytes ^ zeros) & last_and_one;
        let moved = (u8x16::new(text.before(stop, 1)) ^ zeros) & last;
        Some(Decimal { digits: digits ^ ((digits ^ moved) & dot.through), scale: dot.scale[minus] })
    }
}

/// What a dot at some byte of 16 means.
#[derive(Clone, Copy)]
struct Dot {
    /// The bytes up to the dot.
    through: u8x16,
    /// Ten to the minus number of bytes after it, and that below zero.
    scale: [f64; 2],
}

/// The last stands for no dot. A dot at the end is odd enough for the slow way: it stays among the digits.
static DOTS: [Dot; 32] = {
    const POWERS: [f64; 15] =
        [1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
    let mut all = [Dot { through: u8x16::ZERO, scale: [1.0, -1.0] }; 32];
    let (mut place, mut through) = (0, [0; 16]);
    while place < POWERS.len() {
        through[place] = 0xff;
        all[place] = Dot { through: u8x16::new(through), scale: [POWERS[place], -POWERS[place]] };
        place += 1;
    }
    all
};

/// The values of two decimals, and bits set in the top of some bytes if it is not sure that they are right.
///
/// Their 16 digits make a f64 with one rounding, the power of ten is a second and the product a third: see
/// [`to_f32`], of which this is the same for two.
#[inline(always)]
fn values(first: Decimal, second: Decimal) -> ([f32; 2], u8x16) {
    let eights = eights(fours(first.digits), fours(second.digits)).to_array();
    let upper = f64x2::from_i32x4_lower2(i32x4::new([eights[0], eights[2], 0, 0]));
    let lower = f64x2::from_i32x4_lower2(i32x4::new([eights[1], eights[3], 0, 0]));
    let values = (upper * f64x2::splat(1e8) + lower) * f64x2::new([first.scale, second.scale]);
    // The bits near the middle go to the top of the signed numbers, which is one comparison.
    const TO_TOP: i32 = i32::MAX - (MIDDLE + NEAR) as i32;
    let cut: i32x4 = cast(cast::<_, u64x2>(values) & u64x2::splat(u64::from(CUT)));
    let near_middle =
        (cut + i32x4::new([TO_TOP, 0, TO_TOP, 0])).simd_gt(i32x4::splat(i32::MAX - 2 * NEAR as i32 - 1));
    (values.to_array().map(|value| value as f32), cast(near_middle))
}

/// The digits of two tokens of one to eight bytes, zeros before them.
#[inline(always)]
fn column_digits(text: Window<'_>, from: [usize; 2], stops: [u16; 2]) -> Option<u8x16> {
    let more =
        [usize::from(stops[0]).wrapping_sub(from[0] + 1), usize::from(stops[1]).wrapping_sub(from[1] + 1)];
    if more[0] >= 8 || more[1] >= 8 {
        return None;
    }
    let bytes: u8x16 = cast(stops.map(|stop| u64::from_le_bytes(text.before(stop, 0))));
    let last: u8x16 = cast(more.map(|more| LAST_OF_EIGHT[more]));
    Some((bytes ^ u8x16::splat(b'0')) & last)
}

/// By how many more than one: the last bytes of eight.
static LAST_OF_EIGHT: [u64; 8] = {
    let mut all = [0; 8];
    let mut more = 0;
    while more < 8 {
        all[more] = !0 << (56 - 8 * more);
        more += 1;
    }
    all
};

/// The last `more` (up to 15) bytes of 16, and the last `more + 1`.
#[inline(always)]
fn last(more: usize) -> [u8x16; 2] {
    static LAST: [u8; 32] = {
        let mut all = [0; 32];
        let mut i = 16;
        while i < 32 {
            all[i] = 0xff;
            i += 1;
        }
        all
    };
    // The place is below 16 as it is; saying so spares the check.
    let from = |place: usize| u8x16::new(LAST[place..].first_chunk().copied().unwrap_or_default());
    [from(more & 15), from((more & 15) + 1)]
}

/// The top bits of bytes that are no digits.
#[inline(always)]
fn not_digits(digits: u8x16) -> u8x16 {
    digits.saturating_add(u8x16::splat(0x80 - 10))
}

/// The numbers that twice eight digits make, the first digit in the lowest byte.
#[inline(always)]
fn eight_digits(digits: u8x16) -> [u32; 2] {
    let fours = fours(digits);
    let [first, second, ..] = cast::<_, u32x4>(eights(fours, fours)).to_array();
    [first, second]
}

/// The numbers that each four digits make.
#[inline(always)]
fn fours(digits: u8x16) -> i32x4 {
    // In 16 bits: the first digit times 10 · 256, and both digits beside; so the upper byte is that of a pair.
    let pairs: u16x8 = (cast::<_, u16x8>(digits) * u16x8::splat(10 * 256 + 1)) >> 8;
    cast::<_, i16x8>(pairs).dot(i16x8::new([100, 1, 100, 1, 100, 1, 100, 1]))
}

/// The numbers that each two fours make.
#[inline(always)]
fn eights(first: i32x4, second: i32x4) -> i32x4 {
    let fours = i16x8::from_i32x8_saturate(cast::<_, i32x8>([first, second]));
    fours.dot(i16x8::new([10_000, 1, 10_000, 1, 10_000, 1, 10_000, 1]))
}

/// What a digit is as a number.
static DIGITS: [f32; 10] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

/// A decimal of 17 to 32 digits with the dot among the first 15: what programs print that calculate in f64.
#[inline(never)]
fn long_decimal(text: Window<'_>, from: usize, stop: u16) -> Option<f32> {
    let middle = from + usize::from(text.byte(from) == b'-') + 16;
    let count = usize::from(stop).checked_sub(middle)?;
    if !(1..=16).contains(&count) {
        return None;
    }
    let upper = Decimal::find(text, from, middle as u16)?;
    let lower = (u8x16::new(text.before(stop, 0)) ^ u8x16::splat(b'0')) & last(count - 1)[1];
    // Without a dot before them the lower digits would count for more.
    if upper.scale.abs() == 1.0 || not_digits(upper.digits.max(lower)).to_bitmask() != 0 {
        return None;
    }
    let eights = eights(fours(upper.digits), fours(lower)).to_array().map(f64::from);
    let (upper_digits, lower_digits) = (eights[0] * 1e8 + eights[1], eights[2] * 1e8 + eights[3]);
    // Five roundings at most, as `to_f32` wants: the 15 upper digits are exact.
    to_f32((upper_digits + lower_digits / POWERS[count]) * upper.scale)
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
    let near_middle = (value.to_bits() as u32 & CUT).wrapping_sub(MIDDLE - NEAR) <= 2 * NEAR;
    (!near_middle).then_some(value as f32)
}

/// The bits that an f64 has more than an f32.
const CUT: u32 = (1 << 29) - 1;
const MIDDLE: u32 = 1 << 28;
const NEAR: u32 = 8;

const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The sign of the first byte, if that is one: (minus, how many bytes the sign takes).
fn sign(byte: u8) -> (bool, usize) {
    (byte == b'-', usize::from(byte == b'-' || byte == b'+'))
}

#[cfg(test)]
mod tests;
