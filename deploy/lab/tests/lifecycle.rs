//! The lab itself: up, used, hurt, down.

use lapwing_lab::{Lab, Options, Role};

#[test]
fn a_killed_node_comes_back_and_nothing_is_left() {
    let Some(lab) = Lab::start_for_test(Options::default().quick()) else { return };
    lab.kill(Role::NodeManager(2)).unwrap();
    assert_eq!(lab.pid(Role::NodeManager(2)), None);
    lab.launch(Role::NodeManager(2)).unwrap();
    lab.wait_ready().unwrap();
    let (dir, processes) = (lab.dir().to_owned(), lab.processes());
    assert!(processes.len() >= 9);
    drop(lab);
    assert!(!dir.exists());
    let left = |pid: &&u32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
    assert_eq!(processes.iter().find(left), None);
}
