//! Formats through the real program: directories as Spark and Hive write them load, and what is broken is refused with exit code
//! 3, its file and place, and nothing written.

use std::fs;
use std::path::{Path, PathBuf};

use super::support::Bed;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../container/tests/data").join(name)
}

/// The job fails so and leaves nothing.
fn assert_refused(bed: &Bed, input: &str, flags: &str, words: &[&str]) {
    let before = bed.names();
    let job = format!("--input {input} --output model --report report --splits 3 --master local[2] {flags}");
    let outcome = bed.run(&job);
    outcome.assert_failed(3, words);
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    assert_eq!(bed.names(), before, "something was written");
    bed.assert_clean();
}

#[test]
fn what_spark_hive_and_pyarrow_wrote_gives_one_model() {
    let bed = Bed::empty();
    let inputs = [
        "rows.libsvm",
        "rows.csv",
        "rows.csv.gz",
        "plain.parquet",
        "lists.parquet",
        "sparse.parquet",
        "hive",
        "spark",
        "spark-csv",
        "spark-vectors",
    ];
    let mut models = Vec::new();
    for (number, input) in inputs.into_iter().enumerate() {
        let job = format!("--input {} --splits 1 --passes 3 --output {number}", data(input).display());
        let summary = bed.run(&job).summary();
        assert_eq!((&summary["rows"], &summary["columns"]), (&60.into(), &4.into()), "{input}");
        let packed = input.ends_with("gz") || input == "spark-csv";
        assert_eq!(summary["uncut_files"].as_u64(), packed.then_some(1), "{input}");
        models.push(bed.model(&number.to_string()));
    }
    for (input, model) in inputs.iter().zip(&models) {
        assert!(model[0] == models[0][0], "{input}: another model than that of LibSVM text");
    }
    let described =
        |number: usize| -> serde_json::Value { serde_json::from_slice(&models[number][1]).unwrap() };
    assert_eq!(described(0).get("input"), None);
    assert_eq!(described(1)["input"]["features"], serde_json::json!(["a", "b", "c", "d"]));
    assert!(models[1][1] == models[3][1], "how a table is written is no part of the model");
}

/// Where the files are cut at other rows, only the order of additions differs.
#[test]
fn the_formats_agree_however_the_files_are_cut() {
    let bed = Bed::empty();
    let mut objectives = Vec::new();
    for input in ["rows.libsvm", "rows.csv", "plain.parquet", "snappy.parquet", "lists.parquet", "hive"] {
        let flags = "--rate 1e-5 --splits 5 --passes 4 --master local[2]";
        let summary = bed.run(&format!("--input {} {flags}", data(input).display())).summary();
        assert_eq!(summary["rows"], 60, "{input}");
        objectives.push(summary["objective"].as_f64().unwrap());
    }
    let first = objectives[0];
    let near = |objective: &f64| (objective - first).abs() <= 1e-6 * first;
    assert!(first > 0.01 && objectives.iter().all(near), "{objectives:?}");
    assert!(objectives.iter().any(|objective| *objective != first), "they were cut alike: {objectives:?}");
}

#[test]
fn partitions_are_columns_that_can_be_asked_for() {
    let bed = Bed::empty();
    let hive = data("hive").display().to_string();
    let summary = bed.run(&format!("--input {hive} --features a,year --passes 1")).summary();
    assert_eq!(
        (&summary["rows"], &summary["columns"], &summary["stored"]),
        (&60.into(), &2.into(), &118.into())
    );
    let labelled = data("spark-hive").display().to_string();
    let summary = bed.run(&format!("--input {labelled} --label label --passes 1 --splits 2")).summary();
    assert_eq!((&summary["rows"], &summary["columns"]), (&60.into(), &4.into()));
    assert_refused(
        &bed,
        &hive,
        "--features a,month",
        &["expected a feature column \"month\", found the columns \"label\""],
    );
}

