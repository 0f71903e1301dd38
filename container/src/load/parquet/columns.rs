//! What the columns of a schema are to us, and their numbers as f32, a batch of rows at a time.

use parquet::basic::{ConvertedType, LogicalType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::{ParquetError, Result};
use parquet::schema::types::{ColumnDescPtr, ColumnDescriptor, SchemaDescriptor};

/// A top-level column of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    /// A number per row; its leaf.
    Number(usize),
    /// A list of numbers per row; its leaf.
    List(usize),
    /// Spark's `VectorUDT`, a struct of type (0 sparse, 1 dense), size, indices and values; their leaves.
    Vector([usize; 4]),
    /// Something else, in words.
    Other(String),
}

/// How the numbers of a leaf are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// As their type says.
    Plain,
    /// Without sign, in the bits of an integer with one.
    Unsigned,
    /// As the integer times this power of ten.
    Decimal(f64),
    /// Two bytes, IEEE.
    Half,
}

/// All top-level columns.
pub(super) fn fields(schema: &SchemaDescriptor) -> Vec<Field> {
    let roots = schema.root_schema().get_fields();
    let mut leaves = vec![Vec::new(); roots.len()];
    for leaf in 0..schema.num_columns() {
        leaves[schema.get_column_root_idx(leaf)].push(leaf);
    }
    let field = |(root, leaves): (&parquet::schema::types::TypePtr, &Vec<usize>)| {
        let column = |leaf: usize| schema.column(leaf);
        match leaves[..] {
            [leaf] => match (kind(&column(leaf)), column(leaf).max_rep_level()) {
                (Err(found), 0) => Field::Other(found),
                (Err(found), _) => Field::Other(format!("lists of {found}")),
                (Ok(_), 0) if root.is_primitive() => Field::Number(leaf),
                (Ok(_), 1) => Field::List(leaf),
                (Ok(_), 0) => Field::Other("a struct".into()),
                (Ok(_), _) => Field::Other("lists of lists".into()),
            },
            [kind, size, indices, values] => {
                let names = [kind, size, indices, values].map(|leaf| {
                    let column = column(leaf);
                    (column.path().parts().get(1).cloned().unwrap_or_default(), column.max_rep_level())
                });
                let is = |at: usize, name: &str, level| names[at].0 == name && names[at].1 == level;
                if is(0, "type", 0) && is(1, "size", 0) && is(2, "indices", 1) && is(3, "values", 1) {
                    Field::Vector([kind, size, indices, values])
                } else {
                    Field::Other("a struct".into())
                }
            }
            _ => Field::Other("a struct".into()),
        }
    };
    roots.iter().zip(&leaves).map(field).collect()
}

/// Whether a leaf holds integers.
pub(super) fn is_integer(column: &ColumnDescriptor) -> bool {
    matches!(column.physical_type(), Type::INT32 | Type::INT64)
        && matches!(kind(column), Ok(Kind::Plain | Kind::Unsigned))
}

fn kind(column: &ColumnDescriptor) -> std::result::Result<Kind, String> {
    let other = |what: &str| Err(what.to_owned());
    let decimal = |precision: i32, scale: i32| match scale {
        _ if precision > 38 => other("decimals of more than 38 digits"),
        0..=38 => Ok(Kind::Decimal((0..scale).fold(1.0, |power, _| power * 10.0))),
        _ => other("decimals of another scale"),
    };
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Decimal(decimals)), _) if column.physical_type() != Type::BYTE_ARRAY => {
            return decimal(decimals.precision, decimals.scale);
        }
        (None, ConvertedType::DECIMAL) if column.physical_type() != Type::BYTE_ARRAY => {
            return decimal(column.type_precision(), column.type_scale());
        }
        (Some(LogicalType::Integer(integer)), _) if !integer.is_signed => return Ok(Kind::Unsigned),
        (Some(LogicalType::Float16), _) if column.type_length() == 2 => return Ok(Kind::Half),
        (Some(LogicalType::Date), _) | (None, ConvertedType::DATE) => return other("dates"),
        (Some(LogicalType::Time(_) | LogicalType::Timestamp(_)), _)
        | (
            None,
            ConvertedType::TIME_MILLIS
            | ConvertedType::TIME_MICROS
            | ConvertedType::TIMESTAMP_MILLIS
            | ConvertedType::TIMESTAMP_MICROS,
        ) => return other("times"),
        (
            None,
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64,
        ) => return Ok(Kind::Unsigned),
        _ => {}
    }
    match column.physical_type() {
        Type::BOOLEAN | Type::INT32 | Type::INT64 | Type::FLOAT | Type::DOUBLE => Ok(Kind::Plain),
        Type::INT96 => other("times"),
        Type::BYTE_ARRAY => match column.converted_type() {
            ConvertedType::UTF8 => other("text"),
            _ => other("bytes"),
        },
        Type::FIXED_LEN_BYTE_ARRAY => other("bytes"),
    }
}

