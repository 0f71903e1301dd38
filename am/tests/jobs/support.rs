//! A folder with a small input, jobs that run in it, and what they leave.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// No job of these tests takes so long, however busy the machine: one that does hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of its own, with an input and room for the staging directories of its jobs.
pub(crate) struct Bed {
    folder: TempDir,
}

/// How a job ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The exit code; none if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// A job under way; killed when it goes out of scope.
pub(crate) struct Running {
    child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
    since: Instant,
}

impl Bed {
    /// With two files of 300 and 200 rows in `table/`.
    pub(crate) fn new() -> Self {
        let bed = Self::empty();
        bed.put("table/a.libsvm", &table(300, 7));
        bed.put("table/b.libsvm", &table(200, 8));
        bed
    }

    pub(crate) fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("bed-").tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// The testbed with these arguments, in this folder.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(testbed());
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        command.env("TMPDIR", self.path("tmp")).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
        command
    }

    pub(crate) fn start(&self, mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().map(|pipe| std::thread::spawn(|| all_of(pipe)));
        let stderr = child.stderr.take().map(|pipe| std::thread::spawn(|| all_of(pipe)));
        Running { child, stdout, stderr, since: Instant::now() }
    }

    /// Runs a job to its end.
    pub(crate) fn run(&self, arguments: &str) -> Outcome {
        self.start(self.command(arguments)).end()
    }

    /// The staging directory of the one job that runs here, once its master listens.
    pub(crate) fn staging(&self) -> PathBuf {
        wait("the master listens", || {
            self.leftovers().into_iter().find(|path| path.join("master.json").exists())
        })
    }

    /// What jobs have left in the folder for temporary files.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path("tmp")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// All names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs::read_dir(self.folder.path()).unwrap().map(name).collect();
        names.sort();
        names
    }

    /// Masters and workers of jobs of this folder that are alive: role and process.
    pub(crate) fn processes(&self) -> Vec<(String, Pid)> {
        let tmp = format!("LAPWING_STAGING={}/", self.path("tmp").display());
        let process = |entry: fs::DirEntry| {
            let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let variables: Vec<_> =
                environment.split(|&byte| byte == 0).map(String::from_utf8_lossy).collect();
            variables.iter().find(|variable| variable.starts_with(&tmp))?;
            let role = variables.iter().find_map(|variable| variable.strip_prefix("LAPWING_ROLE="))?;
            Some((role.to_owned(), pid))
        };
        fs::read_dir("/proc").unwrap().filter_map(|entry| process(entry.ok()?)).collect()
    }

    /// The process in this role (`master:1`, `worker:2:0`), once it is there.
    pub(crate) fn process(&self, role: &str) -> Pid {
        let find = || self.processes().into_iter().find(|(of, _)| of.starts_with(role)).map(|(_, pid)| pid);
        wait(role, find)
    }

    /// Within two seconds no process of the job is left, nor anything staged or half written.
    pub(crate) fn assert_clean(&self) {
        let deadline = Instant::now() + Duration::from_secs(2);
        while !(self.processes().is_empty() && self.leftovers().is_empty()) {
            let (processes, leftovers) = (self.processes(), self.leftovers());
            assert!(Instant::now() < deadline, "still there: {processes:?} {leftovers:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(self.names().iter().all(|name| !name.ends_with(".part")), "{:?}", self.names());
    }

    /// The two files of the promise of equal bits.
    pub(crate) fn model(&self, output: &str) -> [Vec<u8>; 2] {
        ["model.npz", "model.json"].map(|file| fs::read(self.path(output).join(file)).unwrap())
    }

    /// The report's lines.
    pub(crate) fn report(&self, file: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(file)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end; a job that does not end is a failed test.
    pub(crate) fn end(mut self) -> Outcome {
        let status = wait("the job ends", || self.child.try_wait().unwrap());
        let took = self.since.elapsed();
        let text = |thread: &mut Option<JoinHandle<String>>| thread.take().unwrap().join().unwrap();
        let (stdout, stderr) = (text(&mut self.stdout), text(&mut self.stderr));
        Outcome { code: status.code(), stdout, stderr, took }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Outcome {
    /// The summary of a job that went well: all of stdout.
    pub(crate) fn summary(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("stdout is one JSON object")
    }

    /// This exit code, these words on stderr, nothing on stdout.
    pub(crate) fn assert_failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in: {}", self.stderr);
        }
    }
}

/// What must not differ between two runs: everything but times, workers, events (and what counts them) and where the output went.
pub(crate) fn essence(mut report: Value) -> Value {
    let free = |key: &str| {
        key == "seconds"
            || key.ends_with("_seconds")
            || ["workers", "events", "output", "attempts", "reread_bytes"].contains(&key)
    };
    report.as_object_mut().expect("a report is an object").retain(|key, _| !free(key));
    report
}

pub(crate) fn kill(process: Pid) {
    // It may have ended on its own meanwhile.
    let _ = kill_process(process, Signal::KILL);
}

/// Waits until there is something.
pub(crate) fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s until {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Rows of up to 12 numbers in 40 columns, of several magnitudes: sums of them depend on the order.
fn table(rows: u64, seed: u64) -> String {
    let mut rng = lapwing::rng::Rng::new(&[seed]);
    let mut text = String::new();
    for _ in 0..rows {
        text += if rng.below(2) == 0 { "-1" } else { "+1" };
        for column in 1..=40 {
            if rng.below(4) == 0 {
                text += &format!(" {column}:{}", (rng.uniform_f32() - 0.5) * [0.01, 1.0, 7.3][column % 3]);
            }
        }
        text += "\n";
    }
    text
}

fn all_of(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn testbed() -> PathBuf {
    // This test is target/PROFILE/deps/jobs-HASH; examples are built beside `deps`.
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let testbed = profile.join("examples/testbed");
    assert!(testbed.exists(), "first: cargo build --example testbed (`cargo test` without --test does it)");
    testbed
}
