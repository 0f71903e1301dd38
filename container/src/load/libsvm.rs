//! The LibSVM format: `label column:value column:value …`, one row per line.
//!
//! Columns count from 1 in the file and ascend, each at most once; in memory they count from 0. Numbers are
//! decimal, with the bits that Rust's own parser gives them, and finite. Blank lines are skipped, and so is
//! everything after a `#`. Tabs and any number of blanks may stand between tokens; lines may end with `\r\n`.

mod careful;

use std::ops::Range;

use memchr::{memchr, memrchr};

use crate::load::rows::Builder;
use crate::load::text::{Block, Fault, PADDING};
use crate::load::{number, separators};

use careful::Limit;
use number::Lifted;

/// Parses blocks of lines into sparse rows.
///
/// Two ways lead through a line. The quick one knows the usual row only, and gives up at anything else; the
/// careful one then reads that line, and says what a row is and what is wrong. Where the quick one gets
/// through, both give the same bits.
#[derive(Debug)]
pub struct Parser {
    limit: Limit,
    ends: Vec<u32>,
    rows: Rows,
}

/// Some rows on their way into the data.
///
/// The rows before `rows` are finished, with `stored` numbers; those from there on are lifted only.
#[derive(Debug, Default)]
struct Rows {
    labels: Vec<f32>,
    /// How many numbers these rows have up to and with each.
    ends: Vec<u64>,
    /// These five are as long as there may be numbers.
    lifted_columns: Vec<Lifted>,
    lifted_values: Vec<Lifted>,
    scales: Vec<f64>,
    columns: Vec<u32>,
    values: Vec<f32>,
    rows: usize,
    stored: usize,
    width: u32,
}

impl Parser {
    /// A parser that takes columns up to `columns` only, if that is given.
    pub fn new(columns: Option<u32>) -> Self {
        let limit = Limit { column: columns.unwrap_or(u32::MAX), fixed: columns.is_some() };
        Parser { limit, ends: Vec::new(), rows: Rows::default() }
    }

    /// Appends the rows of a block. After a fault the rows are not to be used.
    pub(crate) fn parse(&mut self, block: &Block<'_>, into: &mut Builder) -> Result<(), Fault> {
        let lines = block.lines();
        let mut start = 0;
        while start < lines.len() {
            let length = window(&lines[start..]);
            self.parse_window(&block.padded()[start..start + length + PADDING], length)
                .map_err(|fault| Fault { line: start + fault.line, ..fault })?;
            self.rows.move_into(into, length);
            start += length;
        }
        Ok(())
    }

    /// Parses `length` bytes of whole lines.
    fn parse_window(&mut self, padded: &[u8], length: usize) -> Result<(), Fault> {
        let found = separators::find(padded, length, &mut self.ends);
        let ends = &self.ends[..found];
        self.rows.make_room(length);
        let (mut line, mut next) = (0, 0);
        // Rows since here are lifted and not yet finished.
        let mut lifted_from = 0;
        while line < length {
            if let Some((last, row_end)) = self.rows.lift_row(padded, line, &ends[next..]) {
                next += last + 1;
                line = row_end + 1;
                continue;
            }
            let line_end = line + memchr(b'\n', &padded[line..length]).unwrap_or(length - line);
            self.rows.finish(padded, lifted_from..line, self.limit)?;
            self.rows.parse_carefully(padded, line..line_end + 1, self.limit)?;
            next += ends[next..].iter().take_while(|end| **end as usize <= line_end).count();
            line = line_end + 1;
            lifted_from = line;
        }
        self.rows.finish(padded, lifted_from..length, self.limit)
    }
}

