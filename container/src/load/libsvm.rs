//! The LibSVM format: `label column:value column:value …`, one row per line.
//!
//! Columns count from 1 in the file and ascend, each at most once; in memory they count from 0. Numbers are
//! decimal, with the bits that Rust's own parser gives them, and finite. Blank lines are skipped, and so is
//! everything after a `#`. Tabs and any number of blanks may stand between tokens; lines may end with `\r\n`.
//!
//! Where the time goes, for rows of 75 numbers of six decimals, per number: 111 instructions against 210 when each
//! number was read by itself in words of eight bytes. 25 of them find the separators, 70 read the column and
//! the value, two at once, and the rest are shared by the row (its label, its end, the move into the data). That
//! is about 6 ns of some 11; the others are the system's: 8 bytes of fresh memory and 14 bytes read from the
//! cache, which the plain loop pays as well. So even a parser that took no time would only double this.
//! Where each value is one digit, a number takes 58 instructions and under 3 ns, and two thirds of the time are
//! the system's. (Finding the separators in 32 bytes at a time would need instructions that not every machine
//! has, for an eighth of the parser's time at most.)

mod careful;
mod quick;

use memchr::{memchr, memrchr};

use crate::load::number;
use crate::load::rows::Builder;
use crate::load::separators::Places;
use crate::load::text::{Block, Fault};
use crate::load::window::{LONGEST, Window};

use careful::Limit;
use quick::QuickRow;

/// Parses blocks of lines into sparse rows.
///
/// Two ways lead through a line. The quick one knows the usual row only, and gives up at anything else; the
/// careful one then reads that line, and says what a row is and what is wrong. Where the quick one gets
/// through, both give the same bits. (Lines of more than 64 KiB always go the careful way, at a tenth of
/// the speed.)
#[derive(Debug)]
pub struct Parser {
    limit: Limit,
    places: Places,
    rows: Rows,
}

/// Some rows on their way into the data.
#[derive(Debug, Default)]
struct Rows {
    labels: Vec<f32>,
    /// How many numbers these rows have up to and with each.
    ends: Vec<u64>,
    /// From 0. As `values` as long as there may be numbers, and `stored` of them filled.
    columns: Vec<u32>,
    values: Vec<f32>,
    stored: usize,
    width: u32,
}

impl Parser {
    /// A parser that takes columns up to `columns` only, if that is given.
    pub fn new(columns: Option<u32>) -> Self {
        let limit = Limit { column: columns.unwrap_or(u32::MAX), fixed: columns.is_some() };
        Parser { limit, places: Places::new(), rows: Rows::default() }
    }

    /// Appends the rows of a block. After a fault the rows are not to be used.
    pub(crate) fn parse(&mut self, block: &Block<'_>, into: &mut Builder) -> Result<(), Fault> {
        let lines = block.lines();
        let mut start = 0;
        while start < lines.len() {
            let length = window(&lines[start..]);
            self.rows.make_room(length);
            match block.framed()[start..].first_chunk().map(Window) {
                Some(text) if length <= LONGEST => self.parse_window(text, length),
                _ => self.rows.parse_line(&lines[start..start + length - 1], 0, self.limit),
            }
            .map_err(|fault| Fault { line: start + fault.line, ..fault })?;
            self.rows.move_into(into, length);
            start += length;
        }
        Ok(())
    }

    /// Parses `length` bytes of whole lines.
    fn parse_window(&mut self, text: Window<'_>, length: usize) -> Result<(), Fault> {
        let mut ends = self.places.find(text, length);
        let mut line = 0;
        while line < length {
            if let Some((rest, next_line)) = self.rows.quick_row(text, line, ends, self.limit.column) {
                (ends, line) = (rest, next_line);
                continue;
            }
            let rest = text.get(line, length).unwrap_or_default();
            let line_end = line + memchr(b'\n', rest).unwrap_or(rest.len());
            self.rows.parse_line(&rest[..line_end - line], line, self.limit)?;
            let passed = ends.iter().take_while(|end| usize::from(**end) <= line_end).count();
            (ends, line) = (&ends[passed..], line_end + 1);
        }
        Ok(())
    }
}

impl Rows {
    /// Reads the row that starts at `start`, given the separators from there on. Returns those after the row
    /// and the place after it; `None`, and nothing has changed, if the line needs care.
    #[inline(always)]
    fn quick_row<'a>(
        &mut self,
        text: Window<'_>,
        start: usize,
        ends: &'a [u16],
        limit: u32,
    ) -> Option<(&'a [u16], usize)> {
        let (end, rest) = ends.split_first()?;
        let label = number::label(text, start, *end)?;
        let mut row = QuickRow { text, at: *end, rest, last: 0, long: false };
        let mut stored = self.stored;
        loop {
            // One long value seldom comes alone: in vain would two be tried each time.
            if !row.long {
                stored += row.pairs(self.columns.get_mut(stored..)?, self.values.get_mut(stored..)?);
            }
            let Some((column, value)) = row.number()? else { break };
            *self.columns.get_mut(stored)? = column - 1;
            *self.values.get_mut(stored)? = value;
            stored += 1;
        }
        if row.last > limit {
            return None;
        }
        self.stored = stored;
        self.end_row(label, row.last);
        let line_end = usize::from(row.at);
        if text.byte(line_end) == b'\r' {
            return Some((row.rest.get(1..)?, line_end + 2));
        }
        Some((row.rest, line_end + 1))
    }

    /// Parses one line, without its `\n`, with care.
    #[cold]
    fn parse_line(&mut self, line: &[u8], start: usize, limit: Limit) -> Result<(), Fault> {
        let row = careful::parse(line, limit).map_err(|wrong| Fault {
            line: start,
            column: wrong.column,
            message: wrong.message,
        })?;
        let Some(row) = row else { return Ok(()) };
        let numbers = self.stored..self.stored + row.values.len();
        self.columns[numbers.clone()].copy_from_slice(&row.columns);
        self.values[numbers.clone()].copy_from_slice(&row.values);
        self.stored = numbers.end;
        self.end_row(row.label, row.columns.last().map_or(0, |column| column + 1));
        Ok(())
    }

    #[inline(always)]
    fn end_row(&mut self, label: f32, width: u32) {
        self.labels.push(label);
        self.ends.push(self.stored as u64);
        self.width = self.width.max(width);
    }

    /// Room for the numbers that so many bytes may hold, of which each takes four at least.
    fn make_room(&mut self, bytes: usize) {
        let most = bytes / 4 + 1;
        if self.values.len() < most {
            self.columns.resize(most, 0);
            self.values.resize(most, 0.0);
        }
    }

    fn move_into(&mut self, into: &mut Builder, bytes: usize) {
        into.extend(
            bytes,
            &self.labels,
            &self.ends,
            &self.columns[..self.stored],
            &self.values[..self.stored],
        );
        into.widen(self.width);
        self.labels.clear();
        self.ends.clear();
        self.stored = 0;
    }
}

/// Bytes parsed at a time: they, their separators and their numbers together stay in the nearest cache.
const WINDOW: usize = 8 << 10;

/// The length of some whole lines: as many as fit into a window, or one.
fn window(lines: &[u8]) -> usize {
    if lines.len() <= WINDOW {
        return lines.len();
    }
    match memrchr(b'\n', &lines[..WINDOW]) {
        Some(last) => last + 1,
        None => memchr(b'\n', lines).map_or(lines.len(), |end| end + 1),
    }
}

#[cfg(test)]
mod tests;
