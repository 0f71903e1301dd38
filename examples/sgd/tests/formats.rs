//! The same rows as LibSVM, CSV and Parquet give the same model to the bit, be the files of this repository or fresh from pyarrow.

#![expect(clippy::print_stdout, reason = "a part that is left out says why")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../container/tests/data")
}

/// The model that `sgd` makes of an input.
fn model(input: &Path, flags: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sgd"));
    command.arg("--input").arg(input).args(["--passes", "5", "--master", "local[2]"]);
    command.args(["--output", "model", "--progress", "never"]).args(flags.split_whitespace());
    let output = command.current_dir(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}: {}", input.display(), String::from_utf8_lossy(&output.stderr));
    fs::read(directory.path().join("model/model.npz")).unwrap()
}

fn assert_same_model(folder: &Path, names: &[&str]) {
    for loss in ["logistic --rate 0.001", "squared --rate 1e-9", "hinge --rate 0.01"] {
        let flags = format!("--loss {loss} --splits 1");
        let text = model(&folder.join("rows.libsvm"), &flags);
        for name in names {
            assert!(model(&folder.join(name), &flags) == text, "{loss}: {name} gives another model");
        }
    }
}

const PYARROW: [&str; 9] = [
    "rows.csv",
    "rows.csv.gz",
    "plain.parquet",
    "snappy.parquet",
    "hollow.parquet",
    "zstd.parquet",
    "lists.parquet",
    "sparse.parquet",
    "hive",
];

#[test]
fn one_split_of_any_format_gives_the_same_bits() {
    assert_same_model(&data(), &PYARROW);
    assert_same_model(&data(), &["spark", "spark-csv", "spark-vectors"]);
}

/// What a model is told of other files: the numbers of the summary, or how the job failed.
fn predict(folder: &Path, input: &str, flags: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sgd"));
    command.args(["--input", input, "--predict", "model", "--master", "local[1]", "--progress", "never"]);
    let output = command.args(flags.split_whitespace()).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_model_finds_its_columns_by_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<[f64; 3]> = (0..60).map(|i| [f64::from(i % 7) - 3.0, f64::from(i % 5), 1.0]).collect();
    let label = |row: &[f64; 3]| u8::from(row[0] + 0.5 * row[1] > 1.0);
    let write = |name: &str, header: &str, line: &dyn Fn(&[f64; 3]) -> String| {
        let lines: Vec<String> = rows.iter().map(line).collect();
        fs::write(folder.path().join(name), format!("{header}\n{}\n", lines.join("\n"))).unwrap();
    };
    write("table.csv", "a,b,c,label", &|row| format!("{},{},{},{}", row[0], row[1], row[2], label(row)));
    write("other.csv", "label,c,x,b,a", &|row| format!("{},{},9,{},{}", label(row), row[2], row[1], row[0]));
    write("fewer.csv", "a,label", &|row| format!("{},{}", row[0], label(row)));
    write("unlabelled.csv", "b,a,c", &|row| format!("{},{},{}", row[1], row[0], row[2]));
    let train = "--input table.csv --label label --passes 20 --output model --progress never";
    let mut command = Command::new(env!("CARGO_BIN_EXE_sgd"));
    command.args(train.split_whitespace()).current_dir(folder.path());
    assert!(command.output().unwrap().status.success());
    let scores = |input: &str, flags: &str| -> [Option<f64>; 3] {
        let text = predict(folder.path(), input, flags);
        let summary: serde_json::Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        ["loss", "accuracy", "auc"].map(|name| summary[name].as_f64())
    };
    let own = scores("table.csv", "");
    assert!(own[1] > Some(0.9), "{own:?}");
    assert_eq!(scores("other.csv", ""), own, "in another order, beside others");
    assert_eq!(scores("unlabelled.csv", ""), [None; 3], "without labels nothing is judged");
    assert_eq!(scores("unlabelled.csv", "--label none"), [None; 3]);
    let refused = predict(folder.path(), "fewer.csv", "");
    assert!(refused.contains("expected a feature column \"b\""), "{refused}");
}

/// Each file of 30 rows is a split, in any format.
#[test]
fn splits_of_the_same_rows_give_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let cut = |name: &str, header: usize| {
        let text = fs::read_to_string(data().join(name)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        fs::create_dir(folder.path().join(name)).unwrap();
        for (part, rows) in lines[header..].chunks(30).enumerate() {
            let part =
                folder.path().join(name).join(format!("part-{part}.{}", name.rsplit('.').next().unwrap()));
            fs::write(part, [&lines[..header], rows].concat().join("\n")).unwrap();
        }
    };
    cut("rows.libsvm", 0);
    cut("rows.csv", 1);
    let text = model(&folder.path().join("rows.libsvm"), "--split-size 800");
    assert!(model(&folder.path().join("rows.csv"), "--split-size 800") == text);
    assert!(
        model(&folder.path().join("rows.libsvm"), "--splits 1") != text,
        "two splits are another experiment"
    );
}

#[test]
fn files_fresh_from_pyarrow_give_the_same_bits() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let has_pyarrow = Command::new(&python).args(["-c", "import pyarrow"]).output();
    if !has_pyarrow.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no pyarrow (pip install pyarrow; PYTHON names another interpreter)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let made =
        Command::new(python).arg(data().join("make.py")).arg("pyarrow").arg(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_same_model(folder.path(), &PYARROW);
}
