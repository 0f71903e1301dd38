//! A piece of text that is parsed at a time.

/// The most bytes of lines in a window; their places fit into 16 bits.
pub(crate) const LONGEST: usize = 1 << 16;
/// Bytes before the lines that mean nothing: as many as may be loaded that end at a place.
pub(crate) const LEAD: usize = 32;
/// Bytes after the longest lines that mean nothing: as many as may be loaded from a place on.
const TRAIL: usize = 32;
/// All bytes of a window.
pub(crate) const REACH: usize = LEAD + LONGEST + TRAIL;

/// Text in which a place of 16 bits needs no check, nor do the bytes around it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a>(pub(crate) &'a [u8; REACH]);

impl<'a> Window<'a> {
    /// The byte at a place.
    #[inline(always)]
    pub(crate) fn byte(self, place: usize) -> u8 {
        self.0[LEAD + place]
    }

    /// The bytes that end `less` (0 or 1) before a place.
    #[inline(always)]
    pub(crate) fn before<const N: usize>(self, place: u16, less: usize) -> [u8; N] {
        self.0[LEAD - N - less + usize::from(place)..].first_chunk().copied().unwrap_or([0; N])
    }

    /// The bytes between two places.
    pub(crate) fn get(self, from: usize, to: usize) -> Option<&'a [u8]> {
        self.0.get(LEAD + from..LEAD + to)
    }

    /// The first so many bytes, and some more up to a multiple of 16.
    pub(crate) fn groups(self, length: usize) -> &'a [[u8; 16]] {
        &self.0[LEAD..].as_chunks().0[..length.div_ceil(16)]
    }
}
