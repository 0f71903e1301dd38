//! Loading LibSVM text beside a plain loop with the standard library's number parser, on one core.
//!
//! Both read the same file (about 170 MB, made here, in the page cache), in pieces through one buffer, into
//! vectors of the same kind that grow from nothing each time; giving that memory back is not timed. They take
//! turns, and the medians are compared. Then both do it again with huge pages, which glibc gives to a process
//! that is started with the right tunable, as Lapwing's workers are: touching fresh small pages is a good part of
//! either's time. The figures with small pages are the ones to quote, as any process gets them.
//!
//! `cargo bench -p lapwing-container --bench load [-- MEGABYTES ROUNDS]`
#![allow(missing_docs, clippy::print_stdout)]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Instant, UNIX_EPOCH};

use lapwing_container::load::{Format, Load, LoadOptions, SparseRows};
use lapwing_container::rng::Rng;
use lapwing_container::split::{Range, Split};

fn main() {
    // Cargo passes `--bench`.
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let megabytes = numbers.first().copied().unwrap_or(170);
    let rounds = numbers.get(1).copied().unwrap_or(11);
    let huge = std::env::var(TUNABLES).is_ok_and(|tunables| tunables.contains(HUGE_PAGES));
    println!("{}", if huge { "huge pages" } else { "small pages" });
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, kind) in [
        ("six decimals", Values::SixDecimals),
        ("any f32", Values::Shortest),
        ("any f64", Values::Long),
        ("ones", Values::Ones),
    ] {
        let path = directory.path().join("bench.libsvm");
        write(&path, megabytes << 20, kind);
        compare(name, &path, rounds);
    }
    if !huge {
        let again = Command::new(std::env::current_exe().expect("this program"))
            .args(std::env::args().skip(1))
            .env(TUNABLES, HUGE_PAGES)
            .status();
        assert!(again.is_ok_and(|status| status.success()));
    }
}

const TUNABLES: &str = "GLIBC_TUNABLES";
const HUGE_PAGES: &str = "glibc.malloc.hugetlb=1";

/// How the numbers of the generated rows look.
#[derive(Clone, Copy)]
enum Values {
    /// 0.012345, as most feature files are written.
    SixDecimals,
    /// 0.012345678 or -3.1e-5: the shortest text of a random f32 of either sign.
    Shortest,
    /// 0.016345678901234567: the same of a random f64, which is then read as an f32.
    Long,
    /// 1: sets of features.
    Ones,
}

fn compare(name: &str, path: &Path, rounds: usize) {
    let split = whole(path);
    let options = LoadOptions::new(Format::Libsvm);
    let (rows, shape) = SparseRows::load(&split, &options).expect("a good file");
    let plain = plain(path);
    assert!(same(&rows, &plain), "both loaders agree in every bit");
    drop((rows, plain));
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(seconds(|| SparseRows::load(&split, &options).expect("a good file")));
        theirs.push(seconds(|| self::plain(path)));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let megabytes = shape.bytes_read as f64 / 1e6;
    println!(
        "{name}: {megabytes:.0} MB, {} rows, {} numbers: lapwing {:.0} MB/s, plain loop {:.0} MB/s, ratio {:.2}",
        shape.rows,
        shape.stored,
        megabytes / ours,
        megabytes / theirs,
        theirs / ours
    );
}

struct Plain {
    labels: Vec<f32>,
    offsets: Vec<u64>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

/// The loop one would write by hand.
fn plain(path: &Path) -> Plain {
    let mut rows = Plain { labels: Vec::new(), offsets: vec![0], columns: Vec::new(), values: Vec::new() };
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path).expect("the file"));
    let mut line = String::new();
    while reader.read_line(&mut line).expect("text") > 0 {
        let mut tokens = line.split_ascii_whitespace();
        if let Some(label) = tokens.next() {
            rows.labels.push(label.parse().expect("a label"));
            for token in tokens {
                let (column, value) = token.split_once(':').expect("column:value");
                rows.columns.push(column.parse::<u32>().expect("a column") - 1);
                rows.values.push(value.parse().expect("a number"));
            }
            rows.offsets.push(rows.columns.len() as u64);
        }
        line.clear();
    }
    rows
}

fn same(rows: &SparseRows, plain: &Plain) -> bool {
    rows.rows() == plain.labels.len()
        && rows.iter().enumerate().all(|(i, (label, columns, values))| {
            let numbers = plain.offsets[i] as usize..plain.offsets[i + 1] as usize;
            label.to_bits() == plain.labels[i].to_bits()
                && columns == &plain.columns[numbers.clone()]
                && values.iter().zip(&plain.values[numbers]).all(|(a, b)| a.to_bits() == b.to_bits())
        })
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

/// Rows of about 75 numbers in 47,236 columns, the low columns more often than the high ones.
fn write(path: &Path, bytes: usize, kind: Values) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let mut rng = Rng::new(&[1, kind as u64]);
    let (mut written, mut line) = (0, String::new());
    while written < bytes {
        line.clear();
        line.push_str(if rng.below(2) == 0 { "-1" } else { "+1" });
        let mut column = 0;
        // Steps that grow with the column make low columns frequent.
        loop {
            column += 1 + rng.below(6 + column / 12);
            if column > 47_236 {
                break;
            }
            let value = rng.uniform_f32() * 0.2;
            match kind {
                Values::SixDecimals => write!(line, " {column}:{value:.6}"),
                Values::Shortest => {
                    write!(line, " {column}:{}", if rng.below(2) == 0 { value } else { -value })
                }
                Values::Long => write!(line, " {column}:{}", f64::from(value) * 0.987_654_321),
                Values::Ones => write!(line, " {column}:1"),
            }
            .expect("memory");
        }
        line.push('\n');
        file.write_all(line.as_bytes()).expect("room on the disk");
        written += line.len();
    }
    file.flush().expect("room on the disk");
}
