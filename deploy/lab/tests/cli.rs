//! The command `lab`, as a person uses it.

use std::path::Path;
use std::process::{Command, Output};

use lapwing_lab::{Options, missing};

#[test]
fn up_hurt_down() {
    if missing(&Options::default()).is_some() {
        return; // The other tests say so, or fail.
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("lab");
    let _down = Down(&dir);
    let up = lab(&dir, &["up", "--nodes", "1", "--rpc-protection", "privacy", "-D", "core:a.b=c"]);
    assert!(stdout(&up).contains("hdfs://127."), "{up:?}");
    assert!(stderr(&lab(&dir, &["up"])).starts_with("lab: a lab runs in "));
    assert!(std::fs::read_to_string(dir.join("conf/core-site.xml")).unwrap().contains("<name>a.b</name>"));
    assert!(lab(&dir, &["fs", "-ls", "/user"]).status.success());
    assert_eq!(lab(&dir, &["fs", "-ls", "/none"]).status.code(), Some(1));
    let listed = lab(&dir, &["yarn", "node", "-list"]);
    assert!(stdout(&listed).contains("Total Nodes:1"), "{listed:?}");
    lab(&dir, &["kill", "nm1"]);
    assert!(stdout(&lab(&dir, &["status"])).contains("nm1   down"));
    lab(&dir, &["start", "nm1"]);
    assert!(stdout(&lab(&dir, &["status"])).contains("nm1   process"));
    assert_eq!(stderr(&lab(&dir, &["stop", "dn7"])), "lab: this lab has no dn7\n");
    assert!(stdout(&lab(&dir, &["env"])).contains("export HADOOP_CONF_DIR="));
    let down = lab(&dir, &["down"]);
    assert!(down.status.success() && !dir.exists(), "{down:?}");
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "").unwrap();
    assert!(stderr(&lab(folder.path(), &["up"])).contains("holds something that is no lab"));
    assert!(stderr(&lab(folder.path(), &["down"])).starts_with("lab: no lab in "));
    assert!(folder.path().join("precious").exists());
}

/// Such a lab outlives its starter, so a failed test must end it, too.
struct Down<'a>(&'a Path);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        if self.0.exists() {
            lab(self.0, &["down"]);
        }
    }
}

fn lab(dir: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab")).arg("--dir").arg(dir).args(words).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
