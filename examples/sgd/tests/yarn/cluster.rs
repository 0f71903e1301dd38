//! The program under test, what it leaves on the cluster, and inputs of any size.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use lapwing_lab::{Lab, Options, Site};
use serde_json::Value;

/// Who submits: nobody in particular.
pub(crate) const USER: &str = "alice";

/// Bytes of a block in the shared lab.
pub(crate) const BLOCK: u64 = 1 << 20;

/// Flags by which a job on YARN leaves room for those of other tests.
pub(crate) const SMALL: [&str; 6] =
    ["--master", "yarn", "--master-memory", "256m", "--worker-memory", "256m"];

/// Held to read by every test of the shared lab, and to write by one that has to be alone: DataNodes count all readers.
static QUIET: RwLock<()> = RwLock::new(());

/// The shared lab: three nodes, one copy of each block.
pub(crate) fn shared() -> Option<(&'static Lab, RwLockReadGuard<'static, ()>)> {
    Some((lab()?, QUIET.read().unwrap_or_else(|poisoned| poisoned.into_inner())))
}

/// The shared lab, with no other test on it.
pub(crate) fn alone() -> Option<(&'static Lab, RwLockWriteGuard<'static, ()>)> {
    Some((lab()?, QUIET.write().unwrap_or_else(|poisoned| poisoned.into_inner())))
}

fn lab() -> Option<&'static Lab> {
    // Small containers, so that little is enough to outgrow one.
    let smallest = "yarn.scheduler.minimum-allocation-mb";
    let options = Options::default().quick().blocks(BLOCK, 1).property(Site::Yarn, smallest, "32");
    Lab::shared_for_test(options)
}

/// A job on its way.
pub(crate) struct Run {
    child: Child,
    folder: tempfile::TempDir,
    began: Instant,
}

/// A job that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

/// Starts the program as a user of the lab.
pub(crate) fn start<S: AsRef<str>>(lab: &Lab, words: &[S]) -> Run {
    start_with(lab.conf_dir(), words)
}

/// The same with another configuration of Hadoop.
pub(crate) fn start_with<S: AsRef<str>>(conf: &Path, words: &[S]) -> Run {
    start_program(Path::new(env!("CARGO_BIN_EXE_sgd")), conf, words)
}

/// The same with another program.
pub(crate) fn start_program<S: AsRef<str>>(program: &Path, conf: &Path, words: &[S]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let file = |name| File::create(folder.path().join(name)).unwrap();
    let child = Command::new(program)
        .args(words.iter().map(AsRef::as_ref))
        .env("HADOOP_CONF_DIR", conf)
        .env("HADOOP_USER_NAME", USER)
        .stdin(Stdio::null())
        .stdout(file("out"))
        .stderr(file("err"))
        .spawn()
        .unwrap();
    Run { child, folder, began: Instant::now() }
}

/// Runs the program to its end, which must come within two minutes.
pub(crate) fn run<S: AsRef<str>>(lab: &Lab, words: &[S]) -> Ended {
    start(lab, words).end(Duration::from_secs(120))
}

/// Runs a job that must succeed; its summary.
pub(crate) fn done<S: AsRef<str>>(lab: &Lab, words: &[S]) -> (Value, Ended) {
    let ended = run(lab, words);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    (serde_json::from_str(&ended.stdout).unwrap(), ended)
}

impl Run {
    /// What it has written to standard error.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("err")).unwrap()
    }

    /// The application that it submitted, as soon as it says so.
    pub(crate) fn application(&self) -> String {
        eventually("the application's id", || application(&self.stderr()))
    }

    /// Sends Ctrl-C.
    pub(crate) fn interrupt(&self) {
        signal(self.child.id(), rustix::process::Signal::INT);
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end, and fails if it does not come in time.
    pub(crate) fn end(mut self, limit: Duration) -> Ended {
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let stdout = fs::read_to_string(self.folder.path().join("out")).unwrap();
                let (stderr, took) = (self.stderr(), self.began.elapsed());
                return Ended { code: status.code(), stdout, stderr, took };
            }
            assert!(self.began.elapsed() < limit, "no end within {limit:?}: {}", self.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Run {
    /// A failed test leaves no job behind: the program kills its application when it is asked to end.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            signal(self.child.id(), rustix::process::Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    pub(crate) fn application(&self) -> String {
        application(&self.stderr).expect("an application was submitted")
    }
}

fn application(stderr: &str) -> Option<String> {
    let rest = stderr.split_once("submitted ")?.1;
    rest.split_once(" to the queue").map(|(id, _)| id.to_owned())
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid as i32).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Looks until there is something to see.
pub(crate) fn eventually<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{what} did not come")
}

/// The ResourceManager's report of an application.
pub(crate) fn report(lab: &Lab, id: &str) -> Value {
    json(&format!("{}/ws/v1/cluster/apps/{id}?user.name={USER}", lab.rm_web()))["app"].take()
}

/// State and final status of an application once it is over.
pub(crate) fn outcome(lab: &Lab, id: &str) -> (String, String) {
    eventually("the application's end", || {
        let report = report(lab, id);
        let word = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        let over = ["FINISHED", "FAILED", "KILLED"].contains(&word("state").as_str());
        over.then(|| (word("state"), word("finalStatus")))
    })
}