/// The numbers of one leaf in one row group: f32, or i64 where it is the number itself that matters.
pub(super) struct Column<N> {
    reader: ColumnReader,
    kind: Kind,
    levels: Levels<N>,
    /// The numbers of the last batch, with `none` where there is none.
    pub(super) numbers: Vec<N>,
    /// If its rows are lists, how many numbers each of the last batch has; none for no list.
    pub(super) lengths: Vec<Option<u32>>,
}

/// What the definition levels mean, and those of the last batch.
struct Levels<N> {
    none: N,
    /// That of a number.
    number: i16,
    /// That of an element of a list, be it null.
    element: i16,
    /// Whether rows are lists, and the least level of a list that is there.
    lists: bool,
    list: i16,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

impl<N: Copy> Column<N> {
    /// With the crate's decoder of this leaf; `list` is the least definition level at which a row has a list.
    pub(super) fn new(column: &ColumnDescPtr, reader: ColumnReader, list: i16, none: N) -> Result<Self> {
        let levels = Levels {
            none,
            number: column.max_def_level(),
            element: column.repeated_ancestor_def_level(),
            lists: column.max_rep_level() > 0,
            list,
            definition: Vec::new(),
            repetition: Vec::new(),
        };
        let kind = kind(column).map_err(ParquetError::General)?;
        Ok(Column { reader, kind, levels, numbers: Vec::new(), lengths: Vec::new() })
    }

    fn clear(&mut self) {
        self.numbers.clear();
        self.lengths.clear();
        self.levels.definition.clear();
        self.levels.repetition.clear();
    }

    /// Gives the numbers that were found their places.
    fn arrange(&mut self, rows: usize) -> usize {
        if self.levels.lists {
            self.levels.cut_into_lists(&mut self.numbers, &mut self.lengths);
        } else if self.numbers.len() < rows {
            self.levels.spread(&mut self.numbers);
        }
        rows
    }
}

impl Column<f32> {
    /// Reads the next rows, so many unless the column ends before; how many there were.
    pub(super) fn read(&mut self, rows: usize) -> Result<usize> {
        self.clear();
        let Column { reader, kind, levels, numbers, .. } = self;
        let found = match (reader, *kind) {
            (ColumnReader::FloatColumnReader(reader), _) => {
                let (definition, repetition) = (&mut levels.definition, &mut levels.repetition);
                reader.read_records(rows, Some(definition), Some(repetition), numbers)?.0
            }
            (ColumnReader::DoubleColumnReader(reader), _) => {
                converted(reader, rows, levels, numbers, |number| *number as f32)?
            }
            (ColumnReader::BoolColumnReader(reader), _) => {
                converted(reader, rows, levels, numbers, |number| f32::from(u8::from(*number)))?
            }
            (ColumnReader::Int32ColumnReader(reader), Kind::Unsigned) => {
                converted(reader, rows, levels, numbers, |number| *number as u32 as f32)?
            }
            (ColumnReader::Int32ColumnReader(reader), Kind::Decimal(unit)) => {
                converted(reader, rows, levels, numbers, |number| (f64::from(*number) / unit) as f32)?
            }
            (ColumnReader::Int32ColumnReader(reader), _) => {
                converted(reader, rows, levels, numbers, |number| *number as f32)?
            }
            (ColumnReader::Int64ColumnReader(reader), Kind::Unsigned) => {
                converted(reader, rows, levels, numbers, |number| *number as u64 as f32)?
            }
            (ColumnReader::Int64ColumnReader(reader), Kind::Decimal(unit)) => {
                converted(reader, rows, levels, numbers, |number| (*number as f64 / unit) as f32)?
            }
            (ColumnReader::Int64ColumnReader(reader), _) => {
                converted(reader, rows, levels, numbers, |number| *number as f32)?
            }
            (ColumnReader::FixedLenByteArrayColumnReader(reader), Kind::Decimal(unit)) => {
                converted(reader, rows, levels, numbers, |bytes| {
                    big_endian(bytes.data()).map_or(f32::NAN, |number| (number as f64 / unit) as f32)
                })?
            }
            (ColumnReader::FixedLenByteArrayColumnReader(reader), Kind::Half) => {
                converted(reader, rows, levels, numbers, |bytes| {
                    bytes.data().first_chunk().map_or(f32::NAN, |bytes| half(u16::from_le_bytes(*bytes)))
                })?
            }
            _ => return Err(ParquetError::General("expected a column of numbers".into())),
        };
        Ok(self.arrange(found))
    }
}

impl Column<i64> {
    /// The same for integers, without a rounding.
    pub(super) fn read_integers(&mut self, rows: usize) -> Result<usize> {
        self.clear();
        let Column { reader, levels, numbers, .. } = self;
        let found = match reader {
            ColumnReader::Int32ColumnReader(reader) => {
                converted(reader, rows, levels, numbers, |number| i64::from(*number))?
            }
            ColumnReader::Int64ColumnReader(reader) => {
                converted(reader, rows, levels, numbers, |number| *number)?
            }
            _ => return Err(ParquetError::General("expected a column of integers".into())),
        };
        Ok(self.arrange(found))
    }
}

/// Numbers of another type, by way of a buffer.
fn converted<T: DataType, N>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: &mut Levels<N>,
    numbers: &mut Vec<N>,
    convert: impl Fn(&T::T) -> N,
) -> Result<usize> {
    let mut found = 0;
    let mut buffer = Vec::new();
    // In pieces that stay in the cache; a piece that is short is the last.
    while found < rows {
        buffer.clear();
        let piece = PIECE.min(rows - found);
        let (definition, repetition) = (&mut levels.definition, &mut levels.repetition);
        let (read, _, _) = reader.read_records(piece, Some(definition), Some(repetition), &mut buffer)?;
        numbers.extend(buffer.iter().map(&convert));
        found += read;
        if read < piece {
            break;
        }
    }
    Ok(found)
}

