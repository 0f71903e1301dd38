//! From `--input` to the plan of splits: fixed by the input and the flags, never by the number of workers.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_container::files::{Files, Status};
use lapwing_container::load::Format;
use lapwing_container::load::packed::Packing;
use lapwing_container::split::{Range, Split};
use serde::{Deserialize, Serialize};
use yarn_client::{BlockLocation, NameNode};

use crate::error::{Failure, Kind};

/// The last split of a file may be so much longer than the others (`FileInputFormat.SPLIT_SLOP`), in tenths.
const SLOP_TENTHS: u64 = 11;

/// An input file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputFile {
    /// Its absolute path.
    pub path: String,
    /// Bytes.
    pub length: u64,
    /// Milliseconds since 1970.
    pub(crate) modified_ms: u64,
}

impl InputFile {
    /// A packed file can only be read from its beginning to its end.
    fn is_uncut(&self) -> bool {
        Packing::of(&self.path).is_some()
    }
}

/// No job has more.
pub(crate) const MOST_SPLITS: u32 = 1 << 20;

/// How to cut.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// Splits of so many bytes within each file, small files combined.
    Size(u64),
    /// Exactly so many splits of equal bytes over all files.
    Number(u32),
}

/// The files that the inputs name: files themselves, what globs match, and all files below directories but those that
/// begin with `_` or `.`, as Hadoop has it; each in order of its path.
pub(crate) fn find(inputs: &[String]) -> Result<Vec<InputFile>, Failure> {
    let mut found = Vec::new();
    for input in inputs {
        let failed = |error: std::io::Error| unreadable(input, &error);
        let (files, path) = Files::of(input).map_err(failed)?;
        let before = found.len();
        for status in expand(&files, input, path)? {
            collect(&files, status, &mut found)?;
        }
        if found.len() == before {
            return Err(bad(format!("{input}: the directory holds no input files")));
        }
    }
    if found.iter().all(|file| file.length == 0) {
        return Err(bad(format!("{}: the input is empty, expected at least one row", inputs.join(", "))));
    }
    Ok(found)
}

/// Refuses a size that would make more splits than `--splits` may ask for, before memory is taken for them.
pub(crate) fn check(files: &[InputFile], cut: Cut) -> Result<(), Failure> {
    let total = files.iter().fold(0u64, |sum, file| sum.saturating_add(file.length));
    match cut {
        Cut::Size(size) if total / size > u64::from(MOST_SPLITS) => {
            let least = total.div_ceil(u64::from(MOST_SPLITS)).next_power_of_two();
            let text = format!(
                "--split-size {size} would make more than {MOST_SPLITS} splits: make it {least} or larger"
            );
            Err(Failure::new(Kind::Usage, text))
        }
        _ => Ok(()),
    }
}

/// The format that the files' names say.
pub(crate) fn format_of(files: &[InputFile]) -> Result<Format, Failure> {
    let mut found: Option<(Format, &str)> = None;
    for file in files.iter().filter(|file| file.length > 0) {
        let format = Format::of(&file.path).unwrap_or(Format::Libsvm);
        match found {
            Some((other, path)) if other != format => {
                let names = [other, format].map(Format::name);
                let text = format!(
                    "{}: expected {} like {path}, found {} by its name: give one kind of files, or --format",
                    file.path, names[0], names[1]
                );
                return Err(bad(text));
            }
            _ => found = Some((format, &file.path)),
        }
    }
    Ok(found.map_or(Format::Libsvm, |(format, _)| format))
}

/// How many files are in one split because they cannot be cut.
pub(crate) fn uncut(splits: &[Split]) -> u64 {
    splits.iter().flat_map(|split| &split.ranges).filter(|range| Packing::of(&range.path).is_some()).count()
        as u64
}

