//! The usual row, quickly.

use crate::load::number;
use crate::load::window::Window;

/// A row of which some tokens are read.
pub(super) struct QuickRow<'t, 'a> {
    pub(super) text: Window<'t>,
    /// The separator that ended the last token.
    pub(super) at: u16,
    /// The separators after it.
    pub(super) rest: &'a [u16],
    /// The last column, counted from 1; 0 before the first.
    pub(super) last: u32,
    /// Whether the last value was longer than [`number::two`] takes.
    pub(super) long: bool,
}

impl QuickRow<'_, '_> {
    /// Reads numbers two by two into `columns` (from 0) and `values` as long as nothing is unusual, and says how
    /// many.
    ///
    /// This is where the time goes. It stands alone, as it needs all registers.
    #[inline(never)]
    pub(super) fn pairs(&mut self, columns: &mut [u32], values: &mut [f32]) -> usize {
        let QuickRow { text, mut at, mut rest, mut last, .. } = *self;
        let mut pairs = 0;
        for (column_slots, value_slots) in columns.as_chunks_mut().0.iter_mut().zip(values.as_chunks_mut().0)
        {
            let [colon, stop, next_colon, next_stop, after @ ..] = rest else { break };
            let (colons, stops) = ([*colon, *next_colon], [*stop, *next_stop]);
            let from = [usize::from(at) + 1, usize::from(stops[0]) + 1];
            let usual = text.byte(usize::from(at)) == b' '
                && text.byte(usize::from(colons[0])) == b':'
                && text.byte(usize::from(stops[0])) == b' '
                && text.byte(usize::from(colons[1])) == b':';
            if !usual {
                break;
            }
            let Some(([first, second], values)) = number::two(text, from, colons, stops) else { break };
            if first <= last || second <= first {
                break;
            }
            *column_slots = [first - 1, second - 1];
            *value_slots = values;
            (at, rest, last) = (stops[1], after, second);
            pairs += 1;
        }
        (self.at, self.rest, self.last) = (at, rest, last);
        2 * pairs
    }

    /// Reads one number, its column from 1; `None` inside at the row's end, and outside if the row needs care.
    #[inline(never)]
    pub(super) fn number(&mut self) -> Option<Option<(u32, f32)>> {
        loop {
            let at = usize::from(self.at);
            match self.text.byte(at) {
                b' ' | b'\t' => {}
                b'\n' => return Some(None),
                b'\r' if self.text.byte(at + 1) == b'\n' => return Some(None),
                _ => return None,
            }
            let (next, after) = self.rest.split_first()?;
            if self.text.byte(usize::from(*next)) == b':' {
                break;
            }
            // Blanks in a row, or at the row's end: the next separator must follow at once.
            if usize::from(*next) != at + 1 {
                return None;
            }
            (self.at, self.rest) = (*next, after);
        }
        let [colon, stop, after @ ..] = self.rest else { return None };
        let column = number::integer(self.text, usize::from(self.at) + 1, *colon)?;
        let value = number::decimal(self.text, usize::from(*colon) + 1, *stop)?;
        if column <= self.last {
            return None;
        }
        (self.at, self.rest, self.last) = (*stop, after, column);
        self.long = stop - colon > number::LONGEST;
        Some(Some((column, value)))
    }
}
