use std::io::Write;

use proptest::prelude::*;

use crate::load::testing::TestFile;
use crate::load::{DenseRows, Format, Header, Load, LoadOptions, Missing, Shape, SparseRows};
use crate::rng::Rng;

fn options() -> LoadOptions {
    LoadOptions::new(Format::Csv)
}

fn load(file: &TestFile, cuts: &[u64], options: &LoadOptions) -> Result<(DenseRows, Shape), String> {
    DenseRows::load(&file.split(cuts), options).map_err(|error| {
        assert!(error.is_bad_input(), "{error}");
        error.to_string()
    })
}

fn bits(rows: &DenseRows) -> Vec<(u32, Vec<u32>)> {
    rows.iter().map(|(label, row)| (label.to_bits(), row.iter().map(|v| v.to_bits()).collect())).collect()
}

#[test]
fn rows_of_every_shape() {
    let text = "a,label,\"b, c\",text\r\n1,-1,2.5,x\n\n\"3\", +1 ,-0.125,\"say \"\"no\"\"\"\n1e-3,0,NA,\n";
    let file = TestFile::new(text.as_bytes());
    let options =
        LoadOptions { features: Some(vec!["b, c".into(), "a".into()]), missing: Missing::Zero, ..options() };
    for cut in 0..text.len() as u64 {
        let (rows, shape) = load(&file, &[cut], &options).unwrap();
        assert_eq!(rows.labels(), [-1.0, 1.0, 0.0], "{cut}");
        assert_eq!(rows.values(), [2.5, 1.0, -0.125, 3.0, 0.0, 1e-3]);
        assert_eq!((rows.columns(), shape.columns), (2, 2));
    }
    assert_eq!(load(&file, &[], &options).unwrap().1.bytes_read, text.len() as u64);
    let (sparse, _) = SparseRows::load(&file.split(&[]), &options).unwrap();
    assert_eq!(sparse.row(2), (0.0, &[1][..], &[1e-3][..]));
    assert_eq!((sparse.columns(), sparse.stored()), (2, 5));
}

#[test]
fn the_first_line_is_a_header_if_it_looks_like_one_or_the_user_says_so() {
    let file = TestFile::new(b"1,2\n3,4\n");
    let with = |header, label: &str| LoadOptions { header, label: Some(label.into()), ..options() };
    for cut in 0..8 {
        for header in [Header::Auto, Header::False] {
            assert_eq!(load(&file, &[cut], &with(header, "1")).unwrap().0.labels(), [1.0, 3.0], "{cut}");
        }
        let (rows, _) = load(&file, &[cut], &with(Header::True, "2")).unwrap();
        assert_eq!((rows.labels(), rows.values()), (&[4.0][..], &[3.0][..]));
    }
    let mixed = TestFile::new(b"x,2\n3,4\n");
    let told = load(&mixed, &[], &with(Header::Auto, "2")).unwrap_err();
    let hint = "expected either names or numbers: say --header true if these are names, else --header false";
    assert_eq!(told, format!("{}:1:1: {hint}", mixed.path()));
    let names = TestFile::new(b"x\xff,label\n3,4\n");
    let told = load(&names, &[], &options()).unwrap_err();
    assert_eq!(told, format!("{}:1:1: expected names in UTF-8, found other bytes", names.path()));
}

#[test]
fn every_fault_names_its_place_and_what_was_expected() {
    let faults: [(&[u8], &str); 9] = [
        (b"1,2", "1: expected 3 fields as in the first line, found 2"),
        (b"1,2,3,4", "1: expected 3 fields as in the first line, found 4"),
        (b"1,x,3", "3: expected a number, found \"x\" in \"b\""),
        (b"1,\"2,3", "3: expected the quotes to end on the line where they begin, found the line's end"),
        (
            b"1,,3",
            "3: expected a number in every row (--missing zero or nan would take others), found nothing in \"b\"",
        ),
        (b"1,2,", "5: expected a label in every row, found nothing in \"label\""),
        (b"1,1e39,3", "3: expected a number below 3.4028236e38, found \"1e39\" in \"b\""),
        (b"\"1\",\"\xff\",3", "5: expected a number, found \"\u{fffd}\" in \"b\""),
        (b"1\r2,3,4", "2: expected text, found a carriage return inside a line"),
    ];
    for (line, message) in faults {
        let text = [b"a,b,label\n1,2,3\n\n", line, b"\n1,2,3\n"].concat();
        let file = TestFile::new(&text);
        let expected = format!("{}:4:{message}", file.path());
        assert_eq!(load(&file, &[], &options()).unwrap_err(), expected);
        assert_eq!(load(&file, &[12, 17], &options()).unwrap_err(), expected, "also from mid-file");
    }
}

