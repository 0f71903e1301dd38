//! Sparse rows in memory.

use crate::error::LoadError;
use crate::load::libsvm::Parser;
use crate::load::text::LineReader;
use crate::load::{self, DenseRows, Format, Load, LoadOptions, Shape, csv, parquet};
use crate::split::{Range, Split};

/// Labelled sparse rows, compressed: 8 bytes per stored number, 12 per row, no slack.
///
/// As CSR, but a row's columns and values lie side by side in one vector: a scan in random order finds a row in one place of
/// memory, not in two.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseRows {
    labels: Vec<f32>,
    /// How many numbers there are up to and with each row, after a leading 0.
    offsets: Vec<u64>,
    /// Of each row its columns, then the bits of its values.
    numbers: Vec<u32>,
    width: u32,
}

/// Rows that are fetched together: few enough to be in the nearest cache still when their turn comes.
const AHEAD: usize = 16;

/// One row: its label, its columns (from 0, ascending, each once) and the numbers in them.
pub type Row<'a> = (f32, &'a [u32], &'a [f32]);

impl SparseRows {
    /// Rows.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Columns: all of a row's columns are below this.
    pub fn columns(&self) -> u32 {
        self.width
    }

    /// Stored numbers in all rows together.
    pub fn stored(&self) -> usize {
        self.numbers.len() / 2
    }

    /// The label of every row.
    pub fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// Row number `row`, from 0.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row(&self, row: usize) -> Row<'_> {
        let numbers = self.numbers(row);
        let (columns, values) = numbers.split_at(numbers.len() / 2);
        (self.labels[row], columns, bytemuck::cast_slice(values))
    }

    #[inline]
    fn numbers(&self, row: usize) -> &[u32] {
        &self.numbers[2 * self.offsets[row] as usize..2 * self.offsets[row + 1] as usize]
    }

    /// All rows in the order of the input.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> + Clone {
        (0..self.rows()).map(|row| self.row(row))
    }

    /// Rows in any order, such as a shuffled one. Memory is waited for once every few rows and not for each, which a loop over
    /// [`row`](Self::row) does.
    ///
    /// # Panics
    /// If one of the rows does not exist.
    pub fn in_order<'a>(&'a self, order: &'a [u32]) -> impl Iterator<Item = Row<'a>> {
        order.chunks(AHEAD).flat_map(|rows| {
            self.fetch(rows);
            rows.iter().map(|&row| self.row(row as usize))
        })
    }

    /// Reads a word of every cache line of these rows. None of these reads needs the one before, so that they go on side by side.
    fn fetch(&self, rows: &[u32]) {
        const LINE: usize = 64 / size_of::<u32>();
        let mut seen = 0;
        for &row in rows {
            let numbers = self.numbers(row as usize);
            seen ^= self.labels[row as usize].to_bits();
            numbers.chunks(LINE).for_each(|line| seen ^= line[0]);
            // The last line too, if the row does not begin where a line does.
            seen ^= numbers.last().copied().unwrap_or(0);
        }
        std::hint::black_box(seen);
    }

    /// Bytes in memory.
    pub fn resident_bytes(&self) -> u64 {
        let bytes = self.labels.capacity() * size_of::<f32>()
            + self.offsets.capacity() * size_of::<u64>()
            + self.numbers.capacity() * size_of::<u32>();
        bytes as u64
    }
}

impl Load for SparseRows {
    fn load(split: &Split, options: &LoadOptions) -> Result<(Self, Shape), LoadError> {
        let mut rows = Builder::new(split.bytes());
        let bytes_read = match options.format {
            Format::Libsvm => load_libsvm(split, options, &mut rows)?,
            Format::Csv => csv::load(split, options, &mut rows)?,
            Format::Parquet => parquet::load(split, options, &mut rows)?,
        };
        let rows = rows.finish(options.columns);
        let shape = Shape {
            rows: rows.rows() as u64,
            columns: rows.columns(),
            stored: rows.stored() as u64,
            resident_bytes: rows.resident_bytes(),
            bytes_read,
        };
        Ok((rows, shape))
    }

    fn settle(options: &LoadOptions, first: &Range) -> Result<Option<LoadOptions>, LoadError> {
        load::settle(options, first)
    }
}

fn load_libsvm(split: &Split, options: &LoadOptions, rows: &mut Builder) -> Result<u64, LoadError> {
    let mut reader = LineReader::new();
    let mut parser = Parser::new(options.columns);
    let mut bytes_read = 0;
    for range in &split.ranges {
        reader.start(range)?;
        while let Some(block) = reader.next_block()? {
            if let Err(fault) = parser.parse(&block, rows) {
                let at = block.offset();
                return Err(reader.blame(at, fault));
            }
        }
        bytes_read += reader.bytes_read();
    }
    Ok(bytes_read)
}

/// Rows as their format has them: for an algorithm that does well by both.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// LibSVM text, and columns of indices and values.
    Sparse(SparseRows),
    /// Formats that write every number.
    Dense(DenseRows),
}

