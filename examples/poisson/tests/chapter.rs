//! The chapter "Your own algorithm in ten minutes", taken at its word: its program is the one here, its rows and commands work.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use lapwing_lab::{Lab, Options, Site};
use serde_json::Value;

const CHAPTER: &str = include_str!("../../../am/src/tutorial.md");

/// The blocks of the chapter that begin with these words.
fn blocks(language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let opened = CHAPTER.split(&opening).skip(1);
    opened.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The command lines of the chapter that run the program, from `first` on, without the program.
fn commands() -> Vec<Vec<String>> {
    let lines: Vec<String> = blocks("sh").concat().lines().map(str::to_owned).collect();
    let own = lines.iter().filter_map(|line| line.strip_prefix("target/release/poisson "));
    own.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

fn run(folder: &Path, words: &[String], conf: Option<&Path>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poisson"));
    command.args(words).current_dir(folder);
    if let Some(conf) = conf {
        command.env("HADOOP_CONF_DIR", conf).env_remove("HADOOP_USER_NAME");
        command.args(["--master-memory", "256m", "--worker-memory", "256m"]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn the_program_is_the_one_here() {
    assert_eq!(blocks("rust,no_run"), [include_str!("../src/main.rs")]);
}

#[test]
fn its_commands_work_on_a_laptop_and_lead_to_the_same_bits_on_yarn() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("counts.libsvm"), &blocks("text")[0]).unwrap();
    let commands = commands();
    let [check, train, predict, cluster] = &commands[..] else { panic!("{commands:?}") };
    let told = String::from_utf8(run(folder.path(), check, None).stdout).unwrap();
    assert!(told.contains("passed over three times: the same bits"), "{told}");
    let summary: Value = serde_json::from_slice(&run(folder.path(), train, None).stdout).unwrap();
    assert_eq!((&summary["rows"], &summary["passes"]), (&4.into(), &50.into()));
    let model = fs::read(folder.path().join("model/model.npz")).unwrap();
    let predicted: Value = serde_json::from_slice(&run(folder.path(), predict, None).stdout).unwrap();
    // The mean loss of what it was trained on, in 32 bits a prediction.
    let (loss, objective) = (predicted["loss"].as_f64().unwrap(), summary["objective"].as_f64().unwrap());
    assert!((loss - objective).abs() < 1e-5, "{loss} {objective}");

    // As the tests of SGD have it, so that they share a lab.
    let smallest = "yarn.scheduler.minimum-allocation-mb";
    let options = Options::default().quick().blocks(1 << 20, 1).property(Site::Yarn, smallest, "32");
    let Some(lab) = Lab::shared_for_test(options) else { return };
    lab.put(folder.path().join("counts.libsvm"), "/data/counts/counts.libsvm").unwrap();
    run(folder.path(), cluster, Some(lab.conf_dir()));
    let address = format!("{}/webhdfs/v1/models/counts/model.npz?op=OPEN", lab.namenode_web());
    let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
    let there = agent.get(address).call().unwrap().body_mut().read_to_vec().unwrap();
    assert!(there == model, "the model on the cluster has other bits");
}
