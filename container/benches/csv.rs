//! Loading CSV beside the csv crate's own records and Rust's own number parser, on one core.
//!
//! Both read the same file (100 columns, about 150 MB, made here, in the page cache) into the same row-major matrix. They take
//! turns, and the medians are compared.
//!
//! `cargo bench -p lapwing-container --bench csv [-- MEGABYTES ROUNDS]`
#![allow(missing_docs, clippy::print_stdout)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Instant, UNIX_EPOCH};

use lapwing_container::load::{DenseRows, Format, Load, LoadOptions};
use lapwing_container::rng::Rng;
use lapwing_container::split::{Range, Split};

const COLUMNS: usize = 100;

fn main() {
    // Cargo passes `--bench`.
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let megabytes = numbers.first().copied().unwrap_or(150);
    let rounds = numbers.get(1).copied().unwrap_or(9);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("bench.csv");
    for (name, quoted) in [("six decimals", false), ("six decimals, labels in quotes", true)] {
        write(&path, megabytes << 20, quoted);
        compare(name, &path, rounds);
    }
}

fn compare(name: &str, path: &Path, rounds: usize) {
    let (split, options) = (whole(path), LoadOptions::new(Format::Csv));
    let (rows, shape) = DenseRows::load(&split, &options).expect("a good file");
    let (labels, values) = records(path);
    assert!(rows.labels() == labels && rows.values() == values, "both loaders agree in every number");
    drop((rows, labels, values));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(seconds(|| DenseRows::load(&split, &options).expect("a good file")));
        theirs.push(seconds(|| records(path)));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let megabytes = shape.bytes_read as f64 / 1e6;
    println!(
        "{name}: {megabytes:.0} MB, {} rows of {COLUMNS}: lapwing {:.0} MB/s, csv crate and std parse {:.0} MB/s, ratio {:.2}",
        shape.rows,
        megabytes / ours,
        megabytes / theirs,
        theirs / ours
    );
}

/// The loop that the csv crate's tutorial teaches for speed: one record, used again and again.
fn records(path: &Path) -> (Vec<f32>, Vec<f32>) {
    let (mut labels, mut values) = (Vec::new(), Vec::new());
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(256 << 10).from_path(path).expect("the file");
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).expect("a record") {
        let mut numbers = record.iter().map(|field| {
            let text = std::str::from_utf8(field).expect("ASCII");
            text.parse::<f32>().expect("a number")
        });
        labels.extend(numbers.next());
        values.extend(numbers);
    }
    (labels, values)
}

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    let result = black_box(work());
    let seconds = start.elapsed().as_secs_f64();
    drop(result);
    seconds
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn whole(path: &Path) -> Split {
    let metadata = fs::metadata(path).expect("the file");
    let modified = metadata.modified().expect("a time").duration_since(UNIX_EPOCH).expect("after 1970");
    let range = Range {
        path: path.display().to_string(),
        offset: 0,
        length: metadata.len(),
        file_length: metadata.len(),
        modified_ms: modified.as_millis() as u64,
        hosts: Vec::new(),
    };
    Split { number: 0, ranges: vec![range] }
}

fn write(path: &Path, bytes: usize, quoted: bool) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let names: Vec<String> = (0..COLUMNS).map(|column| format!("f{column}")).collect();
    writeln!(file, "label,{}", names.join(",")).expect("room on the disk");
    let mut rng = Rng::new(&[1]);
    let (mut written, mut line) = (0, String::new());
    while written < bytes {
        line.clear();
        let label = rng.below(2);
        if quoted { write!(line, "\"{label}\"") } else { write!(line, "{label}") }.expect("memory");
        for _ in 0..COLUMNS {
            write!(line, ",{:.6}", rng.normal()).expect("memory");
        }
        line.push('\n');
        file.write_all(line.as_bytes()).expect("room on the disk");
        written += line.len();
    }
    file.flush().expect("room on the disk");
}
