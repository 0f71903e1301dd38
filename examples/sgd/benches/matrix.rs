//! Every fault that a job must bear, one after another on a real Hadoop with three nodes and six workers: what happened, what
//! was lost, how long it took, and whether the model has the same bits as without the fault.
//!
//! `deploy/lab/matrix` runs it and writes the table to `deploy/lab/MATRIX.md`. It is measured, not tested: the tests of the same
//! faults are in `tests/yarn`.

#![expect(clippy::print_stdout, reason = "the table goes to standard output")]

#[path = "../tests/yarn/cluster.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod cluster;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lapwing_lab::{Lab, Options, Role, Site};

use cluster::{Ended, Place, Run, eventually, node_of, processes, start_program};

/// Long enough to be in the middle of, when something is done by hand.
const MANY: [&str; 4] = ["--passes", "3000", "--split-size", "64k"];
/// Short, for what the job does to itself.
const FEW: [&str; 4] = ["--passes", "8", "--split-size", "64k"];
const SIZE: [&str; 10] = [
    "--master",
    "yarn",
    "--master-memory",
    "256m",
    "--worker-memory",
    "900m",
    "--workers",
    "6",
    "--on-loss",
    "restart",
];
const MEMORY: [&str; 4] = ["--passes", "12", "--split-size", "64k"];

