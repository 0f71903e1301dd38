//! The places of all bytes that end a token, found before any token is read.
//!
//! With the ends known, no token waits for the length of the one before, which is what a reader of variable
//! lengths mostly does.

use crate::load::text::PADDING;

/// Bytes looked at together.
const GROUP: usize = 64;
/// Places written for each group whatever their number, which is quicker than asking how many there are; six
/// digits a token make nine.
const AT_ONCE: usize = 12;

const _: () = assert!(GROUP <= PADDING);

/// Writes to `ends`, in order, the place of each separator in the first `length` bytes of `padded`: each byte
/// up to `#` (blanks, line ends, zero bytes, comments: none belongs to a number) and each `:`. Returns how
/// many there are; a few places past `length` may be among them, at the end, and what `ends` holds behind them
/// means nothing.
///
/// # Panics
/// If `padded` is not [`PADDING`] bytes longer than `length`.
pub(crate) fn find(padded: &[u8], length: usize, ends: &mut Vec<u32>) -> usize {
    let groups = length.div_ceil(GROUP);
    let (text, _) = padded[..length + PADDING].as_chunks::<GROUP>();
    if ends.len() < (groups + 1) * GROUP {
        ends.resize((groups + 1) * GROUP, 0);
    }
    let (mut found, mut base) = (0, 0);
    for group in &text[..groups] {
        let mask = separators(group);
        let slots = &mut ends[found..found + GROUP];
        let mut left = mask;
        for slot in &mut slots[..AT_ONCE] {
            *slot = base + first(left);
            left &= left.wrapping_sub(1);
        }
        let count = mask.count_ones() as usize;
        for slot in &mut slots[AT_ONCE..count.max(AT_ONCE)] {
            *slot = base + first(left);
            left &= left.wrapping_sub(1);
        }
        found += count;
        base += GROUP as u32;
    }
    found
}

/// The number of the lowest bit set; anything if there is none. The bit added at the top spares the case.
#[inline(always)]
fn first(mask: u64) -> u32 {
    (mask | 1 << 63).trailing_zeros()
}

/// Bit i is set if byte i is a separator.
///
/// The comparisons are made in a loop that the compiler turns into vector instructions; each leaves its byte's
/// bit of eight, and a multiplication adds the eight up in the top byte.
#[inline(always)]
fn separators(group: &[u8; GROUP]) -> u64 {
    let mut flags = [0u8; GROUP];
    for (i, (flag, byte)) in flags.iter_mut().zip(group).enumerate() {
        let separator = (*byte <= b'#') | (*byte == b':');
        *flag = u8::from(separator).wrapping_neg() & (1 << (i % 8));
    }
    let mut mask = 0;
    for (i, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        let sum = u64::from_le_bytes(*eight).wrapping_mul(0x0101_0101_0101_0101) >> 56;
        mask |= sum << (8 * i);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn every_separator_is_found() {
        let mut rng = Rng::new(&[1]);
        let mut ends = Vec::new();
        for round in 0..300 {
            let length = rng.below(300) as usize;
            let text: Vec<u8> = (0..length + PADDING)
                .map(|_| match round % 3 {
                    0 => rng.next_u64() as u8,
                    1 => b' ',
                    _ => b"0123456789.:\n #\r\0;\"$9/"[rng.below(22) as usize],
                })
                .collect();
            let found = find(&text, length, &mut ends);
            let expected: Vec<u32> =
                (0..length as u32).filter(|i| matches!(text[*i as usize], 0..=b'#' | b':')).collect();
            assert_eq!(&ends[..expected.len()], expected);
            assert!(found >= expected.len());
        }
    }
}