/// Waits until nothing is left of an application: no process, and no file in the staging directory.
pub(crate) fn nothing_left(lab: &Lab, id: &str) {
    eventually("the end of all containers", || processes(lab, id).is_empty().then_some(()));
    let left = names(lab, &format!("/user/{USER}/.lapwing"));
    assert!(!left.iter().any(|name| name == id), "{left:?}");
}

/// The processes of our program in an application's containers: process number and role, such as `worker:0:0:…`.
pub(crate) fn processes(lab: &Lab, id: &str) -> Vec<(u32, String)> {
    let variable = |pid: u32, name: &str| {
        let text = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let found = text.split(|&byte| byte == 0).find_map(|pair| pair.strip_prefix(name.as_bytes()))?;
        Some(String::from_utf8_lossy(found).into_owned())
    };
    let ours = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| ["sgd", "lbfgs"].contains(&name.trim()))
    };
    let of = |pid: u32| {
        let staging = variable(pid, "LAPWING_STAGING=")?;
        staging.ends_with(id).then(|| variable(pid, "LAPWING_ROLE=")).flatten().map(|role| (pid, role))
    };
    lab.processes().into_iter().filter(ours).filter_map(of).collect()
}

/// The node that a process's container runs on, from 1.
pub(crate) fn node_of(lab: &Lab, pid: u32) -> usize {
    let text = String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/environ")).unwrap()).into_owned();
    let host = text.split('\0').find_map(|pair| pair.strip_prefix("NM_HOST=")).unwrap().to_owned();
    1 + lab.nodes().iter().position(|node| node.host == host).unwrap()
}

/// A file in HDFS; none if it is not there.
pub(crate) fn read(lab: &Lab, path: &str) -> Option<Vec<u8>> {
    let address = format!("{}/webhdfs/v1{path}?user.name={USER}&op=OPEN", lab.namenode_web());
    let mut answer = agent().get(address).call().unwrap();
    answer
        .status()
        .is_success()
        .then(|| answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap())
}

/// What a directory in HDFS holds; nothing if it is not there.
pub(crate) fn names(lab: &Lab, path: &str) -> Vec<String> {
    let address = format!("{}/webhdfs/v1{path}?user.name={USER}&op=LISTSTATUS", lab.namenode_web());
    let answer = json(&address);
    let entries = answer["FileStatuses"]["FileStatus"].as_array().cloned().unwrap_or_default();
    entries.iter().filter_map(|entry| entry["pathSuffix"].as_str().map(str::to_owned)).collect()
}

/// Bytes that all DataNodes have sent.
pub(crate) fn served(lab: &Lab) -> u64 {
    lab.datanode_counters().unwrap().iter().map(|datanode| datanode.bytes_read).sum()
}

/// A page, with its status.
pub(crate) fn page(url: &str) -> (u16, String) {
    let mut answer = agent().get(url).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn json(url: &str) -> Value {
    serde_json::from_str(&page(url).1).unwrap_or_default()
}

pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(Duration::from_secs(30))).build().into()
}

/// A folder of a test's own, here and in HDFS.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    remote: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_owned();
        Self { folder, remote: format!("/tmp/{name}") }
    }

    /// A path on this machine.
    pub(crate) fn here(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A path in HDFS.
    pub(crate) fn there(&self, name: &str) -> String {
        format!("{}/{name}", self.remote)
    }

    /// Writes an input here and in HDFS.
    pub(crate) fn input(&self, lab: &Lab, rows: u32) -> String {
        fs::write(self.here("data.libsvm"), text(rows)).unwrap();
        lab.put(self.here("data.libsvm"), &self.there("data.libsvm")).unwrap();
        self.there("data.libsvm")
    }

    /// Trains on this machine with two workers from the input written before; the bytes of the model's files.
    pub(crate) fn local(&self, words: &[&str]) -> [Vec<u8>; 2] {
        self.local_of(Path::new(env!("CARGO_BIN_EXE_sgd")), words)
    }

    /// The same with another program.
    pub(crate) fn local_of(&self, program: &Path, words: &[&str]) -> [Vec<u8>; 2] {
        let (input, output) = (self.here("data.libsvm"), self.here("local"));
        let status = Command::new(program)
            .args(["--master", "local[2]", "--progress", "never", "--overwrite", "--input"])
            .arg(input)
            .arg("--output")
            .arg(&output)
            .args(words)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        MODEL.map(|name| fs::read(output.join(name)).unwrap())
    }

    /// The bytes of the files of a model in HDFS.
    pub(crate) fn model(&self, lab: &Lab, output: &str) -> [Vec<u8>; 2] {
        MODEL.map(|name| read(lab, &format!("{output}/{name}")).expect("the model is there"))
    }
}

/// The two files in the promise of equal bits.
const MODEL: [&str; 2] = ["model.npz", "model.json"];

/// Rows of sparse numbers that two lines of arithmetic make, so that every run has the same.
pub(crate) fn text(rows: u32) -> String {
    let mut text = String::new();
    let mut random = 12345u32;
    for _ in 0..rows {
        let mut next = |below: u32| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) % below
        };
        let label = if next(2) == 0 { "-1" } else { "+1" };
        text.push_str(label);
        let mut column = 0;
        for _ in 0..4 + next(8) {
            column += 1 + next(9);
            let _ = write!(text, " {column}:{}.{:03}", next(2), next(1000));
        }
        text.push('\n');
    }
    text
}
