//! From a split to data in memory, once.
//!
//! | [`Format`] | by the names of files | a split has | what is not there |
//! |---|---|---|---|
//! | [LibSVM](libsvm) | all others | lines | 0 |
//! | [CSV](csv) | `.csv`, `.tsv` | lines | by `--missing` |
//! | [Parquet](parquet) | `.parquet`, `.parq`, `.pq` | row groups | by `--missing` |
//!
//! Text may be [packed] (`.gz`, `.zst`, `.bz2` behind the rest of the name): such a file is in one split whole, because it
//! cannot be cut. The columns of CSV and Parquet have names or numbers, of which `--features` and `--label` select some; directories
//! named `key=value` are columns as well. Files whose names begin with `_` or `.` are passed over.
//!
//! Every format loads into [`SparseRows`] (zeros are dropped from those that write them) and [`DenseRows`]; [`Rows`] are whichever
//! the format has. All numbers become f32: text by the nearest f32 to the decimal, binary numbers by the nearest f32 to them. So
//! the same rows give the same data from any format, but for decimals of more digits than an f64 has. A number beyond f32 is bad
//! input.
//!
//! What is read is not trusted: see [`LoadError`] for what becomes of it, and [`conformance`] for what every loader does.

pub mod conformance;
pub mod csv;
pub mod dense;
pub mod libsvm;
mod number;
pub mod packed;
pub mod parquet;
pub mod rows;
mod select;
mod separators;
mod sink;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;
mod window;

use serde::{Deserialize, Serialize};

use crate::split::{Range, Split};

pub use crate::error::LoadError;
pub use dense::DenseRows;
pub use rows::{Rows, SparseRows};

/// What the bytes of the input mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// Lines of label column:value column:value …
    Libsvm,
    /// Lines of fields between commas or another delimiter
    Csv,
    /// Row groups of columns
    Parquet,
}

impl Format {
    /// What a file's name says, whether it is [packed] or not; none if it says nothing.
    pub fn of(path: &str) -> Option<Self> {
        let name = path.to_ascii_lowercase();
        let packed = packed::Packing::of(path).is_some();
        let name = name.rsplit_once('.').filter(|_| packed).map_or(name.as_str(), |(name, _)| name);
        match name.rsplit_once('.')?.1 {
            "libsvm" | "svm" | "svmlight" => Some(Self::Libsvm),
            "csv" | "tsv" => Some(Self::Csv),
            "parquet" | "parq" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }

    /// As the flag has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Libsvm => "libsvm",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
}

/// Whether the first line of a CSV file holds names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Header {
    /// If none of its fields is a number; if some are and others not, that is an error
    #[default]
    Auto,
    /// Yes
    True,
    /// No: it is a row like the others
    False,
}

/// What stands for a number that is missing among the features: an empty field, NA, NaN or null of CSV, a null of Parquet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// It is bad input
    #[default]
    Error,
    /// 0
    Zero,
    /// NaN, for algorithms that know what to make of it
    Nan,
}

/// How to load, the same for every split of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadOptions {
    /// What the bytes mean.
    pub format: Format,
    /// The number of columns, if it is fixed beforehand: a larger column in the input is bad input. Otherwise
    /// the largest column found counts.
    pub columns: Option<u32>,
    /// The features, for formats whose columns have names or numbers: each a name, a number from 1, or a range `a-d`.
    pub features: Option<Vec<String>>,
    /// The label's column by name or number from 1; `none` if there is none.
    pub label: Option<String>,
    /// Whether CSV files begin with names.
    pub header: Header,
    /// What stands between the fields of CSV; by default a comma, in `.tsv` files a tab.
    pub delimiter: Option<u8>,
    /// What stands for a missing number.
    pub missing: Missing,
}

impl LoadOptions {
    /// The usual for a format.
    pub fn new(format: Format) -> Self {
        LoadOptions {
            format,
            columns: None,
            features: None,
            label: None,
            header: Header::Auto,
            delimiter: None,
            missing: Missing::Error,
        }
    }
}

/// Fixes by a file what the options leave open: the features of a format that names its columns, and their number. A job does
/// this once, with its first file, so that all files are read alike whatever the order of their columns. `None` if the file
/// says nothing because it is empty.
pub fn settle(options: &LoadOptions, range: &Range) -> Result<Option<LoadOptions>, LoadError> {
    let table = match options.format {
        Format::Libsvm => return Ok(Some(options.clone())),
        Format::Parquet => return parquet::settle(options, range).map(Some),
        Format::Csv => csv::table(range, options)?,
    };
    let settled = table.map(|table| table.settle(options)).transpose();
    settled.map_err(|message| LoadError::Bad { path: range.path.clone(), line: None, column: None, message })
}

/// The size of one loaded split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shape {
    /// Rows.
    pub rows: u64,
    /// Columns: the fixed number, or the largest found in this split.
    pub columns: u32,
    /// Numbers kept.
    pub stored: u64,
    /// Bytes that the data takes in memory.
    pub resident_bytes: u64,
    /// Bytes of the input that were handed to the parser; for text see
    /// [`LineReader::bytes_read`](text::LineReader::bytes_read).
    pub bytes_read: u64,
}

/// Data that a worker can load: one split in memory, read-only afterwards.
pub trait Load: Sized + Send + Sync + 'static {
    /// Loads a split. The result depends on the bytes of the split alone, so any worker gets the same.
    fn load(split: &Split, options: &LoadOptions) -> Result<(Self, Shape), LoadError>;
}