/// What is done to a job.
enum Fault {
    /// By the job itself, in the words of `--fault`.
    Order(&'static str),
    /// From outside, in the middle of a pass; what has to be started again afterwards.
    Hand(fn(&Lab, &str) -> Vec<Role>),
    /// From outside, while the workers load.
    Load(fn(&Lab, &str) -> Vec<Role>),
    /// To an algorithm that has memory.
    Memory(&'static str),
}

const CASES: [(&str, Fault); 21] = [
    ("nothing", Fault::Order("")),
    ("worker killed while it loads", Fault::Order("kill:w2@load")),
    ("worker killed in a pass", Fault::Order("kill:w2@pass4")),
    ("worker killed between passes", Fault::Order("kill:w2@step4")),
    ("two workers killed at once", Fault::Order("kill:w1@pass4,kill:w4@pass4")),
    ("worker alive but silent", Fault::Order("hang:w3@pass4")),
    ("worker's connection broken", Fault::Order("drop:w3@pass4")),
    ("master killed during the load", Fault::Order("kill:master@load")),
    ("master killed while updates arrive", Fault::Order("kill:master@pass4+2")),
    ("master killed during the step", Fault::Order("kill:master@step4")),
    ("master killed while it writes the output", Fault::Order("kill:master@output")),
    ("master alive but silent", Fault::Order("hang:master@pass4+2")),
    ("master and a worker killed", Fault::Order("kill:w2@pass4,kill:master@pass4+2")),
    ("master and both keepers killed", Fault::Order("kill:w0@step4,kill:w1@step4,kill:master@pass5+1")),
    ("master of an algorithm with memory killed", Fault::Memory("kill:master@pass4+2")),
    ("NodeManager under the master stopped", Fault::Hand(|lab, id| stop_under(lab, id, "master:"))),
    ("NodeManager under a worker stopped", Fault::Hand(|lab, id| stop_under(lab, id, "worker:"))),
    ("node with workers crashed", Fault::Hand(crash)),
    ("NodeManager killed, its containers orphaned", Fault::Hand(orphan)),
    ("ResourceManager killed and restarted", Fault::Hand(restart_manager)),
    ("DataNode killed during the load", Fault::Load(kill_datanode)),
];

fn main() {
    // The ResourceManager takes some seconds to restart, in which a master must not be given up.
    let expiry = "yarn.am.liveness-monitor.expiry-interval-ms";
    let options = Options::default().quick().blocks(1 << 20, 2).property(Site::Yarn, expiry, "40000");
    let Some(lab) = Lab::start_for_test(options) else { return };
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let place = Place::new();
    let input = place.input(&lab, 20_000);
    let lbfgs = sibling("lbfgs");
    let sgd = PathBuf::from(env!("CARGO_BIN_EXE_sgd"));
    let mut table = String::from(
        "| fault | what the job said | masters | read again | next pass after takeover | whole job | same bits |\n|---|---|---|---|---|---|---|\n",
    );
    for (number, (name, fault)) in CASES.iter().enumerate() {
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        let (program, flags) = match fault {
            Fault::Order(_) => (&sgd, &FEW),
            Fault::Hand(_) | Fault::Load(_) => (&sgd, &MANY),
            Fault::Memory(_) => (&lbfgs, &MEMORY),
        };
        let expected = place.local_of(program, flags);
        let output = place.there(&format!("case-{number}"));
        let mut words = [&SIZE[..], flags, &["--input", &input, "--output", &output]].concat();
        if let Fault::Order(script) | Fault::Memory(script) = fault {
            words.extend(["--fault", script]);
        }
        let job = start_program(program, lab.conf_dir(), &words);
        let failed = strike(&lab, &job, fault);
        let ended = job.end(Duration::from_secs(240));
        let same = ended.code == Some(0) && place.model(&lab, &output) == expected;
        let row = row(name, &ended, same);
        println!("{row}");
        let _ = writeln!(table, "{row}");
        failed.into_iter().for_each(|role| lab.launch(role).unwrap());
        lab.wait_ready().unwrap();
    }
    if let Some(path) = std::env::var_os("MATRIX_TABLE") {
        std::fs::write(path, table).expect("the table can be written");
    }
}

/// Does what is done from outside.
fn strike(lab: &Lab, job: &Run, fault: &Fault) -> Vec<Role> {
    match fault {
        Fault::Order(_) | Fault::Memory(_) => Vec::new(),
        Fault::Hand(hand) => {
            eventually("a second pass", || job.stderr().contains("[2] ").then_some(()));
            hand(lab, &job.application())
        }
        Fault::Load(hand) => {
            let id = job.application();
            let loads =
                || processes(lab, &id).iter().any(|(_, role)| role.starts_with("worker")).then_some(());
            eventually("a worker", loads);
            hand(lab, &id)
        }
    }
}

fn row(name: &str, ended: &Ended, same: bool) -> String {
    let summary: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
    let said: Vec<&str> = ended.stderr.lines().filter(|line| is_note(line)).take(6).collect();
    let next = said
        .iter()
        .find_map(|line| line.split_once(" was complete ")?.1.split_once(" s after").map(|(s, _)| s));
    let said: Vec<&str> = said.iter().copied().filter(|line| !line.contains(" was complete ")).collect();
    let (masters, again) = (&summary["attempts"], summary["reread_bytes"].as_u64().unwrap_or(0));
    let share = again as f64 / summary["input_bytes"].as_f64().unwrap_or(1.0) * 100.0;
    format!(
        "| {name} | {} | {masters} | {share:.0}% | {} | {:.1} s | {} |",
        said.join("; "),
        next.map_or("-".to_owned(), |seconds| format!("{seconds} s")),
        ended.took.as_secs_f64(),
        if same { "yes" } else { "**no**" },
    )
}

/// What the job says besides the passes and where it is.
fn is_note(line: &str) -> bool {
    let usual = ["[", "submitted ", "follow it at ", "each pass makes "];
    !line.is_empty() && !usual.iter().any(|start| line.starts_with(start))
}

fn node_under(lab: &Lab, id: &str, role: &str) -> usize {
    let all = processes(lab, id);
    let on = |prefix: &str| -> Vec<usize> {
        all.iter().filter(|(_, role)| role.starts_with(prefix)).map(|(pid, _)| node_of(lab, *pid)).collect()
    };
    let masters = on("master:");
    if role == "master:" {
        return masters[0];
    }
    *on(role).iter().find(|node| !masters.contains(node)).expect("a node without the master")
}

fn stop_under(lab: &Lab, id: &str, role: &str) -> Vec<Role> {
    let node = Role::NodeManager(node_under(lab, id, role));
    lab.stop(node).unwrap();
    vec![node]
}

fn crash(lab: &Lab, id: &str) -> Vec<Role> {
    let node = node_under(lab, id, "worker:");
    lab.crash_node(node).unwrap();
    vec![Role::NodeManager(node), Role::DataNode(node)]
}

fn orphan(lab: &Lab, id: &str) -> Vec<Role> {
    let node = Role::NodeManager(node_under(lab, id, "worker:"));
    lab.kill(node).unwrap();
    vec![node]
}

fn restart_manager(lab: &Lab, _: &str) -> Vec<Role> {
    lab.kill(Role::ResourceManager).unwrap();
    lab.launch(Role::ResourceManager).unwrap();
    Vec::new()
}

fn kill_datanode(lab: &Lab, _: &str) -> Vec<Role> {
    lab.kill(Role::DataNode(2)).unwrap();
    vec![Role::DataNode(2)]
}

/// Another program of this repository, built beside this one.
fn sibling(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_sgd")).with_file_name(name)
}
