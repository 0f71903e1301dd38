//! Edge lists: lines of `source target`, as SNAP and networkx write them.
//!
//! Nodes are whole numbers from 0. Blanks, tabs or a comma may stand between them; blank lines and what follows a `#` are skipped. An
//! edge that occurs twice counts twice.

use lapwing::load::text::{Fault, LineReader};
use lapwing::load::{Load, LoadError, LoadOptions, Shape};
use lapwing::split::Split;

/// The edges of a split by source, ascending, the targets of each ascending: ranks are then sent in long runs.
#[derive(Debug, PartialEq)]
pub(crate) struct Edges {
    /// Each source and where its targets end.
    sources: Vec<(u32, usize)>,
    targets: Vec<u32>,
}

impl Edges {
    /// Each source with its targets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[u32])> {
        let starts = std::iter::once(0).chain(self.sources.iter().map(|&(_, end)| end));
        self.sources.iter().zip(starts).map(|(&(source, end), start)| (source, &self.targets[start..end]))
    }

    fn of(mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        let mut sources: Vec<(u32, usize)> = Vec::new();
        for (place, &(source, _)) in pairs.iter().enumerate() {
            match sources.last_mut() {
                Some((last, end)) if *last == source => *end = place + 1,
                _ => sources.push((source, place + 1)),
            }
        }
        Self { sources, targets: pairs.into_iter().map(|(_, target)| target).collect() }
    }
}

impl Load for Edges {
    /// A row is an edge; columns are nodes.
    fn load(split: &Split, options: &LoadOptions) -> Result<(Self, Shape), LoadError> {
        // The highest number of all would make more than 2^32 - 1 columns.
        let nodes = options.columns.unwrap_or(u32::MAX);
        let (mut pairs, mut reader, mut bytes_read) = (Vec::new(), LineReader::new(), 0);
        for range in &split.ranges {
            reader.start(range)?;
            while let Some(block) = reader.next_block()? {
                if let Err(fault) = parse(block.lines(), nodes, &mut pairs) {
                    let at = block.offset();
                    return Err(reader.blame(at, fault));
                }
            }
            bytes_read += reader.bytes_read();
        }
        let highest = pairs.iter().map(|&(source, target)| source.max(target)).max();
        let (rows, columns) =
            (pairs.len() as u64, options.columns.unwrap_or(highest.map_or(0, |node| node + 1)));
        let edges = Edges::of(pairs);
        let resident_bytes = size_of_val(&*edges.sources) + size_of_val(&*edges.targets);
        Ok((edges, Shape { rows, columns, stored: rows, resident_bytes: resident_bytes as u64, bytes_read }))
    }
}

fn parse(lines: &[u8], nodes: u32, pairs: &mut Vec<(u32, u32)>) -> Result<(), Fault> {
    let mut line = 0;
    for text in lines.split_inclusive(|&byte| byte == b'\n') {
        if let Some(pair) = edge(text, nodes).map_err(|(column, message)| Fault { line, column, message })? {
            pairs.push(pair);
        }
        line += text.len();
    }
    Ok(())
}

/// The edge of a line; none if it is blank. A fault is the place in the line and what is wrong.
fn edge(line: &[u8], nodes: u32) -> Result<Option<(u32, u32)>, (usize, String)> {
    let line = line.split(|&byte| byte == b'#').next().unwrap_or_default();
    let mut found = [0; 2];
    let (mut count, mut place) = (0, 0);
    for token in line.split(|byte| byte.is_ascii_whitespace() || *byte == b',') {
        let start = place;
        place += token.len() + 1;
        if token.is_empty() {
            continue;
        }
        let Some(slot) = found.get_mut(count) else {
            return Err((start, format!("expected two nodes, found more: {}", shown(token))));
        };
        *slot = node(token, nodes).map_err(|message| (start, message))?;
        count += 1;
    }
    match count {
        0 => Ok(None),
        1 => Err((line.trim_ascii_end().len(), "expected two nodes, found one".to_owned())),
        _ => Ok(Some(found.into())),
    }
}

fn node(token: &[u8], nodes: u32) -> Result<u32, String> {
    let expected = || format!("expected a node, a whole number below {nodes}, found {}", shown(token));
    let digit = |number: u32, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    token.iter().try_fold(0, digit).filter(|&number| number < nodes).ok_or_else(expected)
}

fn shown(token: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(&token[..token.len().min(40)]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapwing::load::Format;
    use lapwing::rng::Rng;
    use lapwing::split::Range;

    /// Loads a text cut at these places.
    fn load(text: &[u8], cuts: &[u64]) -> Vec<Result<(Edges, Shape), LoadError>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let modified = file.path().metadata().unwrap().modified().unwrap();
        let modified_ms = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        let (path, file_length) = (file.path().display().to_string(), text.len() as u64);
        let ends = cuts.iter().copied().chain([file_length]);
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let range = |(offset, end)| Range {
            path: path.clone(),
            offset,
            length: end - offset,
            file_length,
            modified_ms,
            hosts: Vec::new(),
        };
        let options = LoadOptions::new(Format::Libsvm);
        let split = |bounds| Split { number: 0, ranges: vec![range(bounds)] };
        starts.zip(ends).map(|bounds| Edges::load(&split(bounds), &options)).collect()
    }

    #[test]
    fn every_edge_is_in_one_split_wherever_the_file_is_cut() {
        let text = b"# a comment\n0 1\n10\t2\r\n\n3,4 # here\n10 1\n0 1";
        let whole = [(0, 1), (0, 1), (3, 4), (10, 1), (10, 2)];
        for cut in 0..=text.len() as u64 {
            let mut found = Vec::new();
            for loaded in load(text, &[cut]) {
                let (edges, shape) = loaded.unwrap();
                assert!(shape.columns <= 11);
                let pairs = edges
                    .iter()
                    .flat_map(|(source, targets)| targets.iter().map(move |&target| (source, target)));
                found.extend(pairs);
            }
            found.sort_unstable();
            assert_eq!(found, whole, "cut at {cut}");
        }
    }

    #[test]
    fn bad_lines_are_named() {
        for (text, place) in [
            ("0 1\n2\n", ":2:2: expected two nodes, found one"),
            ("0 1\n2 3 4\n", ":2:5: expected two nodes, found more: \"4\""),
            ("a b\n", ":1:1: expected a node, a whole number below 4294967295, found \"a\""),
            ("0 -1\n", ":1:3: expected a node"),
            ("0 4294967295\n", ":1:3: expected a node"),
            ("0 99999999999999999999\n", ":1:3: expected a node"),
        ] {
            let error = load(text.as_bytes(), &[]).remove(0).unwrap_err();
            assert!(error.is_bad_input() && error.to_string().contains(place), "{text:?}: {error}");
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_read_but_never_panic() {
        let mut rng = Rng::new(&[1]);
        let alphabet = b"0123456789 \t\n\r,#-\xff\0";
        for _ in 0..2_000 {
            let text: Vec<u8> =
                (0..rng.below(40)).map(|_| alphabet[rng.below(alphabet.len() as u64) as usize]).collect();
            let _ = parse(&text, u32::MAX, &mut Vec::new());
        }
    }
}