impl Rows {
    /// Lifts the row that starts at `start`, given the separators from there on. Returns which of them ends
    /// it, and that one's place; `None`, and nothing has changed, if the line needs care.
    #[inline(always)]
    fn lift_row(&mut self, text: &[u8], start: usize, ends: &[u32]) -> Option<(usize, usize)> {
        let mut next = 0;
        let mut end = *ends.first()? as usize;
        let label = number::decimal(text, start, end)?;
        let first = self.ends.last().map_or(0, |end| *end as usize);
        let mut columns = self.lifted_columns.get_mut(first..)?.iter_mut();
        let mut values = self.lifted_values.get_mut(first..)?.iter_mut().zip(self.scales.get_mut(first..)?);
        let (mut stored, mut last) = (first, 0);
        let row_end_at = loop {
            if text[end] != b' ' {
                match row_end(text, end)? {
                    End::Row { skipped, at } => {
                        next += skipped;
                        break at;
                    }
                    End::Token => {}
                }
            }
            let token = end + 1;
            let colon = *ends.get(next + 1)? as usize;
            if text[colon] != b':' {
                if colon != token {
                    return None;
                }
                // Blanks in a row, or at the row's end.
                next += 1;
                end = colon;
                continue;
            }
            end = *ends.get(next + 2)? as usize;
            next += 2;
            let column = number::lift_integer(text, token, colon)?;
            let order = number::order(column);
            if order <= last {
                return None;
            }
            last = order;
            *columns.next()? = column;
            let (value, scale) = values.next()?;
            (*value, *scale) = number::lift_decimal(text, colon + 1, end)?;
            stored += 1;
        };
        self.labels.push(label);
        self.ends.push(stored as u64);
        Some((next, row_end_at))
    }

    /// Finishes the lifted rows, which stand on these lines. If any is not quite a usual row, all these lines
    /// are parsed again with care.
    fn finish(&mut self, text: &[u8], lines: Range<usize>, limit: Limit) -> Result<(), Fault> {
        let lifted = self.stored..self.ends.last().map_or(0, |end| *end as usize);
        let columns = &mut self.columns[lifted.clone()];
        let fine = number::integers_less_one(&self.lifted_columns[lifted.clone()], columns);
        let (numbers, scales) = (&self.lifted_values[lifted.clone()], &self.scales[lifted.clone()]);
        let fine = fine & number::decimals(numbers, scales, &mut self.values[lifted.clone()]);
        let mut width = 0;
        let mut first = self.stored;
        for end in &self.ends[self.rows..] {
            let row = &self.columns[first..*end as usize];
            width = row.last().map_or(width, |last| width.max(last.saturating_add(1)));
            first = *end as usize;
        }
        if !fine || width > limit.column {
            self.labels.truncate(self.rows);
            self.ends.truncate(self.rows);
            return self.parse_carefully(text, lines, limit);
        }
        self.stored = lifted.end;
        self.rows = self.ends.len();
        self.width = self.width.max(width);
        Ok(())
    }

    /// Parses lines, all rows before which are finished.
    #[cold]
    fn parse_carefully(&mut self, text: &[u8], lines: Range<usize>, limit: Limit) -> Result<(), Fault> {
        let mut line = lines.start;
        while line < lines.end {
            let line_end = line + memchr(b'\n', &text[line..lines.end]).unwrap_or(lines.end - line);
            let row = careful::parse(&text[line..line_end], limit).map_err(|wrong| Fault {
                line,
                column: wrong.column,
                message: wrong.message,
            })?;
            line = line_end + 1;
            let Some(row) = row else { continue };
            let numbers = self.stored..self.stored + row.values.len();
            self.columns[numbers.clone()].copy_from_slice(&row.columns);
            self.values[numbers.clone()].copy_from_slice(&row.values);
            self.labels.push(row.label);
            self.ends.push(numbers.end as u64);
            self.stored = numbers.end;
            self.rows = self.ends.len();
            self.width = self.width.max(row.columns.last().map_or(0, |column| column + 1));
        }
        Ok(())
    }

    /// Room for the numbers that so many bytes may hold, of which each takes four at least.
    fn make_room(&mut self, bytes: usize) {
        let most = bytes / 4 + 1;
        if self.values.len() < most {
            self.lifted_columns.resize(most, 0);
            self.lifted_values.resize(most, 0);
            self.scales.resize(most, 0.0);
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
        (self.rows, self.stored) = (0, 0);
    }
}

/// What a separator other than a blank ends.
enum End {
    Token,
    /// The row, with its last byte, so many separators on.
    Row {
        skipped: usize,
        at: usize,
    },
}

#[cold]
fn row_end(text: &[u8], at: usize) -> Option<End> {
    match text[at] {
        b'\t' => Some(End::Token),
        b'\n' => Some(End::Row { skipped: 0, at }),
        b'\r' if text[at + 1] == b'\n' => Some(End::Row { skipped: 1, at: at + 1 }),
        _ => None,
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
