//! Submissions that cannot work: each ends soon, with a sentence and the exit code of whose fault it is.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use lapwing_lab::{Lab, Options, Site};

use crate::cluster::{Ended, Place, SMALL, names, nothing_left, run, shared, start_with};

/// No answer takes longer.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn queues_that_take_no_job_of_this_user() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let input = place.input(lab, 100);
    let submit = |queue: &str| {
        let io = ["--queue", queue, "--input", &input, "--output", &place.there("model")];
        run(lab, &[&SMALL[..], &io].concat())
    };
    refused(
        &submit("nowhere"),
        4,
        &["there is no queue nowhere; the cluster has default, small, stopped, closed"],
    );
    refused(&submit("stopped"), 4, &["the queue stopped is STOPPED: it takes no applications"]);
    refused(&submit("closed"), 4, &["User alice does not have permission to submit", "to queue closed"]);
    assert_eq!(names(lab, place.there("").trim_end_matches('/')), ["data.libsvm"]);
}

#[test]
fn containers_larger_than_any_node() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let input = place.input(lab, 100);
    for (flag, value, asked) in
        [("--worker-memory", "9g", "9216 MiB and 1 cores"), ("--worker-cores", "99", "99 cores")]
    {
        let io = ["--master", "yarn", flag, value, "--input", &input, "--output", &place.there("model")];
        let ended = run(lab, &io);
        refused(&ended, 4, &["--worker-memory: ", asked, "largest container has 4096 MiB and 8 cores"]);
    }
}

#[test]
fn an_input_that_is_missing_and_an_output_that_exists() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let input = place.input(lab, 100);
    let io = ["--input", &place.there("nothing"), "--output", &place.there("model")];
    let ended = run(lab, &[&SMALL[..], &io].concat());
    refused(&ended, 3, &[&place.there("nothing"), "no such file or directory"]);
    let taken = place.there("");
    let ended = run(lab, &[&SMALL[..], &["--input", &input, "--output", &taken]].concat());
    refused(&ended, 3, &["the output hdfs://", "exists: remove it, or say --overwrite"]);
}

#[test]
fn a_binary_for_another_machine() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let input = place.input(lab, 100);
    let binary = place.here("foreign").display().to_string();
    let mut program = fs::read(env!("CARGO_BIN_EXE_sgd")).unwrap();
    // The machine's number in an ELF header.
    program[18] = 243;
    fs::write(&binary, program).unwrap();
    let io = ["--binary", &binary, "--input", &input, "--output", &place.there("model")];
    let ended = run(lab, &[&SMALL[..], &io].concat());
    refused(&ended, 4, &["built for RISC-V", "the nodes are taken to be like this machine"]);
}

#[test]
fn services_that_are_not_there() {
    let Some((lab, _shared)) = shared() else { return };
    let place = Place::new();
    let input = place.input(lab, 100);
    // It takes connections and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let (hdfs, rm) = (lab.default_fs(), lab.rm_web());
    let hdfs = hdfs.strip_prefix("hdfs://").unwrap();
    let rm = rm.strip_prefix("http://").unwrap();
    let cases = [
        ("no-rm", rm, "127.0.0.1:1", "no ResourceManager answered within"),
        ("no-hdfs", hdfs, "127.0.0.1:1", "hdfs://127.0.0.1:1: "),
        ("mute-hdfs", hdfs, silent.as_str(), "hdfs://127.0.0.1:"),
    ];
    let started = cases.map(|(name, from, to, expected)| {
        let io = ["--input", &input, "--output", &place.there("model")];
        (start_with(&configured(lab, &place, name, from, to), &[&SMALL[..], &io].concat()), expected)
    });
    for (job, expected) in started {
        refused(&job.end(LIMIT), 4, &[expected]);
    }
}

#[test]
fn a_cluster_that_takes_nothing_over_rest() {
    let name = "yarn.webapp.enable-rest-app-submissions";
    let options = Options::default().quick().nodes(1).blocks(1 << 20, 1).property(Site::Yarn, name, "false");
    let Some(lab) = Lab::start_for_test(options) else { return };
    let place = Place::new();
    let input = place.input(&lab, 100);
    let ended = run(&lab, &[&SMALL[..], &["--input", &input, "--output", &place.there("model")]].concat());
    refused(&ended, 4, &["does not take applications over REST", name]);
    nothing_left(&lab, "application_");
}

fn refused(ended: &Ended, code: i32, expected: &[&str]) {
    let Ended { stdout, stderr, took, .. } = ended;
    assert_eq!((ended.code, stdout.as_str()), (Some(code), ""), "{stderr}");
    let last = stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("error: "), "{stderr}");
    for expected in expected {
        assert!(last.contains(expected), "{expected:?} in {stderr}");
    }
    assert!(*took < LIMIT, "{took:?}");
}

/// The lab's configuration with one address replaced by another.
fn configured(lab: &Lab, place: &Place, name: &str, from: &str, to: &str) -> PathBuf {
    let folder = place.here(name);
    fs::create_dir(&folder).unwrap();
    for entry in fs::read_dir(lab.conf_dir()).unwrap() {
        let entry = entry.unwrap();
        let text = fs::read_to_string(entry.path()).unwrap();
        fs::write(folder.join(entry.file_name()), text.replace(from, to)).unwrap();
    }
    folder
}
