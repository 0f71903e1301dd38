//! Dense rows in memory.

use crate::error::LoadError;
use crate::load::libsvm::Parser;
use crate::load::rows::Builder;
use crate::load::text::LineReader;
use crate::load::{Format, Load, LoadOptions, Shape, csv, parquet};
use crate::split::{Range, Split};

/// Labelled dense rows: one contiguous matrix of f32, row after row.
///
/// From LibSVM text, numbers that are left out are 0, and the matrix is as wide as `--columns` says, else as the highest column
/// of *this split*: rows read as zero beyond, so an algorithm takes a row's columns up to [`columns`](Self::columns) and the
/// rest of its model as untouched by this split.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseRows {
    labels: Vec<f32>,
    /// `rows * width` numbers.
    values: Vec<f32>,
    width: usize,
}

impl DenseRows {
    /// Rows.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Columns: the length of every row.
    pub fn columns(&self) -> usize {
        self.width
    }

    /// Row number `row`, from 0.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..][..self.width]
    }

    /// The label of every row.
    pub fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// The whole matrix: `rows * columns` numbers, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All rows in the order of the input, each with its label.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (f32, &[f32])> + Clone {
        (0..self.rows()).map(|row| (self.labels[row], self.row(row)))
    }

    /// Bytes in memory.
    pub fn resident_bytes(&self) -> u64 {
        ((self.labels.capacity() + self.values.capacity()) * size_of::<f32>()) as u64
    }
}

impl Load for DenseRows {
    fn load(split: &Split, options: &LoadOptions) -> Result<(Self, Shape), LoadError> {
        let mut matrix = Matrix::new(options.columns.unwrap_or(0) as usize);
        let bytes_read = match options.format {
            Format::Libsvm => load_libsvm(split, options, &mut matrix)?,
            Format::Csv => csv::load(split, options, &mut matrix)?,
            Format::Parquet => parquet::load(split, options, &mut matrix)?,
        };
        let rows = matrix.finish();
        let shape = Shape {
            rows: rows.rows() as u64,
            columns: rows.columns() as u32,
            stored: rows.values().len() as u64,
            resident_bytes: rows.resident_bytes(),
            bytes_read,
        };
        Ok((rows, shape))
    }
}

/// Block by block, so that of the sparse rows there is never more than one block's in memory.
fn load_libsvm(split: &Split, options: &LoadOptions, matrix: &mut Matrix) -> Result<u64, LoadError> {
    let mut reader = LineReader::new();
    let mut parser = Parser::new(options.columns);
    let mut bytes_read = 0;
    for range in &split.ranges {
        reader.start(range)?;
        while let Some(block) = reader.next_block()? {
            let mut rows = Builder::new(block.lines().len() as u64);
            if let Err(fault) = parser.parse(&block, &mut rows) {
                let at = block.offset();
                return Err(reader.blame(at, fault));
            }
            let rows = rows.finish(None);
            matrix.make_room(rows.rows(), rows.columns() as usize).map_err(|room| room.of(range))?;
            rows.iter().for_each(|(label, columns, values)| matrix.push_row(label, columns, values));
        }
        bytes_read += reader.bytes_read();
    }
    Ok(bytes_read)
}

/// A matrix that is still growing. It doubles: the system moves big vectors by its page tables, and room that is never
/// written takes no memory.
#[derive(Debug)]
pub(crate) struct Matrix {
    rows: DenseRows,
}

/// A matrix that this machine has no room for.
#[derive(Debug)]
pub(crate) struct NoRoom {
    rows: usize,
    width: usize,
}

impl NoRoom {
    /// As the fault of the file that wanted the room.
    pub(crate) fn of(&self, range: &Range) -> LoadError {
        let NoRoom { rows, width } = self;
        let bytes = *rows as u128 * *width as u128 * size_of::<f32>() as u128;
        let message = format!(
            "expected dense rows that fit into memory, found {width} columns: {rows} rows of them take {} MiB",
            bytes >> 20
        );
        LoadError::Bad { path: range.path.clone(), line: None, column: None, message }
    }
}

impl Matrix {
    /// Without rows, of so many columns.
    pub(crate) fn new(width: usize) -> Self {
        Matrix { rows: DenseRows { labels: Vec::new(), values: Vec::new(), width } }
    }

    /// Room for so many more rows of at least so many columns; never claimed beyond what the machine has.
    pub(crate) fn make_room(&mut self, rows: usize, width: usize) -> Result<(), NoRoom> {
        let DenseRows { labels, values, width: now } = &mut self.rows;
        let width = width.max(*now);
        let total = labels.len() + rows;
        let no_room = || NoRoom { rows: total, width };
        let length = total.checked_mul(width).filter(|length| fits(*length)).ok_or_else(no_room)?;
        labels.try_reserve(rows).map_err(|_| no_room())?;
        values.try_reserve(length - values.len()).map_err(|_| no_room())?;
        if width > *now {
            spread(values, labels.len(), *now, width);
            *now = width;
        }
        Ok(())
    }

    /// Appends a row whose columns are all within the width.
    pub(crate) fn push_row(&mut self, label: f32, columns: &[u32], numbers: &[f32]) {
        let DenseRows { labels, values, width } = &mut self.rows;
        let start = values.len();
        values.resize(start + *width, 0.0);
        let row = &mut values[start..];
        columns.iter().zip(numbers).for_each(|(column, number)| row[*column as usize] = *number);
        labels.push(label);
    }

