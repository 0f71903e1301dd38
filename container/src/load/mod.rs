//! From a split to data in memory, once.

pub mod dense;
pub mod libsvm;
mod number;
pub mod rows;
mod separators;
#[cfg(test)]
pub(crate) mod testing;
pub mod text;

use serde::{Deserialize, Serialize};

use crate::split::Split;

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
}

/// How to load, the same for every split of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadOptions {
    /// What the bytes mean.
    pub format: Format,
    /// The number of columns, if it is fixed beforehand: a larger column in the input is bad input. Otherwise
    /// the largest column found counts.
    pub columns: Option<u32>,
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
