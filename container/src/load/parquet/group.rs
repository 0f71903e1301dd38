//! One row group: its columns' bytes, their numbers, and the rows that they make.

use bytes::Bytes;
use parquet::column::page::PageReader;
use parquet::column::reader::get_column_reader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::columns::Column;
use super::pages::Pages;
use super::{Features, Plan, bad};
use crate::error::LoadError;
use crate::load::dense::NoRoom;
use crate::load::select::{Role, absent};
use crate::load::sink::Sink;
use crate::load::text::read_exactly;
use crate::load::{LoadOptions, Missing};
use crate::source::ReadAt;
use crate::split::Range;

/// A row group that is being loaded.
pub(super) struct Group<'a> {
    range: &'a Range,
    source: &'a mut Box<dyn ReadAt + Send>,
    metadata: &'a ParquetMetaData,
    number: usize,
    pub(super) plan: &'a Plan,
    pub(super) missing: Missing,
    /// How many columns there are, if that is fixed or the length of a list has told it.
    pub(super) columns: Option<u32>,
    pub(super) rows: u64,
    /// Rows of the file before this group.
    first_row: u64,
    /// Rows of all groups of the range.
    own_rows: u64,
    pub(super) bytes_read: u64,
}

/// What ends a load.
pub(super) enum Stop {
    Bad(String),
    NoRoom(NoRoom),
    Load(LoadError),
}

impl<'a> Group<'a> {
    /// With the rows of the file before this group, and those of all groups of the range.
    pub(super) fn new(
        range: &'a Range,
        source: &'a mut Box<dyn ReadAt + Send>,
        metadata: &'a ParquetMetaData,
        number: usize,
        (first_row, own_rows): (u64, u64),
        plan: &'a Plan,
        options: &LoadOptions,
    ) -> Self {
        let rows = u64::try_from(metadata.row_group(number).num_rows()).unwrap_or(0);
        let (missing, columns) = (options.missing, options.columns);
        Group {
            range,
            source,
            metadata,
            number,
            plan,
            missing,
            columns,
            rows,
            first_row,
            own_rows,
            bytes_read: 0,
        }
    }

    pub(super) fn load(&mut self, sink: &mut impl Sink) -> Result<(), LoadError> {
        let plan = self.plan;
        let loaded = match &plan.features {
            Features::Flat(leaves) => self.flat(leaves, sink),
            Features::Lists(leaf) => self.lists(*leaf, sink),
            Features::Sparse(leaves) => self.sparse(*leaves, sink),
            Features::Vectors(leaves) => self.vectors(*leaves, sink),
        };
        loaded.map_err(|stop| match stop {
            Stop::Bad(message) => bad(self.range, format!("row group {}: {message}", self.number)),
            Stop::NoRoom(room) => room.of(self.range),
            Stop::Load(error) => error,
        })
    }

    /// Columns of numbers, a batch of each at a time.
    fn flat(&mut self, leaves: &[Option<usize>], sink: &mut impl Sink) -> Result<(), Stop> {
        let (shared_label, empty) = self.plan.selection.empty_row();
        let mut label = self.label()?;
        let mut columns = Vec::new();
        for (slot, leaf) in leaves.iter().enumerate() {
            if let Some(leaf) = leaf {
                columns.push((slot, *leaf, self.numbers(*leaf)?));
            }
        }
        let (width, most) = (leaves.len(), batch(columns.len() + 1));
        let mut block = Vec::new();
        let mut done = 0;
        while done < self.rows {
            let rows = (self.rows - done).min(most as u64) as usize;
            let labels = self.labels(&mut label, shared_label, rows, done)?;
            for (slot, leaf, column) in &mut columns {
                self.check_rows(column.read(rows), rows, done, *leaf)?;
                self.fill_in(&mut column.numbers, Role::Feature(*slot), *leaf, done)?;
            }
            // Through a block that stays in the cache, since the columns are far apart.
            for from in (0..rows).step_by(TRANSPOSED) {
                let to = (from + TRANSPOSED).min(rows);
                block.clear();
                (from..to).for_each(|_| block.extend_from_slice(&empty));
                let columns = columns.iter().map(|(slot, _, column)| (*slot, &column.numbers[from..to]));
                transpose(columns, width, &mut block);
                sink.push_dense(self.share(to - from), &labels[from..to], &block).map_err(Stop::NoRoom)?;
            }
            done += rows as u64;
        }
        self.check_label_ends(&mut label)?;
        for (_, leaf, column) in &mut columns {
            self.check_end(column.read(1), *leaf)?;
        }
        Ok(())
    }