impl Rows {
    /// Columns: all of a row's columns are below this.
    pub fn columns(&self) -> u32 {
        match self {
            Rows::Sparse(rows) => rows.columns(),
            Rows::Dense(rows) => rows.columns() as u32,
        }
    }

    /// Hands out every row in the order of the input; a dense row has all columns.
    pub fn for_each(&self, mut with: impl FnMut(Row<'_>)) {
        match self {
            Rows::Sparse(rows) => rows.iter().for_each(with),
            Rows::Dense(rows) => {
                let all: Vec<u32> = (0..rows.columns() as u32).collect();
                rows.iter().for_each(|(label, values)| with((label, &all, values)));
            }
        }
    }
}

impl Load for Rows {
    fn load(split: &Split, options: &LoadOptions) -> Result<(Self, Shape), LoadError> {
        let sparse = match options.format {
            Format::Libsvm => true,
            Format::Csv => false,
            Format::Parquet => match split.ranges.iter().find(|range| range.length > 0) {
                Some(range) => parquet::is_sparse(options, range)?,
                None => false,
            },
        };
        if sparse {
            SparseRows::load(split, options).map(|(rows, shape)| (Rows::Sparse(rows), shape))
        } else {
            DenseRows::load(split, options).map(|(rows, shape)| (Rows::Dense(rows), shape))
        }
    }

    fn settle(options: &LoadOptions, first: &Range) -> Result<Option<LoadOptions>, LoadError> {
        load::settle(options, first)
    }
}

/// Rows that are still growing.
///
/// Doubling vectors would need three times the data's memory for a moment. The size of the input is known, so
/// the final size is guessed from what the bytes so far gave, and reserved exactly; big vectors are then moved
/// by the system's page tables, not copied.
#[derive(Debug)]
pub(crate) struct Builder {
    rows: SparseRows,
    bytes_total: u64,
    bytes_done: u64,
}

impl Builder {
    /// For an input of about so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let rows = SparseRows { labels: Vec::new(), offsets: vec![0], numbers: Vec::new(), width: 0 };
        Builder { rows, bytes_total: bytes, bytes_done: 0 }
    }

    /// Appends the rows of `bytes` of text: the label of each, how many numbers they have up to and with each, and the numbers.
    ///
    /// # Panics
    /// If there are not as many ends as labels, or columns as values, or fewer than the last end says.
    pub(crate) fn extend(
        &mut self,
        bytes: usize,
        labels: &[f32],
        ends: &[u64],
        columns: &[u32],
        values: &[f32],
    ) {
        assert_eq!(labels.len(), ends.len());
        assert_eq!(columns.len(), values.len());
        let before = self.rows.stored() as u64;
        // Before reserving: the guess is by how many rows so many bytes gave, with these rows.
        self.bytes_done += bytes as u64;
        self.reserve(labels.len(), 2 * values.len());
        self.rows.labels.extend_from_slice(labels);
        self.rows.offsets.extend(ends.iter().map(|end| before + end));
        let mut start = 0;
        for &end in ends {
            let row = start..end as usize;
            self.rows.numbers.extend_from_slice(&columns[row.clone()]);
            self.rows.numbers.extend_from_slice(bytemuck::cast_slice(&values[row]));
            start = end as usize;
        }
    }

    /// Makes room for columns below `width`.
    pub(crate) fn widen(&mut self, width: u32) {
        self.rows.width = self.rows.width.max(width);
    }

    fn reserve(&mut self, rows: usize, numbers: usize) {
        let (total, done) = (self.bytes_total, self.bytes_done);
        make_room(&mut self.rows.labels, rows, total, done);
        make_room(&mut self.rows.offsets, rows, total, done);
        make_room(&mut self.rows.numbers, numbers, total, done);
    }

    pub(crate) fn finish(mut self, columns: Option<u32>) -> SparseRows {
        self.rows.width = columns.unwrap_or(self.rows.width);
        self.rows.labels.shrink_to_fit();
        self.rows.offsets.shrink_to_fit();
        self.rows.numbers.shrink_to_fit();
        self.rows
    }
}

/// Reserves by the guess at the final length, if there is no room for `more`.
fn make_room<T>(vector: &mut Vec<T>, more: usize, bytes_total: u64, bytes_done: u64) {
    if vector.capacity() - vector.len() >= more {
        return;
    }
    // An eighth more than guessed, lest the last rows need another move: room that is never written takes no
    // memory, and goes at the end. But no input has more numbers than bytes (a packed one may, and then moves more often).
    let length = vector.len() + more;
    let guess = length as u128 * u128::from(bytes_total) * 9 / (u128::from(bytes_done.max(1)) * 8);
    let guess = guess.min(u128::from(bytes_total)) as usize;
    vector.reserve_exact((more + vector.len() / 16).max(guess.saturating_sub(vector.len())));
}
