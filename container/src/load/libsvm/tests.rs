use proptest::prelude::*;

use super::*;
use crate::load::testing::TestFile;
use crate::load::{Format, Load, LoadOptions, Shape, SparseRows};
use crate::rng::Rng;

fn load(file: &TestFile, cuts: &[u64], columns: Option<u32>) -> Result<(SparseRows, Shape), String> {
    let options = LoadOptions { columns, ..LoadOptions::new(Format::Libsvm) };
    SparseRows::load(&file.split(cuts), &options).map_err(|error| {
        assert!(error.is_bad_input(), "{error}");
        error.to_string()
    })
}

/// A row's bits: label, columns, values.
type Bits = (u32, Vec<u32>, Vec<u32>);

/// The rows of a text, by the careful parser alone.
fn carefully(text: &[u8]) -> Option<Vec<Bits>> {
    let limit = Limit { column: u32::MAX, fixed: false };
    let rows: Result<Vec<_>, _> =
        text.split(|byte| *byte == b'\n').map(|line| careful::parse(line, limit)).collect();
    let bits = |row: careful::Row| {
        (row.label.to_bits(), row.columns, row.values.iter().map(|value| value.to_bits()).collect())
    };
    Some(rows.ok()?.into_iter().flatten().map(bits).collect())
}

fn bits(rows: &SparseRows) -> Vec<Bits> {
    rows.iter()
        .map(|(label, columns, values)| {
            (label.to_bits(), columns.to_vec(), values.iter().map(|value| value.to_bits()).collect())
        })
        .collect()
}

#[test]
fn rows_of_every_shape() {
    let text = "+1 1:0.5 3:-2\n\n# a comment\n-1\t2:1e-3   7:.25 \r\n  0.5\n2 1:5. # more\r\n3 4294967295:-0";
    let file = TestFile::new(text.as_bytes());
    let (rows, shape) = load(&file, &[], None).unwrap();
    let expected: [(f32, &[u32], &[f32]); 5] = [
        (1.0, &[0, 2], &[0.5, -2.0]),
        (-1.0, &[1, 6], &[1e-3, 0.25]),
        (0.5, &[], &[]),
        (2.0, &[0], &[5.0]),
        (3.0, &[4294967294], &[-0.0]),
    ];
    assert!(rows.iter().eq(expected));
    assert!(rows.row(4).2[0].is_sign_negative());
    assert_eq!((rows.rows(), rows.columns(), rows.stored()), (5, u32::MAX, 6));
    let resident_bytes = 6 * 8 + 5 * 4 + 6 * 8;
    let bytes_read = text.len() as u64;
    assert_eq!(shape, Shape { rows: 5, columns: u32::MAX, stored: 6, resident_bytes, bytes_read });
}

#[test]
fn a_fixed_number_of_columns_counts_even_if_unused() {
    let file = TestFile::new(b"1 2:1\n");
    assert_eq!(load(&file, &[], Some(9)).unwrap().1.columns, 9);
    assert_eq!(load(&file, &[], None).unwrap().1.columns, 2);
    assert_eq!(
        load(&TestFile::new(b""), &[], None).unwrap().1,
        Shape { resident_bytes: 8, ..Shape::default() }
    );
}

