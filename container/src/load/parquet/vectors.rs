//! Rows that are vectors: lists of numbers, lists of indices and values, Spark's `VectorUDT`.

use super::group::{Group, Stop};
use crate::load::Missing;
use crate::load::select::Role;
use crate::load::sink::Sink;

impl Group<'_> {
    /// One column of lists, all of one length.
    pub(super) fn lists(&mut self, leaf: usize, sink: &mut impl Sink) -> Result<(), Stop> {
        let (shared_label, _) = self.plan.selection.empty_row();
        let mut label = self.label()?;
        let mut column = self.numbers(leaf)?;
        let mut done = 0;
        while done < self.rows {
            let rows = (self.rows - done).min(LISTS) as usize;
            let labels = self.labels(&mut label, shared_label, rows, done)?;
            self.check_rows(column.read(rows), rows, done, leaf)?;
            let lengths = self.lengths(&column.lengths, leaf, done)?;
            // As long as the first one, which may be that of another group.
            self.columns = self.columns.or_else(|| column.lengths.iter().flatten().next().copied());
            let width = self.columns.unwrap_or(0);
            let wrong = column.lengths.iter().position(|length| length.is_some_and(|length| length != width));
            if let Some(row) = wrong {
                let (place, found) = (self.place(leaf, done + row as u64), lengths[row]);
                return Err(Stop::Bad(format!("{place}: expected a list of {width} numbers, found {found}")));
            }
            sink.widen(width as usize).map_err(Stop::NoRoom)?;
            self.fill_in(&mut column.numbers, Role::Feature(0), leaf, done)?;
            if column.lengths.iter().any(Option::is_none) {
                column.numbers = with_zeros(&column.numbers, &column.lengths, width as usize);
            }
            sink.push_dense(self.share(rows), &labels, &column.numbers).map_err(Stop::NoRoom)?;
            done += rows as u64;
        }
        self.check_label_ends(&mut label)?;
        self.check_end(column.read(1), leaf)
    }

    /// Lists of columns and of the numbers in them.
    pub(super) fn sparse(&mut self, [at, of]: [usize; 2], sink: &mut impl Sink) -> Result<(), Stop> {
        let (shared_label, _) = self.plan.selection.empty_row();
        let mut label = self.label()?;
        let mut indices = self.integers(at)?;
        let mut values = self.numbers(of)?;
        let mut done = 0;
        while done < self.rows {
            let rows = (self.rows - done).min(LISTS) as usize;
            let labels = self.labels(&mut label, shared_label, rows, done)?;
            self.check_rows(indices.read_integers(rows), rows, done, at)?;
            self.check_rows(values.read(rows), rows, done, of)?;
            let lengths = self.lengths(&indices.lengths, at, done)?;
            let value_lengths = self.lengths(&values.lengths, of, done)?;
            self.fill_in(&mut values.numbers, Role::Feature(0), of, done)?;
            let (mut ends, mut columns, mut end) = (Vec::new(), Vec::new(), 0usize);
            for (row, (length, others)) in lengths.iter().zip(&value_lengths).enumerate() {
                let place = || self.place(at, done + row as u64);
                if length != others {
                    let place = place();
                    return Err(Stop::Bad(format!(
                        "{place}: expected as many indices as values, found {length} and {others}"
                    )));
                }
                let of_row = &indices.numbers[end..end + *length as usize];
                self.columns_of(of_row, &mut columns)
                    .map_err(|wrong| Stop::Bad(format!("{}: {wrong}", place())))?;
                end += *length as usize;
                ends.push(end as u64);
            }
            let width = columns.iter().max().map_or(0, |column| *column as usize + 1);
            sink.widen(width).map_err(Stop::NoRoom)?;
            sink.push_sparse(self.share(rows), &labels, &ends, &columns, &values.numbers)
                .map_err(Stop::NoRoom)?;
            done += rows as u64;
        }
        self.check_label_ends(&mut label)?;
        self.check_end(indices.read_integers(1), at)?;
        self.check_end(values.read(1), of)
    }

    /// Spark's vectors: of type 0 with a size, indices and values, of type 1 with values alone.
    pub(super) fn vectors(
        &mut self,
        [kind, size, at, of]: [usize; 4],
        sink: &mut impl Sink,
    ) -> Result<(), Stop> {
        let (shared_label, _) = self.plan.selection.empty_row();
        let mut label = self.label()?;
        let (mut kinds, mut sizes) = (self.integers(kind)?, self.integers(size)?);
        let (mut indices, mut values) = (self.integers(at)?, self.numbers(of)?);
        let mut done = 0;
        while done < self.rows {
            let rows = (self.rows - done).min(LISTS) as usize;
            let labels = self.labels(&mut label, shared_label, rows, done)?;
            self.check_rows(kinds.read_integers(rows), rows, done, kind)?;
            self.check_rows(sizes.read_integers(rows), rows, done, size)?;
            self.check_rows(indices.read_integers(rows), rows, done, at)?;
            self.check_rows(values.read(rows), rows, done, of)?;
            self.fill_in(&mut values.numbers, Role::Feature(0), of, done)?;
            let (mut ends, mut columns) = (Vec::new(), Vec::new());
            let (mut from, mut end, mut width) = (0usize, 0usize, 0u32);
            for row in 0..rows {
                let length = values.lengths[row].unwrap_or(0) as usize;
                let wrong =
                    |wrong: String| Stop::Bad(format!("{}: {wrong}", self.place(of, done + row as u64)));
                let found = indices.lengths[row].unwrap_or(0) as usize;
                let of_row = &indices.numbers[from..from + found];
                let size = match kinds.numbers[row] {
                    0 if found == length => {
                        self.columns_of(of_row, &mut columns).map_err(wrong)?;
                        u32::try_from(sizes.numbers[row])
                            .map_err(|_| wrong("expected a size, found none".into()))?
                    }
                    0 => {
                        return Err(wrong(format!(
                            "expected as many indices as values, found {found} and {length}"
                        )));
                    }
                    1 => {
                        columns.extend(0..length as u32);
                        length as u32
                    }
                    _ if self.missing == Missing::Zero => 0,
                    _ => return Err(wrong("expected a vector in every row, found null".into())),
                };
                let last = columns.get(end..).and_then(<[u32]>::last);
                if self.columns.is_some_and(|most| size > most) || last.is_some_and(|last| *last >= size) {
                    let most = self.columns.unwrap_or(size).min(size);
                    return Err(wrong(format!(
                        "expected columns below {most}, found a vector of {size} with others"
                    )));
                }
                (from, end, width) = (from + found, end + length, width.max(size));
                ends.push(end as u64);
            }
            sink.widen(width as usize).map_err(Stop::NoRoom)?;
            sink.push_sparse(self.share(rows), &labels, &ends, &columns, &values.numbers)
                .map_err(Stop::NoRoom)?;
            done += rows as u64;
        }
        self.check_label_ends(&mut label)?;
        self.check_end(kinds.read_integers(1), kind)?;
        self.check_end(values.read(1), of)
    }

    /// The lengths of lists, which must be there.
    fn lengths(&self, lengths: &[Option<u32>], leaf: usize, done: u64) -> Result<Vec<u32>, Stop> {
        let length = |(row, length): (usize, &Option<u32>)| match length {
            Some(length) => Ok(*length),
            None if self.missing == Missing::Zero => Ok(0),
            None => {
                let place = self.place(leaf, done + row as u64);
                Err(Stop::Bad(format!(
                    "{place}: expected a list in every row (--missing zero takes others), found null"
                )))
            }
        };
        lengths.iter().enumerate().map(length).collect()
    }

    /// Appends a row's indices as columns.
    fn columns_of(&self, indices: &[i64], columns: &mut Vec<u32>) -> Result<(), String> {
        let most = i64::from(self.columns.unwrap_or(u32::MAX));
        let mut last = -1;
        for index in indices {
            if *index <= last || *index >= most {
                let rule = format!("expected indices from 0 to below {most}, ascending");
                return Err(match *index {
                    i64::MIN => format!("{rule}, found null"),
                    index => format!("{rule}, found {index} after {last}"),
                });
            }
            last = *index;
            columns.push(*index as u32);
        }
        Ok(())
    }
}

/// Lists one after the other with zeros for those that are not there.
fn with_zeros(values: &[f32], lengths: &[Option<u32>], width: usize) -> Vec<f32> {
    let (mut all, mut from) = (Vec::new(), 0);
    for length in lengths {
        match length {
            Some(_) => {
                all.extend_from_slice(&values[from..from + width]);
                from += width;
            }
            None => all.resize(all.len() + width, 0.0),
        }
    }
    all
}

/// Rows of a batch.
const LISTS: u64 = 4096;