#[test]
fn a_line_end_inside_quotes_is_never_half_a_row() {
    let text = b"label,text\n1,\"a\n2,b\"\n3,c\n";
    let file = TestFile::new(text);
    let options =
        LoadOptions { features: Some(vec!["label".into()]), label: Some("none".into()), ..options() };
    for cut in 0..text.len() as u64 {
        let told = load(&file, &[cut], &options).unwrap_err();
        assert!(told.contains(":2:3: expected the quotes to end on the line where they begin"), "{told}");
    }
}

#[test]
fn delimiters_and_tsv() {
    let file = TestFile::new(b"label;a\n1;2,5\n");
    let semicolon = LoadOptions { delimiter: Some(b';'), ..options() };
    assert!(load(&file, &[], &semicolon).unwrap_err().contains("found \"2,5\" in \"a\""));
    assert_eq!(super::usual_delimiter("/x/a.TSV"), b'\t');
    assert_eq!(super::usual_delimiter("/x/a.tsv.gz"), b'\t');
    assert_eq!(super::usual_delimiter("/x.tsv/a"), b',');
}

#[test]
fn files_of_a_split_are_read_by_name_and_have_as_many_columns() {
    let (one, other) = (TestFile::new(b"a,b,label\n1,2,3\n"), TestFile::new(b"label,b,a\n6,5,4\n"));
    let mut split = one.split(&[]);
    split.ranges.extend(other.cut(&[]));
    let (rows, _) = DenseRows::load(&split, &options()).unwrap();
    assert_eq!((rows.values(), rows.labels()), (&[1.0, 2.0, 4.0, 5.0][..], &[3.0, 6.0][..]));
    let (three, two) = (TestFile::new(b"1,2,3\n"), TestFile::new(b"1,2\n"));
    let mut split = three.split(&[]);
    split.ranges.extend(two.cut(&[]));
    let numbered = LoadOptions { label: Some("1".into()), ..options() };
    let told = DenseRows::load(&split, &numbered).unwrap_err().to_string();
    assert!(told.ends_with("expected 2 features, as --columns or the first file says, found 1"), "{told}");
}

/// The rows by the csv crate's own reader and Rust's own parser; none if anything is wrong.
fn by_the_crate(text: &[u8]) -> Option<Vec<(u32, Vec<u32>)>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text);
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.ok()?;
        let number = |field: &[u8]| {
            let number: f32 = std::str::from_utf8(field.trim_ascii()).ok()?.parse().ok()?;
            number.is_finite().then(|| number.to_bits())
        };
        let numbers: Option<Vec<u32>> = record.iter().map(number).collect();
        let (label, features) = numbers.as_ref()?.split_first()?;
        rows.push((*label, features.to_vec()));
    }
    Some(rows)
}

fn noise(seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(&[seed]);
    let mut text = Vec::new();
    for _ in 0..rng.below(400) {
        for field in 0..4 {
            let number = rng.normal() * 10f64.powi(rng.below(6) as i32 - 3);
            let number = match rng.below(6) {
                0 => format!("{number:e}"),
                1 => format!("\"{number:.3}\""),
                2 => format!("{}", number as i32),
                _ => format!("{number:.6}"),
            };
            write!(text, "{}{number}", if field > 0 { "," } else { "" }).unwrap();
        }
        text.extend_from_slice([&b"\n"[..], b"\r\n", b"\n\n"][rng.below(3) as usize]);
    }
    text
}

#[test]
fn any_cut_gives_what_the_csv_crate_gives() {
    let options = LoadOptions { label: Some("1".into()), header: Header::False, ..options() };
    for seed in 0..20 {
        let text = noise(seed);
        let file = TestFile::new(&text);
        let expected = by_the_crate(&text).unwrap();
        let mut rng = Rng::new(&[seed, 1]);
        for cuts in [0, 1, 7] {
            let cuts: Vec<u64> = (0..cuts).map(|_| rng.below(text.len() as u64 + 1)).collect();
            assert_eq!(bits(&load(&file, &cuts, &options).unwrap().0), expected, "{seed}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_load_or_fail_as_bad_input(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            proptest::collection::vec(proptest::sample::select(&b"0123456789,,,.-e\"\n\n\r a\0"[..]), 0..200),
        ],
        cuts in proptest::collection::vec(0u64..200, 0..4),
        header in proptest::sample::select(&[Header::Auto, Header::True, Header::False][..]),
    ) {
        let file = TestFile::new(&bytes);
        let options = LoadOptions { label: Some("1".into()), header, ..options() };
        let whole = load(&file, &[], &options).map(|(rows, _)| bits(&rows));
        let cut = load(&file, &cuts, &options).map(|(rows, _)| bits(&rows));
        prop_assert_eq!(&whole, &cut);
        // Where a file is good, the csv crate says the same. (It takes what has fewer line ends than rows.)
        if let (Ok(rows), Header::False) = (&whole, header) {
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            let expected = by_the_crate(text);
            prop_assert_eq!(Some(rows), expected.as_ref());
        }
    }
}
