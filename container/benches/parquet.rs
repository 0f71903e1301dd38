//! Loading Parquet beside pyarrow reading the same file into a numpy matrix, each on one core.
//!
//! The files (400,000 rows of 100 f32, made here by pyarrow, in the page cache) differ in dictionaries and codecs. Both sides end
//! with a row-major matrix of f32; for each file pyarrow takes the quickest of three ways there. They take turns, and the medians
//! are compared. Needs python3 with pyarrow and numpy; PYTHON names another interpreter.
//!
//! `cargo bench -p lapwing-container --bench parquet [-- ROWS ROUNDS]`
#![allow(missing_docs, clippy::print_stdout)]

use std::fs;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Instant, UNIX_EPOCH};

use lapwing_container::load::{DenseRows, Format, Load, LoadOptions};
use lapwing_container::split::{Range, Split};

/// Writes the files, then reads the one that a line names and says how long that took, and the sum of a column.
const RIVAL: &str = r#"
import sys, time
import numpy as np, pyarrow as pa, pyarrow.parquet as pq

folder, rows = sys.argv[1], int(sys.argv[2])
pa.set_cpu_count(1)
random = np.random.default_rng(1)
for kind in ("dictionary", "plain"):
    # As features are: few different numbers where a dictionary pays, any where it does not.
    draw = lambda: random.integers(0, 1000, rows) / 8 if kind == "dictionary" else random.random(rows)
    columns = {f"f{i}": pa.array(draw().astype("f4")) for i in range(100)}
    for codec in ("snappy", "zstd"):
        pq.write_table(pa.table(columns), f"{folder}/{kind}-{codec}.parquet", compression=codec,
                       use_dictionary=kind == "dictionary", row_group_size=rows // 4)

def by_column(table):
    out = np.empty((table.num_rows, table.num_columns), "f4")
    for i, column in enumerate(table.columns):
        out[:, i] = column.to_numpy()
    return out

def stacked(table):
    return np.ascontiguousarray(np.stack([column.to_numpy() for column in table.columns], axis=1))

def tensor(table):
    return table.combine_chunks().to_batches()[0].to_tensor(row_major=True).to_numpy()

best = {}
def timed(way, path):
    start = time.perf_counter()
    matrix = way(pq.read_table(path, use_threads=False))
    return time.perf_counter() - start, matrix

print("ready", flush=True)
for line in sys.stdin:
    path = line.strip()
    if path not in best:
        best[path] = min((by_column, stacked, tensor), key=lambda way: min(timed(way, path)[0] for _ in range(2)))
    seconds, matrix = timed(best[path], path)
    assert matrix.flags.c_contiguous and matrix.dtype == np.float32
    print(seconds, float(matrix[:, 3].astype("f8").sum()), flush=True)
"#;

fn main() {
    // Cargo passes `--bench`.
    let numbers: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let rows = numbers.first().copied().unwrap_or(400_000);
    let rounds = numbers.get(1).copied().unwrap_or(7);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(mut rival) = Rival::start(directory.path(), rows) else {
        println!(
            "needs python3 with pyarrow and numpy (pip install pyarrow numpy; PYTHON names another interpreter)"
        );
        return;
    };
    for name in ["dictionary-snappy", "dictionary-zstd", "plain-snappy", "plain-zstd"] {
        compare(name, &directory.path().join(format!("{name}.parquet")), &mut rival, rounds);
    }
}

fn compare(name: &str, path: &Path, rival: &mut Rival, rounds: usize) {
    let split = whole(path);
    let options = LoadOptions { label: Some("none".into()), ..LoadOptions::new(Format::Parquet) };
    let (rows, shape) = DenseRows::load(&split, &options).expect("a good file");
    let sum: f64 = rows.iter().map(|(_, row)| f64::from(row[3])).sum();
    let (_, theirs) = rival.read(path);
    assert!((sum - theirs).abs() <= 1e-9 * sum.abs(), "both read the same: {sum} and {theirs}");
    drop(rows);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        let loaded = black_box(DenseRows::load(&split, &options).expect("a good file"));
        ours.push(start.elapsed().as_secs_f64());
        drop(loaded);
        theirs.push(rival.read(path).0);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "{name}: {} rows of {}, {:.0} MB: lapwing {:.2} M rows/s, pyarrow {:.2} M rows/s, ratio {:.2}",
        shape.rows,
        shape.columns,
        shape.bytes_read as f64 / 1e6,
        shape.rows as f64 / ours / 1e6,
        shape.rows as f64 / theirs / 1e6,
        theirs / ours
    );
}

/// A Python process that reads files on demand.
struct Rival {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Rival {
    /// None if Python lacks what it takes.
    fn start(folder: &Path, rows: usize) -> Option<Self> {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
        let mut command = Command::new(python);
        command.arg("-c").arg(RIVAL).arg(folder).arg(rows.to_string()).env("OMP_NUM_THREADS", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().ok()?;
        let (asks, answers) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        let mut rival = Rival { child, asks, answers };
        (rival.line() == "ready").then_some(rival)
    }

    /// Seconds, and the sum of the fourth column.
    fn read(&mut self, path: &Path) -> (f64, f64) {
        writeln!(self.asks, "{}", path.display()).expect("python listens");
        let line = self.line();
        let mut numbers = line.split(' ').map(|number| number.parse().expect("two numbers"));
        (numbers.next().expect("seconds"), numbers.next().expect("a sum"))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("python answers");
        line.trim().to_owned()
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