/// Cuts the files into splits, numbered from 0. A file that cannot be cut stays whole: by size in a split of its own, if it is
/// not small; by number in the one that has its middle byte.
pub(crate) fn plan(files: &[InputFile], cut: Cut) -> Vec<Split> {
    let groups = match cut {
        Cut::Size(size) => by_size(files, size),
        Cut::Number(number) => by_number(files, number),
    };
    (0..).zip(groups).map(|(number, ranges)| Split { number, ranges }).collect()
}

/// Where each split's bytes have copies, and the rack of each host. Each file's blocks are asked for once.
pub(crate) async fn place(
    splits: &[Split],
    name_node: impl Fn(&str) -> Result<NameNode, Failure>,
) -> Result<(Vec<Placement>, BTreeMap<String, String>), Failure> {
    let mut blocks: BTreeMap<&str, Vec<BlockLocation>> = BTreeMap::new();
    for range in splits.iter().flat_map(|split| &split.ranges) {
        if !blocks.contains_key(range.path.as_str()) {
            let (_, inside) = Files::of(&range.path).map_err(|error| unreadable(&range.path, &error))?;
            let found = name_node(&range.path)?.block_locations(inside, 0..range.file_length).await;
            blocks.insert(&range.path, found.map_err(|error| Failure::cluster(&range.path, error))?);
        }
    }
    let of_split = |split: &Split| {
        let mut placement = Placement::default();
        for range in &split.ranges {
            for block in &blocks[range.path.as_str()] {
                let end = (block.offset + block.length).min(range.offset + range.length);
                let bytes = end.saturating_sub(block.offset.max(range.offset));
                placement.add(block, bytes);
            }
        }
        placement
    };
    let pairs = blocks.values().flatten().flat_map(|block| block.hosts.iter().zip(&block.racks));
    let racks = pairs.map(|(host, rack)| (host.clone(), rack.clone())).collect();
    Ok((splits.iter().map(of_split).collect(), racks))
}

/// How many bytes of a split have a copy on which host, and in which rack.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placement {
    pub(crate) hosts: BTreeMap<String, u64>,
    pub(crate) racks: BTreeMap<String, u64>,
}

impl Placement {
    fn add(&mut self, block: &BlockLocation, bytes: u64) {
        if bytes == 0 {
            return;
        }
        for host in &block.hosts {
            *self.hosts.entry(host.clone()).or_insert(0) += bytes;
        }
        // Two copies in a rack are still the same bytes.
        for rack in block.racks.iter().collect::<BTreeSet<_>>() {
            *self.racks.entry(rack.clone()).or_insert(0) += bytes;
        }
    }

    /// Adds those of another split.
    pub(crate) fn join(&mut self, other: &Self) {
        for (into, from) in [(&mut self.hosts, &other.hosts), (&mut self.racks, &other.racks)] {
            for (place, bytes) in from {
                *into.entry(place.clone()).or_insert(0) += bytes;
            }
        }
    }
}

fn by_size(files: &[InputFile], size: u64) -> Vec<Vec<Range>> {
    let mut groups = Vec::new();
    let mut small: Vec<Range> = Vec::new();
    let fits = |bytes: u64| bytes.saturating_mul(10) <= size.saturating_mul(SLOP_TENTHS);
    for file in files.iter().filter(|file| file.length > 0) {
        let waiting: u64 = small.iter().map(|range| range.length).sum();
        if !small.is_empty() && !fits(waiting + file.length) {
            groups.push(std::mem::take(&mut small));
        }
        if fits(file.length) {
            small.push(range(file, 0, file.length));
            continue;
        }
        let mut offset = 0;
        while offset < file.length {
            let rest = file.length - offset;
            let length = if fits(rest) || file.is_uncut() { rest } else { size };
            groups.push(vec![range(file, offset, length)]);
            offset += length;
        }
    }
    if !small.is_empty() {
        groups.push(small);
    }
    groups
}

