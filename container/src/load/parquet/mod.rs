//! Parquet: columns of numbers, or one column of vectors.
//!
//! - A split has the row groups whose middle byte lies in it, as for Hadoop's `ParquetInputFormat` and for Spark; their columns
//!   are read, and no others. (So a split size below that of row groups makes splits without rows: `parquet.block.size` is 128m.)
//! - Features are integers, floats of any width, booleans and decimals, rounded to the nearest f32: a row of the matrix. Or they
//!   are one column of lists of such numbers, all of one length. Or two columns of lists, `indices` (from 0, ascending) and
//!   `values`, or one of Spark's `VectorUDT`: sparse rows.
//! - A null, and a NaN too, is a missing number: see [`Missing`](super::Missing). A null list is no list: bad input, or with
//!   `--missing zero` one of zeros.
//! - All encodings that the parquet crate knows; packed by snappy, gzip, zstd, brotli, lz4 or not at all. Not encrypted.
//! - A file is not trusted: what its headers claim takes no memory before it is there, and a panic of the parquet crate is bad
//!   input.

mod columns;
mod group;
mod pages;
mod thrift;
mod vectors;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};

use crate::error::LoadError;
use crate::guard::guard;
use crate::load::LoadOptions;
use crate::load::select::{Role, Selection, Table};
use crate::load::sink::Sink;
use crate::load::text::read_exactly;
use crate::source::{self, ReadAt};
use crate::split::{Range, Split};

use columns::Field;
use group::Group;

/// Loads a split into `sink`; how many bytes were read.
pub(crate) fn load(split: &Split, options: &LoadOptions, sink: &mut impl Sink) -> Result<u64, LoadError> {
    let mut options = options.clone();
    let mut bytes_read = 0;
    for range in split.ranges.iter().filter(|range| range.length > 0) {
        bytes_read += guarded(range, || {
            let mut file = File::open(range)?;
            let bad = |message| bad(range, message);
            options = file.settle(&options).map_err(bad)?;
            let plan = file.plan(&options).map_err(bad)?;
            file.load(&plan, &mut options, sink)?;
            Ok(file.bytes_read)
        })?;
    }
    Ok(bytes_read)
}

/// The options with what this file says where they leave it open.
pub(crate) fn settle(options: &LoadOptions, range: &Range) -> Result<LoadOptions, LoadError> {
    guarded(range, || File::open(range)?.settle(options).map_err(|message| bad(range, message)))
}

/// Whether the rows are sparse by their columns.
pub(crate) fn is_sparse(options: &LoadOptions, range: &Range) -> Result<bool, LoadError> {
    guarded(range, || {
        let plan = File::open(range)?.plan(options).map_err(|message| bad(range, message))?;
        Ok(matches!(plan.features, Features::Sparse(_) | Features::Vectors(_)))
    })
}

/// Where the label and the features are.
struct Plan {
    selection: Selection,
    /// The label's leaf; none if it is not in the file.
    label: Option<usize>,
    features: Features,
}

/// How the features are written.
enum Features {
    /// A number per column: their leaves, in the order of the features; none where the path says the number.
    Flat(Vec<Option<usize>>),
    /// Lists of numbers.
    Lists(usize),
    /// Lists of columns and of the numbers in them.
    Sparse([usize; 2]),
    /// Spark's vectors: type, size, indices, values.
    Vectors([usize; 4]),
}

/// A file and its footer.
struct File<'a> {
    range: &'a Range,
    source: Box<dyn ReadAt + Send>,
    metadata: ParquetMetaData,
    fields: Vec<Field>,
    table: Table,
    bytes_read: u64,
}

