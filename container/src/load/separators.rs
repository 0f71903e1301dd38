//! The places of all bytes that end a token, found before any token is read.
//!
//! With the ends known, no token waits for the length of the one before, which is what a reader of variable
//! lengths mostly does. Sixteen bytes are compared at once, which gives a bit for each; a table turns eight bits
//! into places, so that no branch depends on where the separators are: under two instructions a byte.

use wide::{u8x16, u16x8};

use crate::load::window::{LONGEST, Window};

/// Where the separators are, in order.
#[derive(Debug, Clone)]
pub(crate) struct Places(Box<[u16; LONGEST + 8]>);

impl Places {
    pub(crate) fn new() -> Self {
        Places(Box::new([0; LONGEST + 8]))
    }

    /// Finds each separator in the first `length` bytes of `text`: each byte up to `#` (blanks, line ends, zero
    /// bytes, comments: none belongs to a number) and each `:`. A few places past `length` may come last.
    ///
    /// # Panics
    /// If `length` is above [`LONGEST`].
    pub(crate) fn find(&mut self, text: Window<'_>, length: usize) -> &[u16] {
        assert!(length <= LONGEST);
        let (mut found, mut base) = (0, u16x8::ZERO);
        for group in text.groups(length) {
            let mask = separators(group);
            for mask in [mask & 0xff, mask >> 8] {
                // All eight slots are written whatever their number, which is quicker than asking for it. (The
                // index is below the length as it is; saying so spares the check.)
                let found_here = found & (LONGEST - 1);
                let slots = &mut self.0[found_here..found_here + 8];
                slots.copy_from_slice(&(SET_BITS.places[mask] + base).to_array());
                found += usize::from(SET_BITS.count[mask]);
                base += u16x8::splat(8);
            }
        }
        &self.0[..found]
    }
}

/// The separators among some bytes, the first byte in the lowest bit.
#[inline(always)]
fn separators(group: &[u8; 16]) -> usize {
    let bytes = u8x16::new(*group);
    let separators = bytes.min(u8x16::splat(b'#')).simd_eq(bytes) | bytes.simd_eq(u8x16::splat(b':'));
    separators.to_bitmask() as usize & 0xffff
}

struct SetBits {
    places: [u16x8; 256],
    count: [u8; 256],
}

/// The numbers of the bits that are set in each byte, lowest first.
static SET_BITS: SetBits = {
    let mut all = SetBits { places: [u16x8::ZERO; 256], count: [0; 256] };
    let mut byte = 0;
    while byte < 256 {
        let mut places = [0; 8];
        let mut bit = 0;
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                places[all.count[byte] as usize] = bit;
                all.count[byte] += 1;
            }
            bit += 1;
        }
        all.places[byte] = u16x8::new(places);
        byte += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::window::{LEAD, REACH};
    use crate::rng::Rng;

    #[test]
    fn every_separator_is_found() {
        let mut rng = Rng::new(&[1]);
        let mut places = Places::new();
        for round in 0..40 {
            let mut text = [0; REACH];
            for byte in &mut text[LEAD..] {
                *byte = match round % 3 {
                    0 => rng.next_u64() as u8,
                    1 => b' ',
                    _ => b"0123456789.:\n #\r\0;\"$9/"[rng.below(22) as usize],
                };
            }
            let length = if round < 3 { LONGEST } else { rng.below(300) as usize };
            let separator = |i: &usize| matches!(text[LEAD + *i], 0..=b'#' | b':');
            let expected: Vec<u16> = (0..length).filter(separator).map(|i| i as u16).collect();
            assert_eq!(places.find(Window(&text), length)[..expected.len()], expected);
        }
    }
}
