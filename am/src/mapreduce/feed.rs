//! How map tasks come by their splits. A plan that Hadoop's own `TextInputFormat` makes as well is left to it, with MapReduce's
//! own locality; of any other plan each task gets one number and reads the ranges itself.

use std::collections::BTreeSet;

use lapwing_container::load::Format;
use lapwing_container::split::{Range, Split};
use serde::{Deserialize, Serialize};

use crate::job::Job;

/// More files than this would make too long a command.
const MOST_FILES: usize = 1000;

/// Who reads the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Feed {
    /// Hadoop: the rows come by standard input.
    Hadoop {
        /// `--split-size`.
        split_size: u64,
    },
    /// The task itself: a split's number comes by standard input.
    Task,
}

impl Feed {
    /// Who reads this job's input. Hadoop cuts plain text by size as we do (`FileInputFormat`), but combines no small files.
    pub(crate) fn of(job: &Job, split_size: Option<u64>) -> Self {
        // A CSV file's first line belongs to all of its splits, and row groups are no lines.
        if job.load.format != Format::Libsvm {
            return Self::Task;
        }
        match split_size {
            Some(split_size) if job.splits.iter().all(alone) && once(job) => Self::Hadoop { split_size },
            _ => Self::Task,
        }
    }
}

/// Whether the files are few enough, and none is named twice: its splits could not be told apart.
fn once(job: &Job) -> bool {
    let ranges = job.splits.iter().flat_map(|split| &split.ranges);
    let places: BTreeSet<_> = ranges.map(|range| (&range.path, range.offset)).collect();
    files(job).len() <= MOST_FILES && places.len() == job.splits.len()
}

/// The files of the input, each once, in the order of the plan.
pub(crate) fn files(job: &Job) -> Vec<&str> {
    let mut files: Vec<&str> =
        job.splits.iter().flat_map(|split| &split.ranges).map(|range| range.path.as_str()).collect();
    files.dedup();
    files
}

/// The split that begins at this place of this file, as `mapreduce_map_input_file` and `_start` name it.
pub(crate) fn find<'a>(splits: &'a [Split], file: &str, start: u64) -> Option<&'a Split> {
    splits.iter().find(|split| split.ranges.first().is_some_and(|r| r.offset == start && r.path == file))
}

/// Hadoop takes a path for a list and a pattern, and a file with one of its codecs' names for compressed.
fn alone(split: &Split) -> bool {
    let plain = |range: &Range| {
        !range.path.contains([',', '{', '}', '[', ']', '*', '?', '\\', '%', ' ', '#'])
            && ![".gz", ".bz2", ".deflate", ".lz4", ".snappy", ".zst", ".zstd"]
                .iter()
                .any(|ending| range.path.to_ascii_lowercase().ends_with(ending))
    };
    matches!(&split.ranges[..], [range] if plain(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(number: u32, ranges: &[(&str, u64)]) -> Split {
        let range = |&(path, offset): &(&str, u64)| Range {
            path: path.to_owned(),
            offset,
            length: 10,
            file_length: 100,
            modified_ms: 0,
            hosts: Vec::new(),
        };
        Split { number, ranges: ranges.iter().map(range).collect() }
    }

    #[test]
    fn plain_single_ranges_are_hadoops_to_read() {
        assert!(alone(&split(0, &[("hdfs://a/b.libsvm", 0)])));
        assert!(!alone(&split(0, &[("hdfs://a/b", 0), ("hdfs://a/c", 0)])), "small files are combined");
        for path in ["hdfs://a/b,c", "hdfs://a/b*", "hdfs://a/b.gz", "hdfs://a/b c"] {
            assert!(!alone(&split(0, &[(path, 0)])), "{path}");
        }
    }

    #[test]
    fn a_file_that_is_named_twice_is_not_left_to_hadoop() {
        let job = |splits| Job { splits, ..Job::for_test() };
        let (once, twice) = ([split(0, &[("/a", 0)]), split(1, &[("/a", 10)])], [("/a", 0), ("/a", 0)]);
        let hadoop = Feed::Hadoop { split_size: 10 };
        assert_eq!(Feed::of(&job(once.to_vec()), Some(10)), hadoop);
        assert_eq!(Feed::of(&job(once.to_vec()), None), Feed::Task, "--splits");
        let twice = (0..).zip(twice).map(|(number, range)| split(number, &[range])).collect();
        assert_eq!(Feed::of(&job(twice), Some(10)), Feed::Task);
    }

    #[test]
    fn a_task_finds_its_split_by_file_and_start() {
        let splits = [split(0, &[("/a", 0)]), split(1, &[("/a", 10)]), split(2, &[("/b", 0)])];
        assert_eq!(find(&splits, "/a", 10).map(|split| split.number), Some(1));
        assert_eq!(find(&splits, "/b", 0).map(|split| split.number), Some(2));
        assert_eq!(find(&splits, "/b", 10), None);
    }
}