impl<'a> File<'a> {
    fn open(range: &'a Range) -> Result<Self, LoadError> {
        if range.end().is_none() {
            let (length, offset) = (range.length, range.offset);
            let inside = range.file_length;
            return Err(bad(
                range,
                format!("expected a range inside its {inside} bytes, found {length} bytes from {offset}"),
            ));
        }
        let mut source = source::open(range)?;
        let (footer, bytes_read) = footer(source.as_mut(), range)?;
        if !thrift::is_sound(&footer) {
            return Err(bad(
                range,
                "expected a footer with a schema, found other bytes: it is damaged".into(),
            ));
        }
        let metadata = ParquetMetaDataReader::decode_metadata(&footer)
            .map_err(|error| bad(range, format!("its footer is damaged: {error}")))?;
        let schema = metadata.file_metadata().schema_descr();
        let fields = columns::fields(schema);
        let names = schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
        let table = Table::new(fields.len(), names, &range.path);
        Ok(File { range, source, metadata, fields, table, bytes_read })
    }

    fn settle(&self, options: &LoadOptions) -> Result<LoadOptions, String> {
        if let Features::Flat(_) = self.plan(options)?.features {
            return self.table.settle(options);
        }
        // How long the lists are, the rows will tell.
        let settled = self.table.settle(&LoadOptions { columns: None, ..options.clone() })?;
        Ok(LoadOptions { columns: options.columns, ..settled })
    }

    fn plan(&self, options: &LoadOptions) -> Result<Plan, String> {
        let selection = self.table.select(options)?;
        let mut label = None;
        let mut wanted = vec![None; selection.features];
        for (column, role) in selection.roles.iter().enumerate() {
            match (role, &self.fields[column]) {
                (Role::Ignored, _) => {}
                (_, Field::Other(found)) => {
                    return Err(format!("expected numbers in {}, found {found}", self.table.called(column)));
                }
                (Role::Label, Field::Number(leaf)) => label = Some(*leaf),
                (Role::Label, _) => {
                    return Err(format!(
                        "expected a number as label in {}, found lists",
                        self.table.called(column)
                    ));
                }
                (Role::Feature(number), field) => wanted[*number] = Some((column, field)),
            }
        }
        let features = match wanted[..] {
            [Some((_, &Field::List(leaf)))] => Features::Lists(leaf),
            [Some((_, &Field::Vector(leaves)))] => Features::Vectors(leaves),
            [Some((one, &Field::List(a))), Some((two, &Field::List(b)))] => {
                let schema = self.metadata.file_metadata().schema_descr();
                let pair = if self.table.called(one) == "\"values\"" { [b, a] } else { [a, b] };
                if !columns::is_integer(&schema.column(pair[0])) {
                    let (one, two) = (self.table.called(one), self.table.called(two));
                    return Err(format!(
                        "expected lists of indices and of values, found no integers in {one} or {two}"
                    ));
                }
                Features::Sparse(pair)
            }
            _ => {
                let number = |wanted: &Option<(usize, &Field)>| match wanted {
                    None => Ok(None),
                    Some((_, Field::Number(leaf))) => Ok(Some(*leaf)),
                    Some((column, _)) => Err(format!(
                        "expected numbers in all features, or one list, or lists of indices and values, found {} features with \
                         lists in {}",
                        selection.features,
                        self.table.called(*column)
                    )),
                };
                Features::Flat(wanted.iter().map(number).collect::<Result<_, _>>()?)
            }
        };
        if let Features::Flat(leaves) = &features
            && label.is_none()
            && leaves.iter().all(Option::is_none)
        {
            return Err("expected a feature or label in the file itself, found them all in its path".into());
        }
        Ok(Plan { selection, label, features })
    }