fn by_number(files: &[InputFile], number: u32) -> Vec<Vec<Range>> {
    let total: u64 = files.iter().map(|file| file.length).sum();
    let bound = |i: u32| (u128::from(i) * u128::from(total) / u128::from(number)) as u64;
    let mut groups = vec![Vec::new(); number as usize];
    for (i, group) in (0..).zip(&mut groups) {
        let (start, end) = (bound(i), bound(i + 1));
        let mut begin = 0;
        for file in files {
            let (from, to) = (start.clamp(begin, begin + file.length), end.clamp(begin, begin + file.length));
            let middle = begin + file.length / 2;
            if file.is_uncut() {
                if file.length > 0 && (start..end).contains(&middle) {
                    group.push(range(file, 0, file.length));
                }
            } else if from < to {
                group.push(range(file, from - begin, to - from));
            }
            begin += file.length;
        }
    }
    groups
}

fn range(file: &InputFile, offset: u64, length: u64) -> Range {
    Range {
        path: file.path.clone(),
        offset,
        length,
        file_length: file.length,
        modified_ms: file.modified_ms,
        hosts: Vec::new(),
    }
}

fn expand(files: &Files, input: &str, path: &str) -> Result<Vec<Status>, Failure> {
    let failed = |error: std::io::Error| unreadable(input, &error);
    if let Some(status) = files.status(path).map_err(failed)? {
        return Ok(vec![status]);
    }
    if !path.contains(['*', '?', '[']) {
        return Err(bad(format!("{input}: no such file or directory")));
    }
    let mut matches = files.glob(path).map_err(failed)?;
    // Hidden are names that the pattern does not spell out, as in Hadoop.
    let spelt = |name: &str| path.split('/').any(|part| part == name);
    let hidden = |name: &str| name.starts_with(['_', '.']) && !spelt(name);
    let within = |found: &Status| Files::of(&found.path).is_ok_and(|(_, path)| path.split('/').any(hidden));
    matches.retain(|found| !within(found));
    if matches.is_empty() {
        return Err(bad(format!("{input}: no file matches the pattern")));
    }
    Ok(matches)
}

fn collect(files: &Files, status: Status, found: &mut Vec<InputFile>) -> Result<(), Failure> {
    let Status { path, directory, length, modified_ms } = status;
    let failed = |error: std::io::Error| unreadable(&path, &error);
    if directory {
        let (_, inside) = Files::of(&path).map_err(failed)?;
        for entry in files.list(inside).map_err(failed)? {
            if !entry.path.rsplit('/').next().is_some_and(|name| name.starts_with(['_', '.'])) {
                collect(files, entry, found)?;
            }
        }
        return Ok(());
    }
    let path = match files {
        Files::Local => {
            if !std::fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
                return Err(bad(format!("{path}: expected a file or a directory")));
            }
            let absolute = std::path::absolute(&path).map_err(failed)?;
            absolute
                .to_str()
                .expect("an absolute path is its relative one behind the working directory")
                .to_owned()
        }
        Files::Hdfs(..) => path,
    };
    found.push(InputFile { path, length, modified_ms });
    Ok(())
}

/// What is not there or closed to us is the user's matter, anything else the file system's.
fn unreadable(path: &str, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied, Unsupported};
    let ours =
        matches!(error.kind(), NotFound | PermissionDenied | NotADirectory | IsADirectory | Unsupported);
    Failure::new(if ours { Kind::Input } else { Kind::Cluster }, format!("{path}: {error}"))
}