#[test]
fn broken_parquet_is_refused() {
    let bed = Bed::empty();
    let good = fs::read(data("plain.parquet")).unwrap();
    let path = bed.path("x.parquet").display().to_string();
    let put = |bytes: &[u8]| fs::write(bed.path("x.parquet"), bytes).unwrap();
    put(&good[..good.len() / 2]);
    let told = format!("{path}: expected PAR1 at the end of a Parquet file, found");
    assert_refused(&bed, "x.parquet", "", &[&told, "it is none, or cut short"]);
    put(b"+1 1:0.5\n-1 1:0.25\n");
    assert_refused(&bed, "x.parquet", "", &[&told]);
    let mut holed = good.clone();
    holed[200..260].fill(0xff);
    put(&holed);
    assert_refused(&bed, "x.parquet", "", &[&format!("{path}: row group "), "row ", "column "]);
    fs::copy(data("nulls.parquet"), bed.path("x.parquet")).unwrap();
    assert_refused(&bed, "x.parquet", "", &[&path, "row 4, column \"b\": expected a number in every row"]);
    fs::copy(data("types.parquet"), bed.path("x.parquet")).unwrap();
    assert_refused(&bed, "x.parquet", "", &[&path, "expected numbers in \"name\", found text"]);
}

#[test]
fn broken_csv_is_refused() {
    let row = "1,0.5,2\n".repeat(999);
    for (line, told) in [
        ("1,2", "1001:1: expected 3 fields as in the first line, found 2"),
        ("1,2,3,4", "1001:1: expected 3 fields as in the first line, found 4"),
        ("1,x,3", "1001:3: expected a number, found \"x\" in \"a\""),
        ("1,,3", "1001:3: expected a number in every row (--missing zero or nan would take others)"),
        ("1,\"2,3", "1001:3: expected the quotes to end on the line where they begin"),
        ("1,1e99,3", "1001:3: expected a number below 3.4028236e38, found \"1e99\" in \"a\""),
    ] {
        let bed = Bed::empty();
        bed.put("x.csv", &format!("label,a,b\n{row}{line}\n1,2,3\n"));
        assert_refused(&bed, "x.csv", "", &[&format!("{}:{told}", bed.path("x.csv").display())]);
    }
    let bed = Bed::empty();
    fs::write(bed.path("x.csv"), b"label,a\n1,\xff\xfe\n").unwrap();
    assert_refused(&bed, "x.csv", "", &["x.csv:2:3: expected a number, found"]);
    bed.put("x.csv", "1,2\n3,4\n");
    assert_refused(
        &bed,
        "x.csv",
        "",
        &["x.csv: expected a column named \"label\", found 2 columns without names"],
    );
    fs::remove_file(bed.path("x.csv")).unwrap();
    bed.put("both/x.csv", "label,a\n1,2\n");
    bed.put("both/y.libsvm", "1 1:2\n");
    assert_refused(&bed, "both", "", &["y.libsvm: expected csv like", "found libsvm by its name"]);
}

#[test]
fn archives_cut_short_are_refused() {
    let bed = Bed::empty();
    let good = fs::read(data("rows.csv.gz")).unwrap();
    fs::write(bed.path("x.csv.gz"), &good[..good.len() - 9]).unwrap();
    let told = format!("{}: the gzip data end too early, at byte ", bed.path("x.csv.gz").display());
    assert_refused(&bed, "x.csv.gz", "", &[&told]);
    fs::write(bed.path("x.csv.gz"), b"label,a\n1,2\n").unwrap();
    assert_refused(&bed, "x.csv.gz", "", &["x.csv.gz: the gzip data are damaged before byte "]);
}

#[test]
fn any_damage_is_loaded_or_refused() {
    let bed = Bed::empty();
    let mut ended = [0, 0];
    for seed in 0..24u64 {
        let name = ["snappy.parquet", "sparse.parquet", "rows.csv.gz", "rows.csv"][seed as usize % 4];
        let mut rng = lapwing::rng::Rng::new(&[seed]);
        let mut bytes = fs::read(data(name)).unwrap();
        for _ in 0..=rng.below(2) {
            let at = rng.below(bytes.len() as u64) as usize;
            bytes[at] = rng.next_u64() as u8;
        }
        fs::write(bed.path(name), &bytes).unwrap();
        let outcome =
            bed.run(&format!("--input {name} --splits 3 --passes 1 --master local[2] --output model"));
        match outcome.code {
            Some(0) => {
                ended[0] += 1;
                fs::remove_dir_all(bed.path("model")).unwrap();
            }
            _ => {
                ended[1] += 1;
                outcome.assert_failed(3, &[name]);
            }
        }
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
        fs::remove_file(bed.path(name)).unwrap();
        assert_eq!(bed.names(), ["tmp"]);
    }
    bed.assert_clean();
    assert!(ended[0] > 0 && ended[1] > 0, "both must occur: {ended:?}");
}