    /// Appends rows as wide as the matrix.
    pub(crate) fn push_rows(&mut self, labels: &[f32], values: &[f32]) {
        assert_eq!(values.len(), labels.len() * self.rows.width);
        self.rows.labels.extend_from_slice(labels);
        self.rows.values.extend_from_slice(values);
    }

    pub(crate) fn finish(mut self) -> DenseRows {
        self.rows.labels.shrink_to_fit();
        self.rows.values.shrink_to_fit();
        self.rows
    }
}

/// Makes rows wider in place, from the last to the first, with zeros behind what they had.
fn spread(values: &mut Vec<f32>, rows: usize, from: usize, to: usize) {
    values.resize(rows * to, 0.0);
    for row in (0..rows).rev() {
        values.copy_within(row * from..(row + 1) * from, row * to);
        values[row * to + from..(row + 1) * to].fill(0.0);
    }
}

/// Whether this machine's memory has room for so many numbers at all.
fn fits(numbers: usize) -> bool {
    let bytes = numbers as u128 * size_of::<f32>() as u128;
    bytes <= ALWAYS || bytes <= u128::from(rustix::system::sysinfo().totalram)
}

/// Bytes that need no look at the machine.
const ALWAYS: u128 = 256 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::SparseRows;
    use crate::load::testing::TestFile;

    fn load(text: &str, cuts: &[u64], columns: Option<u32>) -> Result<(DenseRows, Shape), String> {
        let options = LoadOptions { columns, ..LoadOptions::new(Format::Libsvm) };
        DenseRows::load(&TestFile::new(text.as_bytes()).split(cuts), &options).map_err(|e| e.to_string())
    }

    #[test]
    fn rows_are_one_matrix_with_zeros_where_nothing_is_written() {
        let (rows, shape) = load("1 2:5\n-1 1:3 3:-0.5\n0\n", &[], None).unwrap();
        assert_eq!((rows.rows(), rows.columns()), (3, 3));
        assert_eq!(rows.values(), [0.0, 5.0, 0.0, 3.0, 0.0, -0.5, 0.0, 0.0, 0.0]);
        assert_eq!(rows.labels(), [1.0, -1.0, 0.0]);
        assert!(rows.iter().eq([
            (1.0, &[0.0, 5.0, 0.0][..]),
            (-1.0, &[3.0, 0.0, -0.5]),
            (0.0, &[0.0, 0.0, 0.0])
        ]));
        let expected = Shape { rows: 3, columns: 3, stored: 9, resident_bytes: 48, bytes_read: 22 };
        assert_eq!(shape, expected);
    }

    #[test]
    fn a_fixed_number_of_columns_is_the_width() {
        let (rows, _) = load("1 2:5\n", &[], Some(4)).unwrap();
        assert_eq!(rows.row(0), [0.0, 5.0, 0.0, 0.0]);
        assert!(load("1 5:5\n", &[], Some(4)).unwrap_err().contains("the fixed number of columns"));
        assert_eq!(load("", &[], Some(4)).unwrap().0.columns(), 4);
    }

    #[test]
    fn a_matrix_larger_than_the_machine_is_refused() {
        let error = load(&"1 4294967295:1\n".repeat(1000), &[], None).unwrap_err();
        assert!(error.contains("found 4294967295 columns: 1000 rows of them take 16383999 MiB"), "{error}");
    }

    #[test]
    fn rows_that_are_already_there_grow_with_the_width() {
        let mut matrix = Matrix::new(1);
        matrix.make_room(2, 0).unwrap();
        matrix.push_row(1.0, &[0], &[7.0]);
        matrix.push_row(2.0, &[0], &[8.0]);
        matrix.make_room(1, 3).unwrap();
        matrix.push_row(3.0, &[2], &[9.0]);
        assert_eq!(matrix.finish().values(), [7.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0, 0.0, 9.0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn dense_and_sparse_rows_say_the_same(
            rows in proptest::collection::vec(proptest::collection::btree_map(1u32..30, -9i8..9, 0..6), 0..40),
            cuts in proptest::collection::vec(0u64..300, 0..4),
        ) {
            let line = |row: &std::collections::BTreeMap<u32, i8>| {
                let numbers: String = row.iter().map(|(column, value)| format!(" {column}:{value}")).collect();
                format!("1{numbers}\n")
            };
            let text: String = rows.iter().map(line).collect();
            let file = TestFile::new(text.as_bytes());
            let options = LoadOptions::new(Format::Libsvm);
            let (sparse, _) = SparseRows::load(&file.split(&[]), &options).unwrap();
            let (dense, _) = DenseRows::load(&file.split(&cuts), &options).unwrap();
            prop_assert_eq!((sparse.rows(), sparse.columns() as usize), (dense.rows(), dense.columns()));
            for ((_, columns, values), (_, row)) in sparse.iter().zip(dense.iter()) {
                let mut expected = vec![0.0; dense.columns()];
                columns.iter().zip(values).for_each(|(&column, &value)| expected[column as usize] = value);
                prop_assert_eq!(expected, row);
            }
        }
    }
}
