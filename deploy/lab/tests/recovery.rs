//! Masters that are killed and come back, and a node that does not.

mod common;

use common::{eventually, state, submit};
use lapwing_lab::{Lab, Options, Role, Site};

#[test]
fn masters_come_back() {
    // The shell command is no master that anybody hears of.
    let patient =
        Options::default().property(Site::Yarn, "yarn.am.liveness-monitor.expiry-interval-ms", "600000");
    let options = patient.quick().nodes(1).blocks(1024, 1);
    let Some(lab) = Lab::start_for_test(options) else { return };
    let id = submit(&lab, "default", 128, "sleep 600").unwrap();
    eventually("the master", || (!lab.container_processes().is_empty()).then_some(()));
    lab.kill(Role::ResourceManager).unwrap();
    lab.launch(Role::ResourceManager).unwrap();
    lab.wait_ready().unwrap();
    assert_eq!(state(&lab, &id)["finalStatus"], "UNDEFINED");
    lab.put(std::env::current_exe().unwrap().with_extension("d"), "/tmp/kept").unwrap();
    lab.stop(Role::NameNode).unwrap();
    lab.launch(Role::NameNode).unwrap();
    lab.wait_ready().unwrap();
    assert!(!lab.block_hosts("/tmp/kept").unwrap().is_empty());
    assert!(!lab.container_processes().is_empty(), "the application's container runs on");
    lab.crash_node(1).unwrap();
    assert_eq!((lab.pid(Role::NodeManager(1)), lab.pid(Role::DataNode(1))), (None, None));
    eventually("the end", || lab.container_processes().is_empty().then_some(()));
}