    pub(super) fn label(&mut self) -> Result<Option<(usize, Column<f32>)>, Stop> {
        let leaf = self.plan.label;
        leaf.map(|leaf| Ok((leaf, self.numbers(leaf)?))).transpose()
    }

    pub(super) fn labels(
        &self,
        label: &mut Option<(usize, Column<f32>)>,
        shared: f32,
        rows: usize,
        done: u64,
    ) -> Result<Vec<f32>, Stop> {
        let Some((leaf, column)) = label else { return Ok(vec![shared; rows]) };
        self.check_rows(column.read(rows), rows, done, *leaf)?;
        self.fill_in(&mut column.numbers, Role::Label, *leaf, done)?;
        Ok(column.numbers.clone())
    }

    pub(super) fn check_label_ends(&self, label: &mut Option<(usize, Column<f32>)>) -> Result<(), Stop> {
        match label {
            Some((leaf, column)) => self.check_end(column.read(1), *leaf),
            None => Ok(()),
        }
    }

    pub(super) fn numbers(&mut self, leaf: usize) -> Result<Column<f32>, Stop> {
        self.column(leaf, f32::NAN)
    }

    pub(super) fn integers(&mut self, leaf: usize) -> Result<Column<i64>, Stop> {
        self.column(leaf, i64::MIN)
    }

    /// Reads the bytes of a column.
    fn column<N: Copy>(&mut self, leaf: usize, none: N) -> Result<Column<N>, Stop> {
        let chunk = self.metadata.row_group(self.number).column(leaf);
        let descriptor = chunk.column_descr_ptr();
        let wrong = |text: &str| Stop::Bad(format!("column {:?}: {text}", descriptor.path().string()));
        if chunk.file_path().is_some() {
            return Err(wrong("expected its numbers in this file, found the name of another"));
        }
        let (start, length) =
            place(chunk).ok_or_else(|| wrong("expected a place in the file, found none"))?;
        if start.checked_add(length).is_none_or(|end| end > self.range.file_length) {
            return Err(wrong("expected it within the file, found that it ends beyond"));
        }
        let mut bytes = zeros(length).ok_or_else(|| wrong("it is too large for this machine"))?;
        read_exactly(self.source.as_mut(), self.range, start, &mut bytes).map_err(Stop::Load)?;
        self.bytes_read += length;
        let lists = descriptor.max_rep_level() > 0;
        let most = if lists { MOST_IN_PAGE } else { u32::MAX };
        let pages: Box<dyn PageReader> = Box::new(Pages::new(Bytes::from(bytes), chunk.compression(), most));
        let reader = get_column_reader(descriptor.clone(), pages);
        // A list that may be empty is there one level below its elements.
        let list = descriptor.repeated_ancestor_def_level() - 1;
        Column::new(&descriptor, reader, list, none).map_err(|error| wrong(&error.to_string()))
    }

    /// The column and row of a fault, the row counted from 1 in the whole file.
    pub(super) fn place(&self, leaf: usize, done: u64) -> String {
        let column = self.metadata.file_metadata().schema_descr().column(leaf);
        format!("row {}, column {:?}", self.first_row.saturating_add(done) + 1, column.path().parts()[0])
    }

