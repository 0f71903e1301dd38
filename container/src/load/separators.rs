//! The places of all bytes that end a token, found before any token is read.
//!
//! With the ends known, no token waits for the length of the one before, which is what a reader of variable
//! lengths mostly does.

/// The most bytes searched at a time; their places fit into 16 bits.
pub(crate) const LONGEST: usize = 1 << 16;
/// Bytes of text that the search wants to see: [`LONGEST`], and some that may be loaded past them.
pub(crate) const REACH: usize = LONGEST + GROUP;

/// Bytes looked at together.
const GROUP: usize = 64;

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
    pub(crate) fn find(&mut self, text: &[u8; REACH], length: usize) -> &[u16] {
        assert!(length <= LONGEST);
        let (mut found, mut base) = (0, 0u16);
        for group in &text.as_chunks::<GROUP>().0[..length.div_ceil(GROUP)] {
            for eight in flags(group).as_chunks::<8>().0 {
                // The eight bits are added up in the top byte.
                let mask = (u64::from_le_bytes(*eight).wrapping_mul(0x0101_0101_0101_0101) >> 56) as usize;
                // All eight slots are written whatever their number, which is quicker than asking for it. (The
                // index is below the length as it is; saying so spares the check.)
                let found_here = found & (LONGEST - 1);
                let slots = &mut self.0[found_here..found_here + 8];
                for (slot, place) in slots.iter_mut().zip(&SET_BITS[mask].places) {
                    *slot = base.wrapping_add(*place);
                }
                found += SET_BITS[mask].count;
                base = base.wrapping_add(8);
            }
        }
        &self.0[..found]
    }
}

/// Each separator's byte gets its bit of eight, other bytes 0. The compiler makes vector instructions of this.
#[inline(always)]
fn flags(group: &[u8; GROUP]) -> [u8; GROUP] {
    let mut flags = [0; GROUP];
    for (i, (flag, byte)) in flags.iter_mut().zip(group).enumerate() {
        let separator = (*byte <= b'#') | (*byte == b':');
        *flag = u8::from(separator).wrapping_neg() & (1 << (i % 8));
    }
    flags
}

#[derive(Clone, Copy)]
struct SetBits {
    places: [u16; 8],
    count: usize,
}

/// The numbers of the bits that are set in each byte, lowest first.
static SET_BITS: [SetBits; 256] = {
    let mut all = [SetBits { places: [0; 8], count: 0 }; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                all[byte].places[all[byte].count] = bit;
                all[byte].count += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn every_separator_is_found() {
        let mut rng = Rng::new(&[1]);
        let mut places = Places::new();
        for round in 0..40 {
            let mut text = [0; REACH];
            for byte in &mut text {
                *byte = match round % 3 {
                    0 => rng.next_u64() as u8,
                    1 => b' ',
                    _ => b"0123456789.:\n #\r\0;\"$9/"[rng.below(22) as usize],
                };
            }
            let length = if round < 3 { LONGEST } else { rng.below(300) as usize };
            let expected: Vec<u16> =
                (0..length).filter(|i| matches!(text[*i], 0..=b'#' | b':')).map(|i| i as u16).collect();
            assert_eq!(places.find(&text, length)[..expected.len()], expected);
        }
    }
}
