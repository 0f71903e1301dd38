//! What a pass costs beyond its work: 4 workers that do nothing, beside 4 processes that at the same time receive as many bytes
//! from one process over plain loopback TCP and return them. (Ours speak over Unix sockets, as they do on one machine.)
//!
//! The two sides alternate: the master's `step` plays one round with the bare processes, so that both see the same machine.
//! Run with `cargo bench -p lapwing --bench sync`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Instant;

use lapwing::load::SparseRows;
use lapwing::{Algorithm, At, Pass, Result, Step, Summary};

const WORKERS: usize = 4;
const ROUNDS: usize = 60;

/// A pass that returns the state it got.
#[derive(clap::Args)]
struct Nothing {
    /// Length of the state
    #[arg(long)]
    floats: usize,
    /// Where to write how long the bare rounds took
    #[arg(long)]
    times: PathBuf,
    #[arg(skip)]
    bare: Mutex<Vec<TcpStream>>,
}

impl Algorithm for Nothing {
    type Data = SparseRows;
    type Local = ();
    type State = Vec<f32>;
    type Update = Vec<f32>;
    type Memory = Vec<f64>;

    fn init(&self, _: &Summary) -> Result<Vec<f32>> {
        Ok(vec![1.0; self.floats])
    }

    fn pass(&self, _: &SparseRows, (): &mut (), state: &Vec<f32>, _: &At) -> Result<Vec<f32>> {
        Ok(state.clone())
    }

    fn merge(&self, into: &mut Vec<f32>, other: Vec<f32>) {
        into.iter_mut().zip(&other).for_each(|(sum, value)| *sum += value);
    }

    fn step(
        &self,
        _: Vec<f32>,
        update: Vec<f32>,
        times: &mut Vec<f64>,
        pass: &Pass,
    ) -> Result<Step<Vec<f32>>> {
        let mut bare = self.bare.lock().expect("one thread steps");
        if bare.is_empty() {
            *bare = children()?;
        }
        let start = Instant::now();
        let bytes = vec![1u8; self.floats * 4];
        let allocated = start.elapsed();
        std::thread::scope(|scope| {
            for stream in bare.iter_mut() {
                scope.spawn(|| exchange(stream, &bytes));
            }
        });
        // What the bare side needs no new memory for is not counted; all of `step` is taken off the pass.
        times.push((start.elapsed() - allocated).as_secs_f64());
        times.push(start.elapsed().as_secs_f64());
        if pass.number as usize == ROUNDS {
            let lines: Vec<String> = times.iter().map(f64::to_string).collect();
            std::fs::write(&self.times, lines.join("\n"))?;
        }
        Ok(Step { state: update, objective: f64::NAN, done: false })
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("echo") => echo(&arguments[2]),
        Some("--input") => return lapwing::main_from::<Nothing>(arguments),
        _ => [1, 47_236, 1_048_576].into_iter().for_each(measure),
    }
    ExitCode::SUCCESS
}

/// One job of this very program, and the table row that comes of it.
fn measure(floats: usize) {
    let folder = std::env::temp_dir().join(format!("lapwing-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let [input, times, report] = ["input.libsvm", "times", "report"].map(|name| folder.join(name));
    std::fs::write(&input, "1 1:1\n".repeat(WORKERS)).expect("a small input");
    let text = |path: &Path| path.display().to_string();
    let status = Command::new(std::env::current_exe().expect("this program"))
        .args(["--input", &text(&input), "--times", &text(&times), "--report", &text(&report)])
        .args(["--master", "local[4]", "--splits", "4", "--progress", "never"])
        .args(["--floats", &floats.to_string(), "--passes", &ROUNDS.to_string()])
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.expect("the job starts").success(), "the job failed");
    let times: Vec<f64> = lines(&times).iter().map(|line| line.parse().expect("a number")).collect();
    let passes = lines(&report).into_iter().map(|line| {
        let pass: serde_json::Value = serde_json::from_str(&line).expect("a report line");
        pass["seconds"].as_f64().expect("seconds")
    });
    // The first rounds warm up sockets and memory on both sides.
    let warm = ROUNDS / 4;
    let ours: Vec<f64> =
        passes.zip(times.chunks(2)).map(|(pass, times)| pass - times[1]).skip(warm).collect();
    let bare: Vec<f64> = times.chunks(2).map(|times| times[0]).skip(warm).collect();
    let (ours, bare) = (median(ours), median(bare));
    println!(
        "{floats:>9} floats, 4 workers: pass {:.3} ms, bare TCP {:.3} ms, ratio {:.2}",
        ours * 1e3,
        bare * 1e3,
        ours / bare
    );
    let _ = std::fs::remove_dir_all(folder);
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).expect("the job wrote it").lines().map(str::to_owned).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Starts the bare processes and connects them.
fn children() -> std::io::Result<Vec<TcpStream>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let connect = |_| {
        Command::new(std::env::current_exe()?).args(["echo", &address]).spawn()?;
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    (0..WORKERS).map(connect).collect()
}

fn exchange(stream: &mut TcpStream, bytes: &[u8]) {
    let mut back = vec![0; bytes.len()];
    stream.write_all(&(bytes.len() as u64).to_le_bytes()).expect("a child that listens");
    stream.write_all(bytes).expect("a child that listens");
    stream.read_exact(&mut back).expect("a child that answers");
}

/// A bare process: receives all, returns all, until the other side closes.
fn echo(address: &str) {
    let mut stream = TcpStream::connect(address).expect("the benchmark listens");
    stream.set_nodelay(true).expect("a socket option");
    let (mut length, mut bytes) = ([0; 8], Vec::new());
    while stream.read_exact(&mut length).is_ok() {
        bytes.resize(u64::from_le_bytes(length) as usize, 0);
        stream.read_exact(&mut bytes).expect("as many bytes as announced");
        stream.write_all(&bytes).expect("a listener");
    }
}