#[test]
fn every_fault_names_its_place_and_what_was_expected() {
    let long = format!("1 1:{}", "x".repeat(40));
    let faults: &[(&str, &str)] = &[
        ("abc 1:2", "1: expected a label, found \"abc\""),
        ("1:2", "1: expected a label, found \"1:2\""),
        ("nan 1:2", "1: expected a label that is finite, found \"nan\""),
        ("1 3:abc", "5: expected a number after ':', found \"abc\""),
        ("1 3:", "5: expected a number after ':', found nothing"),
        ("1 3: 5", "5: expected a number after ':', found nothing"),
        ("1 3:1:2", "5: expected a number after ':', found \"1:2\""),
        ("1 1:2 3:.", "9: expected a number after ':', found \".\""),
        ("1 1:2 3:--5", "9: expected a number after ':', found \"--5\""),
        ("1 1:2 3:1.2.3", "9: expected a number after ':', found \"1.2.3\""),
        ("1 3:nan", "5: expected a number after ':' that is finite, found \"nan\""),
        ("1 3:-inf", "5: expected a number after ':' that is finite, found \"-inf\""),
        ("1 3:1e99", "5: expected a number after ':' below 3.4028236e38, found \"1e99\""),
        ("1 3:0x10", "5: expected a number after ':', found \"0x10\""),
        (&long, "5: expected a number after ':', found \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"…"),
        ("1 12", "3: expected column:value, found \"12\""),
        ("1 1:2 12 13:1", "7: expected column:value, found \"12\""),
        ("1 qid:3 1:2", "3: expected column:value, found \"qid:3\": ranking is not supported"),
        ("1 :5", "3: expected a column number before ':', found nothing"),
        ("1 x:5", "3: expected a column number before ':', found \"x\""),
        ("1 -2:5", "3: expected a column number before ':', found \"-2\""),
        ("1 0:5", "3: expected columns counted from 1, found column 0"),
        ("1 00:5", "3: expected columns counted from 1, found column 0"),
        ("1 2:5 2:6", "7: expected each column once, found column 2 twice"),
        ("1 2:5 1:6", "7: expected ascending columns, found column 1 after column 2"),
        ("1 21:5", "3: expected a column up to 20 (the fixed number of columns), found 21"),
        ("1 99999999999:5", "3: expected a column up to 20 (the fixed number of columns), found 99999999999"),
        (
            "1 1:2\r3:4",
            "6: expected the line to end after a carriage return, found a carriage return inside a line",
        ),
        (
            "# old Mac\r1 1:2",
            "10: expected the line to end after a carriage return, found a carriage return inside a line",
        ),
    ];
    for (line, message) in faults {
        // Good lines before, so that the whole file has more than one split; the fault is on line 4.
        let text = format!("1 1:1\r\n\n# x\n{line}\n1 1:1\n");
        let file = TestFile::new(text.as_bytes());
        let expected = format!("{}:4:{message}", file.path());
        assert_eq!(load(&file, &[], Some(20)).unwrap_err(), expected);
        let cut = load(&file, &[7, 8], Some(20)).unwrap_err();
        assert_eq!(cut, expected, "the same line number also from mid-file");
    }
    let file = TestFile::new(b"1 4294967296:1");
    let message = "expected a column up to 4294967295, found 4294967296";
    assert_eq!(load(&file, &[], None).unwrap_err(), format!("{}:1:3: {message}", file.path()));
}

#[test]
fn binary_files_are_recognised() {
    let file = TestFile::new(b"PAR1\x15\x00\x15\n1 1:1\n");
    let message = "looks like a binary file: expected text, found a zero byte at byte 5";
    assert_eq!(load(&file, &[], None).unwrap_err(), format!("{}: {message}", file.path()));
    let late = [&b"1 1:1\n".repeat(2_000)[..], b"1 1:\0\n"].concat();
    let file = TestFile::new(&late);
    let message = "expected text, found a zero byte: looks like a binary file";
    assert_eq!(load(&file, &[], None).unwrap_err(), format!("{}:2001:5: {message}", file.path()));
}

/// A file of several windows, of rows usual and odd, one longer than a window and one that is longer than the
/// quick way can see.
fn long_text(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(&[seed]);
    let mut text = Vec::new();
    for row in 0..600 {
        text.extend_from_slice(["1", "-1", "+1", "0.25", "-3e2"][rng.below(5) as usize].as_bytes());
        let numbers = match row {
            300 => 8_000,
            400 => 2_000,
            _ => rng.below(20),
        };
        let mut column = 0;
        for _ in 0..numbers {
            column += 1 + rng.below(1_000);
            let value = match rng.below(12) {
                0 => "1".to_owned(),
                1 => format!("{:e}", rng.normal()),
                2 => format!("{}", rng.normal()),
                3 => format!("{}", rng.normal() as f32),
                4 => "16777217".to_owned(), // The middle between two f32.
                _ => format!("{:.6}", rng.normal()),
            };
            text.extend_from_slice(format!(" {column}:{value}").as_bytes());
        }
        text.extend_from_slice(
            [&b"\n"[..], b"\n", b"\n", b" \n", b"\r\n", b" # x\n", b"\n\n"][rng.below(7) as usize],
        );
    }
    text
}

#[test]
fn the_quick_way_and_any_cut_give_what_the_careful_way_gives() {
    for seed in 0..4 {
        let text = long_text(seed);
        let file = TestFile::new(&text);
        let expected = carefully(&text).unwrap();
        let mut rng = Rng::new(&[seed, 1]);
        for cuts in [0, 1, 5, 50] {
            let cuts: Vec<u64> = (0..cuts).map(|_| rng.below(text.len() as u64)).collect();
            let (rows, shape) = load(&file, &cuts, None).unwrap();
            assert_eq!(bits(&rows), expected);
            assert_eq!(
                shape.resident_bytes,
                rows.stored() as u64 * 8 + rows.rows() as u64 * 12 + 8,
                "no slack"
            );
        }
    }
}

#[test]
fn one_wrong_byte_anywhere_is_judged_alike_by_both_ways() {
    let text = long_text(9);
    let text = &text[..text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(40).unwrap().0 + 1];
    let mut rng = Rng::new(&[10]);
    for _ in 0..1_000 {
        let mut text = text.to_vec();
        let at = rng.below(text.len() as u64) as usize;
        text[at] = b"0123456789 :.-+eE#\n\r\t\0xn\xff"[rng.below(25) as usize];
        let found = load(&TestFile::new(&text), &[], None).ok().map(|(rows, _)| bits(&rows));
        assert_eq!(found, carefully(&text), "byte {at}: {:?}", text[at] as char);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_load_or_fail_as_bad_input(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..300),
            proptest::collection::vec(proptest::sample::select(&b"0123456789::  .-+e#\n\n\r\t\0"[..]), 0..300),
        ],
        cuts in proptest::collection::vec(0u64..300, 0..4),
    ) {
        let file = TestFile::new(&bytes);
        let whole = load(&file, &[], None).map(|(rows, _)| bits(&rows));
        let cut = load(&file, &cuts, None).map(|(rows, _)| bits(&rows));
        prop_assert_eq!(&whole, &cut);
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        prop_assert_eq!(whole.ok(), carefully(text));
    }
}
