//! How long it takes from the submission to the first completed pass on YARN, beside Hadoop's own distributed shell from start to
//! end: `true` in three containers. On a lab with the default heartbeat of one second; the two alternate.
//!
//! It also prints the most memory that a master was seen to hold. Run with `cargo bench -p sgd --bench start`; needs a JDK 17 and
//! Maven.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use lapwing_lab::{Lab, Options};

const RUNS: usize = 5;

fn main() {
    let lab = match Lab::start(Options::default()) {
        Ok(lab) => lab,
        Err(error) => return println!("no lab: {error:#}"),
    };
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/breast_cancer.libsvm");
    lab.put(data, "/data/breast_cancer.libsvm").expect("room in HDFS");
    // The first of each is for warming up: the program goes to HDFS, the nodes fetch their jars.
    let (mut ours, mut shells, mut most) = (Vec::new(), Vec::new(), 0);
    for run in 0..=RUNS {
        let (pass, resident) = first_pass(&lab);
        let shell = shell(&lab);
        println!("run {run}: first pass after {pass:.2} s, distributed shell {shell:.2} s");
        most = most.max(resident);
        if run > 0 {
            ours.push(pass);
            shells.push(shell);
        }
    }
    let (ours, shells) = (median(ours), median(shells));
    println!(
        "medians of {RUNS}: first pass {ours:.2} s, distributed shell {shells:.2} s, ratio {:.2}",
        ours / shells
    );
    println!("the master held {:.1} MiB at the most", most as f64 / f64::from(1 << 20));
}

/// Seconds until the line of the first pass, and the master's resident bytes.
fn first_pass(lab: &Lab) -> (f64, u64) {
    let start = Instant::now();
    let mut job = Command::new(env!("CARGO_BIN_EXE_sgd"))
        .args([
            "--master",
            "yarn",
            "--workers",
            "3",
            "--splits",
            "3",
            "--input",
            "/data/breast_cancer.libsvm",
        ])
        .args(["--worker-memory", "512m", "--master-memory", "512m", "--passes", "2000"])
        .envs(lab.envs())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("sgd starts");
    let lines = BufReader::new(job.stderr.take().expect("a pipe")).lines();
    let (mut seconds, mut resident) = (None, 0);
    for line in lines.map_while(Result::ok) {
        if line.starts_with('[') && seconds.is_none() {
            seconds = Some(start.elapsed().as_secs_f64());
            resident = masters().into_iter().map(resident_bytes).max().unwrap_or(0);
        }
    }
    assert!(job.wait().expect("sgd ends").success(), "the job failed");
    (seconds.expect("there was a pass"), resident)
}

fn shell(lab: &Lab) -> f64 {
    let start = Instant::now();
    let jar = lab.jar("yarn-applications-distributedshell").expect("the lab has it");
    let output = lab
        .java("org.apache.hadoop.yarn.applications.distributedshell.Client")
        .arg("-jar")
        .arg(jar)
        .args([
            "-shell_command",
            "true",
            "-num_containers",
            "3",
            "-container_memory",
            "256",
            "-master_memory",
            "256",
        ])
        .output()
        .expect("Java starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    start.elapsed().as_secs_f64()
}

/// Processes that are masters of ours.
fn masters() -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let master = |process: &u32| {
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|&byte| byte == 0).any(|variable| variable.starts_with(b"LAPWING_ROLE=master"))
    };
    processes.filter_map(number).filter(master).collect()
}

fn resident_bytes(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