    /// Loads the row groups that the range owns.
    fn load(
        &mut self,
        plan: &Plan,
        options: &mut LoadOptions,
        sink: &mut impl Sink,
    ) -> Result<(), LoadError> {
        if let Features::Flat(_) = plan.features {
            sink.widen(plan.selection.features).map_err(|room| room.of(self.range))?;
        }
        let File { range, source, metadata, bytes_read, .. } = self;
        let groups = metadata.row_groups();
        let middles: Option<Vec<u64>> = groups.iter().map(|group| middle(group, range.file_length)).collect();
        let Some(middles) = middles else {
            let message = "expected the columns of all row groups within the file, found others";
            return Err(bad(range, message.into()));
        };
        let is_own = |number: usize| (range.offset..range.offset + range.length).contains(&middles[number]);
        let rows = |number: usize| u64::try_from(groups[number].num_rows()).unwrap_or(0);
        let own_rows =
            (0..groups.len()).filter(|number| is_own(*number)).map(rows).fold(0, u64::saturating_add);
        let mut before = 0;
        for number in 0..groups.len() {
            // Writers of empty tables leave groups without rows, and without pages.
            if is_own(number) && rows(number) > 0 {
                let mut group =
                    Group::new(range, source, metadata, number, (before, own_rows), plan, options);
                group.load(sink)?;
                *bytes_read += group.bytes_read;
                if let Features::Lists(_) = plan.features {
                    options.columns = group.columns;
                }
            }
            before = u64::saturating_add(before, rows(number));
        }
        Ok(())
    }
}

/// The byte that decides whose a row group is; none if its claims make no sense.
fn middle(group: &RowGroupMetaData, file_length: u64) -> Option<u64> {
    let mut start = u64::MAX;
    let mut total = 0u64;
    for column in group.columns() {
        let (from, length) = group::place(column)?;
        start = start.min(from);
        total = total.checked_add(length)?;
    }
    let middle = start.checked_add(total / 2)?;
    (group.num_rows() >= 0 && middle < file_length).then_some(middle)
}

/// The footer's bytes, and how many were read for them.
fn footer(source: &mut dyn ReadAt, range: &Range) -> Result<(Vec<u8>, u64), LoadError> {
    let length = range.file_length;
    if length < 12 {
        return Err(bad(range, format!("expected a Parquet file, found {length} bytes")));
    }
    let mut tail = vec![0; length.min(TAIL) as usize];
    read_exactly(source, range, length - tail.len() as u64, &mut tail)?;
    let (rest, end) = tail.split_last_chunk::<8>().expect("at least 12 bytes");
    let (size, magic) = (u32::from_le_bytes([end[0], end[1], end[2], end[3]]), &end[4..]);
    let size = u64::from(size);
    match magic {
        b"PAR1" if size + 12 <= length => {}
        b"PAR1" => {
            return Err(bad(
                range,
                format!("expected a footer within its {length} bytes, found one of {size}"),
            ));
        }
        b"PARE" => {
            return Err(bad(range, "expected a Parquet file in the clear, found an encrypted one".into()));
        }
        _ => {
            let found = String::from_utf8_lossy(magic);
            let message = format!(
                "expected PAR1 at the end of a Parquet file, found {found:?}: it is none, or cut short"
            );
            return Err(bad(range, message));
        }
    }
    if let Some(start) = (rest.len() as u64).checked_sub(size) {
        return Ok((rest[start as usize..].to_vec(), tail.len() as u64));
    }
    let mut footer =
        group::zeros(size).ok_or_else(|| bad(range, format!("its footer of {size} bytes is too large")))?;
    read_exactly(source, range, length - 8 - size, &mut footer)?;
    Ok((footer, tail.len() as u64 + size))
}

/// Bytes of a file's end that are read at once: most footers are shorter.
const TAIL: u64 = 64 << 10;

fn bad(range: &Range, message: String) -> LoadError {
    LoadError::Bad { path: range.path.clone(), line: None, column: None, message }
}

/// Runs the parquet crate behind a wall: where it panics, the file is bad.
fn guarded<T>(range: &Range, work: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    match guard(|| Ok(work())) {
        Ok(outcome) => outcome,
        Err(text) => Err(bad(
            range,
            format!("expected a sound Parquet file, found one that its reader cannot bear: {text}"),
        )),
    }
}

#[cfg(test)]
mod tests;
