//! The same program as iterated MapReduce.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lapwing_lab::Lab;
use serde_json::Value;

use crate::cluster::{
    Ended, Place, Run, SMALL, USER, done, eventually, names, page, read, shared, start, text,
};

/// One at a time: each looks for what jobs of its kind leave, and their JVMs fill the lab.
static TURN: Mutex<()> = Mutex::new(());

/// Flags of a job that runs through the lab's Hadoop Streaming.
fn flags(lab: &Lab) -> Vec<String> {
    let command = lab.jar_command("streaming").unwrap();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let memory = ["--worker-memory", "512m", "--master-memory", "512m"];
    let mut flags =
        vec!["--master".to_owned(), "mapreduce".to_owned(), "--streaming".to_owned(), words.join(" ")];
    flags.extend(memory.map(str::to_owned));
    flags
}

fn begin(lab: &Lab, words: &[&str]) -> Run {
    let flags = flags(lab);
    start(lab, &flags.iter().map(String::as_str).chain(words.iter().copied()).collect::<Vec<_>>())
}

/// Each pass is a job of about ten seconds, more on a busy machine.
fn run(lab: &Lab, words: &[&str]) -> Ended {
    begin(lab, words).end(Duration::from_secs(400))
}

fn succeed(lab: &Lab, words: &[&str]) -> (Value, Ended) {
    let ended = run(lab, words);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    (serde_json::from_str(&ended.stdout).unwrap(), ended)
}

/// No folder of a job is left, and no output half-written.
fn clean(lab: &Lab, place: &Place, files: &[&str]) {
    let left = names(lab, &format!("/user/{USER}/.lapwing"));
    assert!(!left.iter().any(|name| name.starts_with("mapreduce-")), "{left:?}");
    let mut left = names(lab, place.there("").trim_end_matches('/'));
    left.sort();
    assert_eq!(left, files);
}

#[test]
fn local_yarn_and_mapreduce_give_the_same_bits_though_a_task_is_killed() {
    let Some((lab, _shared)) = shared() else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::new();
    let (input, output) = (place.input(lab, 20_000), place.there("mapreduce"));
    let flags = ["--passes", "2", "--split-size", "512k"];
    let io = ["--input", &input, "--output", &output, "--fault", "kill:w1@pass2", "--workers", "2"];
    let (summary, ended) = succeed(lab, &[&flags[..], &io].concat());
    let here = place.local(&flags);
    assert_eq!(place.model(lab, &output), here);
    let yarn = place.there("yarn");
    done(lab, &[&SMALL[..], &flags, &["--input", &input, "--output", &yarn, "--workers", "2"]].concat());
    assert_eq!(place.model(lab, &yarn), here);

    let (splits, tasks) = (summary["splits"].as_u64().unwrap(), summary["map_tasks"].as_f64().unwrap());
    assert!(splits >= 2 && summary["passes"] == 2 && summary["rows"] == 20_000, "{summary}");
    // Two passes and the look at the final model.
    assert_eq!(
        (tasks, summary["map_tasks_repeated"].as_f64()),
        (3.0 * splits as f64, Some(1.0)),
        "{summary}"
    );
    let told = "the map task of split 1 was repeated: attempt 2 counts";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let lines = String::from_utf8(read(lab, &format!("{output}/_report/report.jsonl")).unwrap()).unwrap();
    let passes: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(
        passes.len() == 2 && passes[1]["events"][0] == told && passes[0]["events"] == Value::Array(vec![])
    );
    assert_eq!(passes[1]["rows_covered"], 20_000);
    clean(lab, &place, &["data.libsvm", "mapreduce", "yarn"]);
}

#[test]
fn splits_that_hadoop_would_not_cut_so_are_read_by_the_tasks() {
    let Some((lab, _shared)) = shared() else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::new();
    let (input, output) = (place.input(lab, 5_000), place.there("model"));
    let flags = ["--passes", "1", "--splits", "3"];
    let io = ["--input", &input, "--output", &output, "--validate", &input];
    let (summary, ended) = succeed(lab, &[&flags[..], &io].concat());
    assert_eq!(place.model(lab, &output)[0], place.local(&flags)[0]);
    assert_eq!(summary["splits"], 3);
    // The rows that are only scored are the same ones here.
    let (trained, scored) =
        (summary["objective"].as_f64().unwrap(), summary["validate_loss"].as_f64().unwrap());
    assert!(scored > 0.0 && scored < trained, "{summary}");
    assert!(ended.stderr.contains("map tasks read their splits themselves"), "{}", ended.stderr);
}

#[test]
fn an_error_of_the_users_in_a_task_ends_the_job_at_once() {
    let Some((lab, _shared)) = shared() else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::new();
    let (input, output) = (place.input(lab, 2_000), place.there("predictions"));
    fs::write(place.here("data.libsvm"), "1 1:1\n-1 2:1\n").unwrap();
    place.local(&["--passes", "1"]);
    lab.put(place.here("local"), &place.there("model")).unwrap();
    let io = ["--predict", &place.there("model"), "--input", &input, "--output", &output];
    let ended = run(lab, &io);
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    let told = "the algorithm failed in split 0: the rows have ";
    assert!(ended.stderr.contains(told) && ended.stderr.contains("trained on 2"), "{}", ended.stderr);
    clean(lab, &place, &["data.libsvm", "model"]);
}

#[test]
fn bad_input_is_named_by_its_line_though_hadoop_reads_it() {
    let Some((lab, _shared)) = shared() else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::new();
    let text = text(20_000);
    let middle = text[..text.len() * 3 / 4].rfind('\n').unwrap() + 1;
    let line = text[..middle].lines().count() + 1;
    let broken = format!("{}1 7:x\n{}", &text[..middle], &text[middle..]);
    fs::write(place.here("data.libsvm"), broken).unwrap();
    lab.put(place.here("data.libsvm"), &place.there("data.libsvm")).unwrap();
    let (input, output) = (place.there("data.libsvm"), place.there("model"));
    let ended = run(lab, &["--split-size", "512k", "--input", &input, "--output", &output]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("data.libsvm:{line}:5: ")), "{}", ended.stderr);
    clean(lab, &place, &["data.libsvm"]);
}

#[test]
fn ctrl_c_kills_the_pass_that_runs() {
    let Some((lab, _shared)) = shared() else { return };
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::new();
    let (input, output) = (place.input(lab, 2_000), place.there("model"));
    let job = begin(lab, &["--passes", "1000", "--input", &input, "--output", &output]);
    let running = format!("{}/ws/v1/cluster/apps?states=RUNNING&applicationTypes=MAPREDUCE", lab.rm_web());
    let id = eventually("a MapReduce job", || {
        let apps: Value = serde_json::from_str(&page(&running).1).ok()?;
        Some(apps["apps"]["app"][0]["id"].as_str()?.to_owned())
    });
    job.interrupt();
    let ended = job.end(Duration::from_secs(60));
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("interrupted by Ctrl-C; {id} is killed")), "{}", ended.stderr);
    clean(lab, &place, &["data.libsvm"]);
}
