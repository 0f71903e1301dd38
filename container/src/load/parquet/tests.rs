use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::load::conformance::{self, Conformance};
use crate::load::testing::TestFile;
use crate::load::{DenseRows, Format, Load, LoadOptions, Missing, Rows, SparseRows, settle};
use crate::rng::Rng;
use crate::split::Split;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn file(name: &str) -> TestFile {
    TestFile::named(name.rsplit('/').next().unwrap(), &fs::read(data(name)).unwrap())
}

/// The one file that Spark put into a folder.
fn part_of(folder: &str) -> String {
    let names =
        fs::read_dir(data(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    format!("{folder}/{}", names.into_iter().find(|name| name.starts_with("part-")).unwrap())
}

fn options(features: &str) -> LoadOptions {
    LoadOptions {
        features: Some(features.split(',').map(str::to_owned).collect()),
        ..LoadOptions::new(Format::Parquet)
    }
}

fn dense(file: &TestFile, options: &LoadOptions) -> Result<DenseRows, String> {
    let loaded = DenseRows::load(&file.split(&[]), options);
    loaded.map(|(rows, _)| rows).map_err(|error| {
        assert!(error.is_bad_input(), "{error}");
        error.to_string()
    })
}

/// The rows of all these files, as CSV has them.
fn expected() -> DenseRows {
    dense(&file("rows.csv"), &LoadOptions::new(Format::Csv)).unwrap()
}

#[test]
fn every_codec_encoding_and_version_of_pages_gives_the_rows_of_the_text() {
    let expected = expected();
    assert_eq!((expected.rows(), expected.columns()), (60, 4));
    let text = dense(&file("rows.libsvm"), &LoadOptions::new(Format::Libsvm)).unwrap();
    assert_eq!(text, expected);
    for name in ["plain", "snappy", "gzip", "zstd", "brotli", "lz4", "split"] {
        let file = file(&format!("{name}.parquet"));
        assert_eq!(dense(&file, &LoadOptions::new(Format::Parquet)).unwrap(), expected, "{name}");
    }
    assert_eq!(dense(&file(&part_of("spark")), &LoadOptions::new(Format::Parquet)).unwrap(), expected);
    assert_eq!(dense(&file(&part_of("spark-csv")), &LoadOptions::new(Format::Csv)).unwrap(), expected);
}

#[test]
fn every_type_of_number_gives_the_same_numbers() {
    let rows = dense(&file("types.parquet"), &options("a,b,c,d")).unwrap();
    let expected = expected();
    assert_eq!(rows.values(), expected.values());
    let labels: Vec<f32> = expected.labels().iter().map(|label| f32::from(u8::from(*label > 0.0))).collect();
    assert_eq!(rows.labels(), labels, "booleans");
    let halves = dense(&file("half.parquet"), &LoadOptions::new(Format::Parquet)).unwrap();
    let eighths: Vec<f32> = (0..60).map(|row| expected.row(row)[0].rem_euclid(8.0)).collect();
    assert_eq!(halves.values(), eighths);
}

#[test]
fn vectors_dense_and_sparse() {
    let expected = expected();
    let lists = dense(&file("lists.parquet"), &LoadOptions::new(Format::Parquet)).unwrap();
    assert_eq!(lists, expected);
    for name in ["sparse.parquet", &part_of("spark-vectors")] {
        let file = file(name);
        let parquet = LoadOptions::new(Format::Parquet);
        assert_eq!(dense(&file, &parquet).unwrap(), expected, "{name}");
        assert!(matches!(Rows::load(&file.split(&[]), &parquet).unwrap().0, Rows::Sparse(_)), "{name}");
        let wide = LoadOptions { columns: Some(9), ..parquet.clone() };
        assert_eq!(SparseRows::load(&file.split(&[]), &wide).unwrap().0.columns(), 9);
        let narrow = dense(&file, &LoadOptions { columns: Some(3), ..parquet }).unwrap_err();
        assert!(narrow.contains("below 3"), "{narrow}");
    }
    let (rows, _) =
        SparseRows::load(&file("sparse.parquet").split(&[]), &LoadOptions::new(Format::Parquet)).unwrap();
    let text =
        SparseRows::load(&file("rows.libsvm").split(&[]), &LoadOptions::new(Format::Libsvm)).unwrap().0;
    assert_eq!(rows, text);
}

#[test]
fn every_row_is_in_exactly_one_split_wherever_the_file_is_cut() {
    for name in [
        "plain.parquet",
        "snappy.parquet",
        "hollow.parquet",
        "lists.parquet",
        "sparse.parquet",
        "gzip.parquet",
        "rows.csv",
        "rows.libsvm",
        "rows.csv.gz",
    ] {
        let format = Format::of(name).unwrap();
        let file = file(name);
        let found = conformance::check(&file.path(), &LoadOptions::new(format), 60).unwrap();
        assert_eq!(found.rows, 60, "{name}");
        assert!(found.cuts > 120 || name.ends_with("gz"), "{found:?}");
    }
    let found = conformance::check(&file("long.parquet").path(), &LoadOptions::new(Format::Parquet), 2);
    assert_eq!(found, Ok(Conformance { rows: 100_000, cuts: found.clone().unwrap().cuts }));
}

#[test]
fn only_the_wanted_columns_of_the_own_row_groups_are_read() {
    let file = file("plain.parquet");
    let length = fs::metadata(file.path()).unwrap().len();
    let read = |features: &str, label: &str, cuts: &[u64]| {
        let options = LoadOptions { label: Some(label.into()), ..options(features) };
        DenseRows::load(&file.split(cuts), &options).unwrap().1.bytes_read
    };
    let (all, one) = (read("a,b,c,d", "label", &[]), read("a", "none", &[]));
    // 60 numbers of 8 bytes and the headers of pages, beside the end of the file, which is read for its footer.
    assert!(one - length > 60 * 8 && one - length < 60 * 8 + 300, "{one} of {length}");
    assert!(all - length > 5 * 60 * 8, "{all} of {length}");
    // The footer is read for each range.
    assert_eq!(read("a", "none", &[length / 2]), one + length);
}

#[test]
fn missing_numbers_go_by_the_rule() {
    let file = file("nulls.parquet");
    let with = |missing| LoadOptions { missing, ..LoadOptions::new(Format::Parquet) };
    let told = dense(&file, &with(Missing::Error)).unwrap_err();
    let rule = "expected a number in every row (--missing zero or nan would take others), found null or NaN";
    assert_eq!(told, format!("{}: row group 0: row 4, column \"b\": {rule}", file.path()));
    let zeros = dense(&file, &with(Missing::Zero)).unwrap();
    assert_eq!((zeros.row(3)[1], zeros.row(5)[2]), (0.0, 0.0));
    let nans = dense(&file, &with(Missing::Nan)).unwrap();
    assert!(nans.row(3)[1].is_nan() && nans.row(5)[2].is_nan());
    let expected = expected();
    let others = |rows: &DenseRows| -> Vec<f32> {
        (0..240).filter(|at| ![13, 22].contains(at)).map(|at| rows.values()[at]).collect()
    };
    assert_eq!(others(&nans), others(&expected));
    let label = LoadOptions { label: Some("b".into()), ..options("a") };
    let told = dense(&file, &LoadOptions { missing: Missing::Zero, ..label }).unwrap_err();
    assert!(told.contains("row 4, column \"b\": expected a label in every row"), "{told}");
}

#[test]
fn a_schema_that_does_not_fit_is_one_sentence() {
    let parquet = || LoadOptions::new(Format::Parquet);
    for (name, options, told) in [
        ("types.parquet", parquet(), "expected numbers in \"name\", found text"),
        (
            "types.parquet",
            options("a,e"),
            "expected a feature column \"e\", found the columns \"d\", \"a\", \"b\", \"c\", \"name\", \"label\"",
        ),
        (
            "lists.parquet",
            LoadOptions { label: Some("features".into()), ..parquet() },
            "expected a number as label in \"features\", found lists",
        ),
        (
            "sparse.parquet",
            options("values,label,indices"),
            "expected features beside the label, found \"label\" as both",
        ),
        (
            "sparse.parquet",
            LoadOptions { label: Some("none".into()), ..parquet() },
            "expected numbers in all features, or one list, or lists of indices and values, found 3 features with lists in \"indices\"",
        ),
        (
            "plain.parquet",
            LoadOptions { columns: Some(5), ..parquet() },
            "expected 5 features, as --columns or the first file says, found 4",
        ),
    ] {
        let file = file(name);
        assert_eq!(dense(&file, &options).unwrap_err(), format!("{}: {told}", file.path()));
    }
}

#[test]
fn columns_of_other_files_are_found_by_name() {
    let (one, other) = (file("plain.parquet"), file("types.parquet"));
    let settled = settle(&LoadOptions::new(Format::Parquet), &one.range(0, 1)).unwrap().unwrap();
    assert_eq!(settled.features, Some(["a", "b", "c", "d"].map(str::to_owned).to_vec()));
    assert_eq!(settled.columns, Some(4));
    let split = Split { number: 0, ranges: [one.cut(&[]), other.cut(&[])].concat() };
    let (rows, _) = DenseRows::load(&split, &LoadOptions::new(Format::Parquet)).unwrap();
    assert_eq!(rows.values(), [expected().values(), expected().values()].concat());
}

#[test]
fn broken_files_are_bad_input_with_their_place() {
    let good = fs::read(data("plain.parquet")).unwrap();
    let load = |bytes: &[u8]| {
        let file = TestFile::named(".parquet", bytes);
        let told = dense(&file, &LoadOptions::new(Format::Parquet)).unwrap_err();
        told.strip_prefix(&format!("{}: ", file.path())).unwrap_or_else(|| panic!("{told}")).to_owned()
    };
    let none = "it is none, or cut short";
    assert_eq!(
        load(b"1 1:2\n2 1:3\n"),
        format!("expected PAR1 at the end of a Parquet file, found \"1:3\\n\": {none}")
    );
    assert_eq!(load(b"PAR1"), "expected a Parquet file, found 4 bytes");
    let cut = load(&good[..good.len() - 1]);
    assert!(cut.ends_with(none), "{cut}");
    let end = good.len() - 8;
    let footer = u32::from_le_bytes(*good[end..].first_chunk().unwrap()) as usize;
    let mut claims = good.clone();
    claims[end..end + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(
        load(&claims),
        format!("expected a footer within its {} bytes, found one of 4294967295", good.len())
    );
    let encrypted = [&good[..good.len() - 4], b"PARE"].concat();
    assert_eq!(load(&encrypted), "expected a Parquet file in the clear, found an encrypted one");
    // What is before the footer is gone.
    let beheaded = [b"PAR1", &good[end - footer..]].concat();
    assert_eq!(load(&beheaded), "expected the columns of all row groups within the file, found others");
    let zeroed = [vec![0; end - footer], good[end - footer..].to_vec()].concat();
    assert!(load(&zeroed).starts_with("row group 0: after row 1, column \"label\": "), "{}", load(&zeroed));
}

/// The footer of `plain.parquet` with another number of rows in one of its row groups: 25, a zigzag varint of one byte.
#[test]
fn a_row_group_that_claims_more_rows_than_it_has_is_refused_before_memory_is_taken() {
    let good = fs::read(data("plain.parquet")).unwrap();
    let end = good.len() - 8;
    let footer = end - u32::from_le_bytes(*good[end..].first_chunk().unwrap()) as usize;
    let mut refused = 0;
    for at in (footer..end).filter(|at| good[*at] == 50) {
        // 10^12 in zigzag.
        let mut claim = Vec::new();
        let mut rest = 2_000_000_000_000u64;
        while rest >= 128 {
            claim.push(rest as u8 | 128);
            rest >>= 7;
        }
        claim.push(rest as u8);
        let mut bytes = [&good[..at], &claim[..], &good[at + 1..end]].concat();
        let length = (bytes.len() - footer) as u32;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(b"PAR1");
        if let Err(told) = dense(&TestFile::named(".parquet", &bytes), &LoadOptions::new(Format::Parquet)) {
            refused +=
                u32::from(told.contains("expected 1000000000000 rows, as the footer claims, found 25"));
        }
    }
    assert_eq!(refused, 2, "two of these bytes are the numbers of rows of the first two groups");
}

#[test]
fn any_damage_loads_or_is_bad_input() {
    damage(6_000, 11);
}

#[test]
#[ignore = "half a million files: a minute or two"]
fn very_much_damage_loads_or_is_bad_input() {
    damage(500_000, 12);
}

fn damage(rounds: usize, seed: u64) {
    let mut rng = Rng::new(&[seed]);
    let names =
        ["plain", "snappy", "gzip", "zstd", "brotli", "lz4", "split", "types", "lists", "sparse", "nulls"];
    let (mut good, mut bad) = (0, 0);
    for round in 0..rounds {
        let mut bytes = fs::read(data(&format!("{}.parquet", names[round % names.len()]))).unwrap();
        for _ in 0..=rng.below(3) {
            let at = rng.below(bytes.len() as u64) as usize;
            match rng.below(4) {
                0 => bytes[at] = rng.next_u64() as u8,
                1 => bytes[at] ^= 1 << rng.below(8),
                2 => bytes[at] = 0xff,
                _ if round % 10 == 0 => bytes.truncate(at + 1),
                _ => bytes[at] = bytes[at].wrapping_add(1),
            }
        }
        let file = TestFile::named(".parquet", &bytes);
        let options = LoadOptions { missing: Missing::Nan, ..LoadOptions::new(Format::Parquet) };
        match SparseRows::load(&file.split(&[]), &options) {
            Ok(_) => good += 1,
            Err(error) => {
                assert!(error.is_bad_input() && error.to_string().starts_with(&file.path()), "{error}");
                bad += 1;
            }
        }
    }
    assert!(good > 100 && bad > 100, "{good} {bad}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_bad_input(bytes in proptest::collection::vec(any::<u8>(), 1..300), sound in any::<bool>()) {
        // With the frame of a file around them, they are taken for a footer.
        let length = (bytes.len() as u32).to_le_bytes();
        let bytes = if sound { [b"PAR1", &bytes[..], &length, b"PAR1"].concat() } else { bytes };
        let told = dense(&TestFile::new(&bytes), &LoadOptions::new(Format::Parquet));
        prop_assert!(told.is_err());
    }
}
