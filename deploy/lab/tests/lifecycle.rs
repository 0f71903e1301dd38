//! The lab itself: up, used, hurt, down.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Output;

use lapwing_lab::{Lab, Options, Role};

#[test]
fn up_used_hurt_down() {
    let options = Options::default().blocks(64 << 10, 1);
    let Some(lab) = Lab::start_for_test(options) else { return };
    blocks_are_where_node_managers_are(&lab);
    map_reduce_computes_pi(&lab);
    a_killed_node_comes_back(&lab);
    distributed_shell_runs_a_command(&lab);
    nothing_is_left(lab);
}

fn blocks_are_where_node_managers_are(lab: &Lab) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![7; 1 << 20]).unwrap();
    lab.put(file.path(), "/user/some one/data").unwrap();
    let before = bytes_read(lab);
    let text = lab.fs(["-cat", "/user/some one/data"]).unwrap();
    assert_eq!(text.stdout, vec![7; 1 << 20]);
    // Once, and a checksum of 4 bytes for each 512.
    assert_eq!(bytes_read(lab) - before, (1 << 20) / 512 * 516);
    let blocks = lab.block_hosts("/user/some one/data").unwrap();
    assert_eq!(blocks.len(), 16);
    let hosts: BTreeSet<String> = blocks.into_iter().flatten().collect();
    let nodes = stdout(&lab.yarn(["node", "-list"]).unwrap());
    assert!(hosts.len() > 1, "all blocks on one node");
    for host in hosts {
        assert!(lab.nodes().iter().any(|node| node.host == host));
        assert!(nodes.contains(&format!("{host}:")), "{host} is not in {nodes}");
    }
    assert!(std::fs::read_to_string(lab.audit_log()).unwrap().contains("src=/user/some one/data"));
}

fn map_reduce_computes_pi(lab: &Lab) {
    let pi = lab.jar_command("mapreduce-examples").unwrap().args(["pi", "2", "10"]).output().unwrap();
    assert!(stdout(&pi).contains("Estimated value of Pi is 3.8"), "{pi:?}");
}

fn a_killed_node_comes_back(lab: &Lab) {
    lab.kill(Role::NodeManager(2)).unwrap();
    assert_eq!(lab.pid(Role::NodeManager(2)), None);
    lab.launch(Role::NodeManager(2)).unwrap();
    lab.wait_ready().unwrap();
    assert!(lab.kill(Role::NodeManager(7)).is_err());
}

fn distributed_shell_runs_a_command(lab: &Lab) {
    let jar = lab.jar("yarn-applications-distributedshell").unwrap();
    let mut shell = lab.java("org.apache.hadoop.yarn.applications.distributedshell.Client");
    let done =
        shell.arg("-jar").arg(jar).args(["-shell_command", "true", "-num_containers", "2"]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

fn nothing_is_left(lab: Lab) {
    let (dir, processes) = (lab.dir().to_owned(), lab.processes());
    assert!(processes.len() >= lab.roles().len());
    drop(lab);
    assert!(!dir.exists());
    // One that nobody has waited for yet is listed without a command line.
    let runs = |pid: &&u32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
    assert_eq!(processes.iter().find(runs), None);
}

fn bytes_read(lab: &Lab) -> u64 {
    lab.datanode_counters().unwrap().iter().map(|counters| counters.bytes_read).sum()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