/// Rows that are converted together.
const PIECE: usize = 4096;

impl<N: Copy> Levels<N> {
    /// Makes room for the nulls.
    fn spread(&self, numbers: &mut Vec<N>) {
        let mut from = numbers.len();
        numbers.resize(self.definition.len(), self.none);
        for (at, level) in self.definition.iter().enumerate().rev() {
            if *level == self.number {
                // Never below 0: as many levels say so as there are numbers.
                from = from.saturating_sub(1);
                numbers[at] = numbers[from];
            } else {
                numbers[at] = self.none;
            }
        }
    }

    fn cut_into_lists(&self, numbers: &mut Vec<N>, lengths: &mut Vec<Option<u32>>) {
        let has_nulls = self.definition.iter().any(|level| *level >= self.element && *level < self.number);
        let found = std::mem::take(numbers);
        let mut next = found.iter();
        for (at, repetition) in self.repetition.iter().enumerate() {
            // A list whose elements cannot be null may have no levels of its own.
            let definition = self.definition.get(at).copied().unwrap_or(self.number);
            if *repetition == 0 {
                lengths.push((definition >= self.list).then_some(0));
            }
            if definition >= self.element
                && let Some(Some(length)) = lengths.last_mut()
            {
                *length += 1;
                if has_nulls {
                    let number = if definition == self.number { next.next() } else { None };
                    numbers.push(number.copied().unwrap_or(self.none));
                }
            }
        }
        if !has_nulls {
            *numbers = found;
        }
    }
}

/// A signed integer of up to 16 bytes, the highest first; none if there are more, or none.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let first = *bytes.first().filter(|_| bytes.len() <= 16)?;
    let sign = if first < 128 { 0 } else { -1 };
    Some(bytes.iter().fold(sign, |number, byte| number << 8 | i128::from(*byte)))
}

/// A half-precision number of IEEE 754 by its bits.
fn half(bits: u16) -> f32 {
    const LEAST: f32 = f32::from_bits(0x3380_0000); // 2^-24
    let (sign, exponent, fraction) = (bits >> 15, u32::from(bits >> 10 & 31), bits & 1023);
    let size = match exponent {
        0 => f32::from(fraction) * LEAST,
        31 => f32::from_bits(0x7f80_0000 | u32::from(fraction) << 13),
        _ => f32::from_bits((exponent + 112) << 23 | u32::from(fraction) << 13),
    };
    if sign == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_and_wide_integers() {
        for (bits, number) in [
            (0, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (1, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(half(bits), number, "{bits:x}");
        }
        assert!(half(0x7c01).is_nan());
        assert_eq!(big_endian(&[0xff, 0x38]), Some(-200));
        assert_eq!(big_endian(&[0x7f; 16]), Some(0x7f7f_7f7f_7f7f_7f7f_7f7f_7f7f_7f7f_7f7f));
        assert_eq!((big_endian(&[]), big_endian(&[0; 17])), (None, None));
    }
}
