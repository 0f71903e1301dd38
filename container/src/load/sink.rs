//! Where rows go while a split is loaded: into sparse or dense data, whichever way the format writes them.

use crate::load::dense::{Matrix, NoRoom};
use crate::load::rows::Builder;

/// Data that is growing.
pub(crate) trait Sink {
    /// Sets the number of columns; to the same for all rows of a format that says it beforehand.
    fn widen(&mut self, width: usize) -> Result<(), NoRoom>;

    /// Appends rows that `bytes` of input gave: their numbers, row after row, all as wide as the sink is.
    fn push_dense(&mut self, bytes: usize, labels: &[f32], values: &[f32]) -> Result<(), NoRoom>;

    /// Appends rows by the numbers they have: how many up to and with each row, their columns within the width, and the numbers.
    fn push_sparse(
        &mut self,
        bytes: usize,
        labels: &[f32],
        ends: &[u64],
        columns: &[u32],
        values: &[f32],
    ) -> Result<(), NoRoom>;
}

impl Sink for Matrix {
    fn widen(&mut self, width: usize) -> Result<(), NoRoom> {
        self.make_room(0, width)
    }

    fn push_dense(&mut self, _bytes: usize, labels: &[f32], values: &[f32]) -> Result<(), NoRoom> {
        self.make_room(labels.len(), 0)?;
        self.push_rows(labels, values);
        Ok(())
    }

    fn push_sparse(
        &mut self,
        _bytes: usize,
        labels: &[f32],
        ends: &[u64],
        columns: &[u32],
        values: &[f32],
    ) -> Result<(), NoRoom> {
        self.make_room(labels.len(), 0)?;
        let mut start = 0;
        for (label, end) in labels.iter().zip(ends) {
            let end = *end as usize;
            self.push_row(*label, &columns[start..end], &values[start..end]);
            start = end;
        }
        Ok(())
    }
}

/// Zeros are dropped.
impl Sink for Builder {
    fn widen(&mut self, width: usize) -> Result<(), NoRoom> {
        Builder::widen(self, width as u32);
        Ok(())
    }

    fn push_dense(&mut self, bytes: usize, labels: &[f32], values: &[f32]) -> Result<(), NoRoom> {
        let width = values.len() / labels.len().max(1);
        let (mut ends, mut columns, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for row in values.chunks_exact(width.max(1)) {
            for (column, value) in (0..).zip(row) {
                if *value != 0.0 {
                    columns.push(column);
                    kept.push(*value);
                }
            }
            ends.push(kept.len() as u64);
        }
        self.extend(bytes, labels, &ends, &columns, &kept);
        Ok(())
    }
    fn push_sparse(
        &mut self,
        bytes: usize,
        labels: &[f32],
        ends: &[u64],
        columns: &[u32],
        values: &[f32],
    ) -> Result<(), NoRoom> {
        self.extend(bytes, labels, ends, columns, values);
        Ok(())
    }
}
