use proptest::prelude::*;

use super::*;
use crate::load::testing::TestFile;

/// Each range's lines, and the bytes it read.
fn read(ranges: &[Range], piece: usize) -> Vec<(Vec<u8>, u64)> {
    let mut reader = LineReader::with_sizes(piece, 1 << 20);
    ranges
        .iter()
        .map(|range| {
            reader.start(range).unwrap();
            let mut lines = Vec::new();
            while let Some(block) = reader.next_block().unwrap() {
                assert_eq!(block.lines().last(), Some(&b'\n'));
                assert_eq!(block.padded().len(), block.lines().len() + PADDING);
                assert_eq!(block.framed().len(), LEAD + block.padded().len());
                lines.extend_from_slice(block.lines());
            }
            (lines, reader.bytes_read())
        })
        .collect()
}

/// What the range owns and reads by the rule of this module's documentation, byte by byte.
fn by_the_rule(text: &[u8], start: usize, end: usize) -> (Vec<u8>, u64) {
    let mut owned = Vec::new();
    let mut read = (end - start) as u64;
    let mut line = 0;
    while line < text.len() && start < end {
        let line_end =
            text[line..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| line + at + 1);
        if (start == 0 || line > start) && line <= end {
            owned
                .extend_from_slice(text[line..line_end].strip_suffix(b"\n").unwrap_or(&text[line..line_end]));
            owned.push(b'\n');
            read = read.max((line_end - start) as u64);
        }
        line = line_end;
    }
    (owned, read)
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => proptest::collection::vec(b'a'..=b'e', 0..12),
        1 => proptest::collection::vec(b'a'..=b'e', 50..200),
        1 => Just(Vec::new()),
    ];
    let end = prop_oneof![3 => Just(&b"\n"[..]), 1 => Just(&b"\r\n"[..])];
    (proptest::collection::vec((line, end), 0..30), any::<bool>()).prop_map(|(lines, open)| {
        let mut text: Vec<u8> = lines.into_iter().flat_map(|(line, end)| [&line, end].concat()).collect();
        if open {
            text.extend_from_slice(b"the end");
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_in_exactly_one_range(
        text in text(),
        places in proptest::collection::vec(0u64..400, 0..8),
        piece in 1usize..40,
    ) {
        let file = TestFile::new(&text);
        let ranges = file.cut(&places);
        let found = read(&ranges, piece);
        for (range, found) in ranges.iter().zip(&found) {
            let rule = by_the_rule(&text, range.offset as usize, (range.offset + range.length) as usize);
            prop_assert_eq!(found, &rule, "{}+{}", range.offset, range.length);
        }
        let mut whole = text;
        if whole.last().is_some_and(|last| *last != b'\n') {
            whole.push(b'\n');
        }
        let together: Vec<u8> = found.into_iter().flat_map(|(lines, _)| lines).collect();
        prop_assert_eq!(together, whole);
    }
}

#[test]
fn a_line_that_begins_at_a_cut_belongs_to_the_range_before() {
    let file = TestFile::new(b"a\nbb\nccc\n");
    let lines: Vec<Vec<u8>> = read(&file.cut(&[2, 5]), 64).into_iter().map(|(lines, _)| lines).collect();
    assert_eq!(lines, [&b"a\nbb\n"[..], b"ccc\n", b""]);
}

#[test]
fn a_byte_order_mark_is_skipped_wherever_the_cut_is() {
    let file = TestFile::new(b"\xef\xbb\xbfa\nb\n");
    for cut in 0..8 {
        let together: Vec<u8> =
            read(&file.cut(&[cut]), 64).into_iter().flat_map(|(lines, _)| lines).collect();
        assert_eq!(together, b"a\nb\n", "{cut}");
    }
    assert_eq!(read(&file.cut(&[]), 64)[0].1, 7);
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_the_memory() {
    let file = TestFile::new(&[b'a'; 1000]);
    let mut reader = LineReader::with_sizes(10, 100);
    reader.start(&file.range(0, 1000)).unwrap();
    let error = reader.next_block().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}:1:1: expected a line end within 100 bytes, found none", file.path())
    );
    assert!(reader.buffer.len() < 1000 + LEAD + PADDING);
}

#[test]
fn a_range_outside_its_file_is_refused() {
    let file = TestFile::new(b"a\n");
    for (offset, length) in [(1, 2), (3, 0), (u64::MAX, 5)] {
        let error = LineReader::new().start(&file.range(offset, length)).unwrap_err();
        let message = format!("expected a range inside its 2 bytes, found {length} bytes from {offset}");
        assert_eq!(error.to_string(), format!("{}: {message}", file.path()));
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_read_has_changed() {
    let file = TestFile::new(b"a\nb\n");
    let mut reader = LineReader::new();
    reader.start(&file.range(0, 4)).unwrap();
    std::fs::write(file.path(), b"a\n").unwrap();
    let error = reader.next_block().unwrap_err();
    assert!(
        error.is_bad_input() && error.to_string().ends_with("it ends at byte 2 and had 4 bytes"),
        "{error}"
    );
}

/// A pipe that gives as many bytes at a time as its reader asks for or it feels like, whichever is less.
struct Pipe {
    bytes: Vec<u8>,
    mood: usize,
    given: u64,
}

impl ReadAt for Pipe {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> std::io::Result<usize> {
        assert_eq!(offset, self.given, "a pipe cannot go back");
        let rest = &self.bytes[offset as usize..];
        let count = rest.len().min(into.len()).min(self.mood);
        into[..count].copy_from_slice(&rest[..count]);
        self.given += count as u64;
        Ok(count)
    }
}

proptest! {
    #[test]
    fn all_lines_of_a_pipe_come_through(text in "[ab\n]{0,60}", mood in 1usize..20, piece in 1usize..20) {
        let mut reader = LineReader::with_sizes(piece, 1 << 20);
        reader.start_piped(Box::new(Pipe { bytes: text.clone().into_bytes(), mood, given: 0 }));
        let mut lines = Vec::new();
        while let Some(block) = reader.next_block().unwrap() {
            lines.extend_from_slice(block.lines());
        }
        let ended = text.is_empty() || text.ends_with('\n');
        let expected = if ended { text.clone() } else { format!("{text}\n") };
        prop_assert_eq!(String::from_utf8(lines).unwrap(), expected);
        prop_assert_eq!(reader.bytes_read(), text.len() as u64);
    }
}
