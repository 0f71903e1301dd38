//! What every example is put to in its tests: it is run as a user runs it, in a folder of its own, and what it leaves is
//! compared. Everything here panics when it finds something wrong, as tests do.

pub mod bench;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Faults that a job of several passes must survive without a bit changing.
pub const FAULTS: &[&str] = &["kill:w1@pass2", "kill:w0@load,kill:w2@step1"];

/// `check.py` ends with this code when Python lacks a package.
const MISSING: i32 = 77;

/// An example's program, and a folder to run it in.
#[derive(Debug)]
pub struct Trial {
    program: &'static str,
    folder: TempDir,
}

impl Trial {
    /// For the program at this path: `env!("CARGO_BIN_EXE_name")`.
    pub fn new(program: &'static str) -> Self {
        let folder = tempfile::Builder::new().prefix("trial-").tempdir().expect("a temporary folder");
        Self { program, folder }
    }

    /// A file or directory in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a job; `@name` in the flags stands for a bundled data set.
    pub fn start(&self, flags: &str) -> Output {
        let mut command = Command::new(self.program);
        command.args(flags.split_whitespace().map(argument)).args(["--progress", "never"]);
        command.current_dir(self.folder.path()).env("RUST_BACKTRACE", "0");
        command.output().expect("the program starts")
    }

    /// The summary of a job that must go well.
    pub fn run(&self, flags: &str) -> Value {
        let output = self.start(flags);
        assert!(output.status.success(), "{flags}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("stdout is one JSON object")
    }

    /// A job that must end with this exit code, these words on stderr and nothing on stdout.
    pub fn fails(&self, flags: &str, code: i32, words: &[&str]) {
        let output = self.start(flags);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{flags}: {stderr}");
        assert!(output.stdout.is_empty(), "{flags}");
        for word in words {
            assert!(stderr.contains(word), "no {word:?} in: {stderr}");
        }
    }

    /// One, two and three workers, and three with each of these faults (see [`FAULTS`]), give the same model files, and the same objective and
    /// state in every pass; and `--self-check` finds nothing. The flags name input, splits (at least three) and seed.
    pub fn assert_same_bits(&self, flags: &str, faults: &[&str]) {
        let one = self.result(&format!("{flags} --master local[1]"));
        for workers in [2, 3] {
            let other = self.result(&format!("{flags} --master local[{workers}]"));
            assert!(other == one, "{workers} workers, other bits: {:?} {:?}", one.passes, other.passes);
        }
        for fault in faults {
            let other = self.result(&format!("{flags} --master local[3] --on-loss restart --fault {fault}"));
            assert!(other.losses > 0, "{fault}: nobody was lost");
            assert!(other == one, "{fault}, other bits: {:?} {:?}", one.passes, other.passes);
        }
        let checked = self.start(&format!("{flags} --self-check"));
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }

    /// Runs `examples/check.py` for this example, which compares with scikit-learn or networkx. Says so in one line if Python
    /// or a package is not there; `LAPWING_PYTHON` names another Python than `python3`.
    #[expect(clippy::print_stderr, reason = "a test that cannot run must say so")]
    pub fn check_in_python(&self, name: &str) {
        let python = std::env::var("LAPWING_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../check.py");
        match Command::new(&python).arg(script).args([name, self.program]).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) if output.status.code() == Some(MISSING) => {
                eprintln!("not compared: {}", String::from_utf8_lossy(&output.stderr).trim_end());
            }
            Ok(output) => {
                let [stdout, stderr] =
                    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
                panic!("check.py {name} found a difference:\n{stdout}{stderr}");
            }
            Err(error) => eprintln!("not compared: {python} does not start ({error}): see LAPWING_PYTHON"),
        }
    }

    fn result(&self, flags: &str) -> Outcome {
        self.run(&format!("{flags} --output model --overwrite --report report"));
        let read = |name: &str| std::fs::read(self.path(name)).expect("the job wrote it");
        let report = String::from_utf8(read("report")).expect("a report is text");
        let lines: Vec<Value> =
            report.lines().map(|line| serde_json::from_str(line).expect("a report line")).collect();
        let passes =
            lines.iter().map(|line| format!("{} {}", line["objective"], line["state_digest"])).collect();
        let losses = lines.iter().map(|line| line["events"].to_string().matches("was killed").count()).sum();
        Outcome { files: [read("model/model.npz"), read("model/model.json")], passes, losses }
    }
}

/// What a job left.
struct Outcome {
    files: [Vec<u8>; 2],
    /// Objective and digest of the state of each.
    passes: Vec<String>,
    losses: usize,
}

impl PartialEq for Outcome {
    fn eq(&self, other: &Self) -> bool {
        self.files == other.files && self.passes == other.passes
    }
}

fn argument(word: &str) -> String {
    let data = |name| format!("{}/../data/{name}", env!("CARGO_MANIFEST_DIR"));
    word.strip_prefix('@').map_or_else(|| word.to_owned(), data)
}
