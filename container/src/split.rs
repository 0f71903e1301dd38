//! What a split is: a numbered part of the input.

use serde::{Deserialize, Serialize};

/// A range of bytes of one file, as the plan saw that file.
///
/// The bytes are `offset .. offset + length`. For text the range owns whole lines by the rule in
/// [`load::text`](crate::load::text), so a cut may fall anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// A URI (`hdfs://…`, `file:…`) or an absolute local path.
    pub path: String,
    /// First byte, counted from the start of the file.
    pub offset: u64,
    /// Bytes in the range. A range of no bytes owns no lines.
    pub length: u64,
    /// Bytes in the whole file when the plan was made; another length later is bad input.
    pub file_length: u64,
    /// When the file was last modified, in milliseconds since 1970, as seen by the plan.
    pub modified_ms: u64,
    /// Hosts that hold the bytes, best first; empty when unknown.
    pub hosts: Vec<String>,
}

impl Range {
    /// The first byte after the range, or `None` if the numbers make no range inside the file (a plan read
    /// from disk may hold anything).
    pub fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.length).filter(|end| *end <= self.file_length)
    }
}

/// A fixed part of the input: the unit of data, of `pass` and of failure.
///
/// Splits are numbered from 0 by the input and the wanted size alone, never by the number of workers. Small
/// files are combined, so a split may have many ranges; they are loaded in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Place in the plan, from 0.
    pub number: u32,
    /// The parts, in the order of their rows.
    pub ranges: Vec<Range>,
}

impl Split {
    /// Bytes of all ranges together.
    pub fn bytes(&self) -> u64 {
        self.ranges.iter().fold(0, |sum, range| sum.saturating_add(range.length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(offset: u64, length: u64) -> Range {
        Range { path: "/x".into(), offset, length, file_length: 100, modified_ms: 0, hosts: Vec::new() }
    }

    #[test]
    fn bytes_are_summed_without_overflow() {
        let split = Split { number: 0, ranges: vec![range(0, 40), range(40, 60)] };
        assert_eq!(split.bytes(), 100);
        let split = Split { number: 0, ranges: vec![range(0, u64::MAX), range(0, 1)] };
        assert_eq!(split.bytes(), u64::MAX);
    }

    #[test]
    fn a_range_outside_its_file_has_no_end() {
        assert_eq!(range(40, 60).end(), Some(100));
        assert_eq!(range(41, 60).end(), None);
        assert_eq!(range(u64::MAX, 2).end(), None);
    }
}