fn bad(text: String) -> Failure {
    Failure::new(Kind::Input, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn files(lengths: &[u64]) -> Vec<InputFile> {
        (0..)
            .zip(lengths)
            .map(|(i, &length)| InputFile { path: format!("/{i}"), length, modified_ms: 0 })
            .collect()
    }

    fn packed(mut files: Vec<InputFile>, which: u64) -> Vec<InputFile> {
        let named = files.iter_mut().enumerate().filter(|(i, _)| which >> i & 1 == 1);
        named.for_each(|(_, file)| file.path += ".gz");
        files
    }

    fn shape(splits: &[Split]) -> Vec<Vec<(String, u64, u64)>> {
        let range = |range: &Range| (range.path.clone(), range.offset, range.length);
        splits.iter().map(|split| split.ranges.iter().map(range).collect()).collect()
    }

    #[test]
    fn the_last_split_of_a_file_may_be_a_tenth_longer() {
        let lengths: Vec<u64> =
            plan(&files(&[310]), Cut::Size(100)).iter().map(lapwing_container::split::Split::bytes).collect();
        assert_eq!(lengths, [100, 100, 110]);
        let lengths: Vec<u64> = plan(&files(&[311]), Cut::Size(100)).iter().map(Split::bytes).collect();
        assert_eq!(lengths, [100, 100, 100, 11]);
    }

    #[test]
    fn small_files_are_combined_and_large_ones_stand_alone() {
        let splits = plan(&files(&[30, 0, 50, 250, 20, 90]), Cut::Size(100));
        let expected = [
            vec![("/0".to_owned(), 0, 30), ("/2".to_owned(), 0, 50)],
            vec![("/3".to_owned(), 0, 100)],
            vec![("/3".to_owned(), 100, 100)],
            vec![("/3".to_owned(), 200, 50)],
            vec![("/4".to_owned(), 0, 20), ("/5".to_owned(), 0, 90)],
        ];
        assert_eq!(shape(&splits), expected);
    }

    #[test]
    fn packed_files_stay_whole() {
        let files = packed(files(&[250, 30, 40, 90]), 0b1001);
        let expected = [
            vec![("/0.gz".to_owned(), 0, 250)],
            vec![("/1".to_owned(), 0, 30), ("/2".to_owned(), 0, 40)],
            vec![("/3.gz".to_owned(), 0, 90)],
        ];
        assert_eq!(shape(&plan(&files, Cut::Size(100))), expected);
        let by_number = shape(&plan(&files, Cut::Number(4)));
        assert_eq!(by_number[0], []);
        assert_eq!(by_number[1], [("/0.gz".to_owned(), 0, 250)]);
        assert_eq!(by_number.concat().iter().map(|(_, _, length)| length).sum::<u64>(), 410);
        assert_eq!(uncut(&plan(&files, Cut::Number(4))), 2);
    }

    #[test]
    fn the_format_goes_by_the_names() {
        let named = |names: &[&str]| -> Vec<_> {
            let file = |name: &&str| InputFile { path: (*name).to_owned(), length: 1, modified_ms: 0 };
            names.iter().map(file).collect()
        };
        assert!(matches!(format_of(&named(&["/a", "/b.libsvm"])), Ok(Format::Libsvm)));
        assert!(matches!(format_of(&named(&["/a.csv.gz", "/b.TSV"])), Ok(Format::Csv)));
        let told = format_of(&named(&["/a.csv", "/b"])).unwrap_err().text;
        assert_eq!(
            told,
            "/b: expected csv like /a.csv, found libsvm by its name: give one kind of files, or --format"
        );
    }

    proptest! {
        #[test]
        fn every_byte_is_in_exactly_one_split(
            lengths in prop::collection::vec(0u64..500, 1..8),
            which in any::<u64>(),
            size in 1u64..300,
            number in 1u32..20,
        ) {
            let files = packed(files(&lengths), which);
            for cut in [Cut::Size(size), Cut::Number(number)] {
                let splits = plan(&files, cut);
                if let Cut::Number(number) = cut {
                    prop_assert_eq!(splits.len(), number as usize);
                }
                let mut at = std::collections::BTreeMap::new();
                for range in splits.iter().flat_map(|split| &split.ranges) {
                    prop_assert!(!range.path.ends_with(".gz") || range.length == range.file_length);
                    let end = at.entry(range.path.clone()).or_insert(0);
                    prop_assert_eq!(*end, range.offset);
                    *end += range.length;
                }
                for file in files.iter().filter(|file| file.length > 0) {
                    prop_assert_eq!(at[&file.path], file.length);
                }
            }
        }
    }
}