    pub(super) fn check_rows(
        &self,
        found: Result<usize, ParquetError>,
        rows: usize,
        done: u64,
        leaf: usize,
    ) -> Result<(), Stop> {
        match found {
            Ok(found) if found == rows => Ok(()),
            Ok(found) => {
                let (rows, found) = (self.rows, done + found as u64);
                let column = self.place(leaf, found);
                Err(Stop::Bad(format!("{column}: expected {rows} rows, as the footer claims, found {found}")))
            }
            Err(error) => Err(Stop::Bad(format!("after {}: {error}", self.place(leaf, done)))),
        }
    }

    pub(super) fn check_end(&self, found: Result<usize, ParquetError>, leaf: usize) -> Result<(), Stop> {
        match found {
            Ok(0) => Ok(()),
            Ok(_) => {
                let (rows, column) = (self.rows, self.place(leaf, self.rows));
                Err(Stop::Bad(format!("{column}: expected {rows} rows, as the footer claims, found more")))
            }
            Err(error) => Err(Stop::Bad(format!("after {}: {error}", self.place(leaf, self.rows)))),
        }
    }

    /// Puts something in the places of missing numbers, or refuses them.
    pub(super) fn fill_in(
        &self,
        numbers: &mut [f32],
        role: Role,
        leaf: usize,
        done: u64,
    ) -> Result<(), Stop> {
        if numbers.iter().all(|number| number.is_finite()) {
            return Ok(());
        }
        for (row, number) in numbers.iter_mut().enumerate().filter(|(_, number)| !number.is_finite()) {
            let filled = match number.is_nan() {
                true => absent(role, self.missing).map_err(|wrong| format!("{wrong}, found null or NaN")),
                false => Err(format!("expected a number below 3.4028236e38, found {number}")),
            };
            *number = filled.map_err(|wrong| {
                let lists = self.metadata.file_metadata().schema_descr().column(leaf).max_rep_level() > 0;
                // Of a list it is the first row of the batch, near enough to look.
                let place = self.place(leaf, if lists { done } else { done + row as u64 });
                Stop::Bad(format!("{}{place}: {wrong}", if lists { "at or after " } else { "" }))
            })?;
        }
        Ok(())
    }

    /// The part of the range's bytes that so many rows are.
    pub(super) fn share(&self, rows: usize) -> usize {
        (u128::from(self.range.length) * rows as u128 / u128::from(self.own_rows.max(1))) as usize
    }
}

/// Where a column's pages are: first byte and length. None if the claims make no sense.
pub(super) fn place(column: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let data = column.data_page_offset();
    // Some writers say 0 for no dictionary.
    let start =
        column.dictionary_page_offset().filter(|offset| *offset > 0 && *offset < data).unwrap_or(data);
    Some((u64::try_from(start).ok()?, u64::try_from(column.compressed_size()).ok()?))
}

/// So many bytes, if there is memory for them.
pub(super) fn zeros(length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length.try_into().ok()?).ok()?;
    bytes.resize(length as usize, 0);
    Some(bytes)
}

/// Puts columns into rows, eight rows at a time: each is then written in one line of the cache after the other.
fn transpose<'a>(columns: impl Iterator<Item = (usize, &'a [f32])> + Clone, width: usize, block: &mut [f32]) {
    for (eight, rows) in block.chunks_mut(8 * width).enumerate() {
        let height = rows.len() / width;
        for (slot, numbers) in columns.clone() {
            let numbers = &numbers[8 * eight..8 * eight + height];
            for (row, number) in numbers.iter().enumerate() {
                rows[row * width + slot] = *number;
            }
        }
    }
}

/// Rows of a batch: many, lest the dictionaries of many columns drive each other out of the cache time and again; but of very
/// many columns fewer, lest a batch take much memory.
fn batch(columns: usize) -> usize {
    (MOST_NUMBERS / columns.max(1)).clamp(1024, 65_536) / 8 * 8
}

const MOST_NUMBERS: usize = 16 << 20;
const MOST_IN_PAGE: u32 = 16 << 20;
/// Rows that are transposed together, a multiple of 8.
const TRANSPOSED: usize = 64;
