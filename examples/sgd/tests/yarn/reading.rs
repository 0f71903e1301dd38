//! What is read from where: every split once, and from the reader's own node as far as contiguous ranges allow.

use std::fs;
use std::ops::Range;
use std::path::Path;

use lapwing::load::{Format, LoadOptions, conformance};
use lapwing_lab::Lab;

use crate::cluster::{BLOCK, Place, SMALL, USER, agent, alone, done, eventually, served, shared, text};

/// Rows that make some 30 MB.
const ROWS: u32 = 450_000;
const WORKERS: usize = 3;

#[test]
fn every_split_is_read_once_and_where_its_blocks_are() {
    let Some((lab, _alone)) = alone() else { return };
    let place = Place::new();
    let path = place.there("data.libsvm");
    let text = text(ROWS).into_bytes();
    fs::write(place.here("data.libsvm"), &text).unwrap();
    lab.put(place.here("data.libsvm"), &path).unwrap();
    let size = text.len() as u64;
    let splits = plan(size);
    assert!(splits.len() >= 20, "{}", splits.len());

    // A split reads its range and, past it, the rest of the line that is there.
    let line_ends: u64 = splits
        .iter()
        .filter(|split| split.end < size)
        .map(|split| 1 + text[split.end as usize..].iter().position(|&byte| byte == b'\n').unwrap() as u64)
        .sum();
    let workers = WORKERS.to_string();
    let flags = ["--passes", "1", "--split-size", "1m", "--workers", &workers, "--input", &path];
    let words = [&SMALL[..], &flags].concat();

    let (before, programs) = (served(lab), programs(lab));
    let (summary, _) = done(lab, &words);
    let fetched = crate::reading::programs(lab) - programs;
    let read = served(lab) - before;
    assert_eq!(summary["splits"], splits.len());
    assert_eq!(summary["input_bytes"], size);
    assert_eq!(summary["bytes_read"], size + line_ends, "{line_ends} for line ends");
    let program = fs::metadata(env!("CARGO_BIN_EXE_sgd")).unwrap().len();
    // Each of the four containers fetches the plan and the configuration.
    let staged = fetched * program + (4 << 17);
    assert!(read >= size, "{read} of {size}");
    assert!(read as f64 <= 1.03 * (size + staged) as f64, "{read} for {size} and {staged} staged");

    // One copy of each block: the best node of a contiguous range holds a part of it.
    let possible = possible(lab, &path, &splits);
    assert_eq!(summary["node_local_possible"], possible);
    assert_eq!(summary["node_local_bytes"], possible, "{summary}");
    assert!(possible < size, "{possible} of {size}");
    // All nodes of the lab are in one rack.
    let sum = |what: &str| -> u64 {
        summary["readings"].as_array().unwrap().iter().map(|reading| reading[what].as_u64().unwrap()).sum()
    };
    assert_eq!(sum("node_local_bytes"), possible);
    assert_eq!((sum("rack_local_bytes"), sum("remote_bytes")), (size - possible, 0), "{summary}");

    // A copy on every node: wherever a worker is, its bytes are.
    let address =
        format!("{}/webhdfs/v1{path}?user.name={USER}&op=SETREPLICATION&replication=3", lab.namenode_web());
    let owner = address.replace(&format!("user.name={USER}&"), &format!("user.name={}&", owner(lab, &path)));
    assert!(agent().put(owner).send_empty().unwrap().status().is_success());
    eventually("copies on every node", || {
        lab.block_hosts(&path).unwrap().iter().all(|hosts| hosts.len() == 3).then_some(())
    });
    let (summary, _) = done(lab, &words);
    assert_eq!(summary["node_local_bytes"], size, "{summary}");
    assert_eq!(summary["node_local_possible"], size, "{summary}");
}

/// The same conformance suite that files on this machine are put to; and a job reads each format as it is in HDFS.
#[test]
fn every_format_gives_each_row_once_from_hdfs_too() {
    let Some((lab, _quiet)) = shared() else { return };
    let place = Place::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../container/tests/data");
    let names =
        ["rows.libsvm", "rows.csv", "rows.csv.gz", "plain.parquet", "snappy.parquet", "sparse.parquet"];
    let mut models = Vec::new();
    for name in names {
        let there = place.there(name);
        lab.put(data.join(name), &there).unwrap();
        let options = LoadOptions::new(Format::of(name).unwrap());
        let found = conformance::check(&format!("{}{there}", lab.default_fs()), &options, 8).unwrap();
        assert_eq!(found.rows, 60, "{name}");
        if name == "plain.parquet" || name == "rows.csv.gz" || name == "rows.libsvm" {
            let output = place.there(&format!("{name}.model"));
            let flags =
                ["--splits", "1", "--passes", "2", "--workers", "1", "--input", &there, "--output", &output];
            let (summary, _) = done(lab, &[&SMALL[..], &flags].concat());
            assert_eq!(summary["rows"], 60, "{name}");
            let model = place.here(&format!("{name}.npz"));
            let from = format!("{output}/model.npz");
            assert!(lab.fs(["-get", &from, model.to_str().unwrap()]).unwrap().status.success());
            models.push(fs::read(model).unwrap());
        }
    }
    assert!(models.windows(2).all(|pair| pair[0] == pair[1]), "the formats give different models");
}

/// Hadoop's way of cutting one file: equal splits, the last one up to a tenth longer.
fn plan(size: u64) -> Vec<Range<u64>> {
    let (mut splits, mut offset) = (Vec::new(), 0);
    while offset < size {
        let rest = size - offset;
        let length = if rest * 10 <= BLOCK * 11 { rest } else { BLOCK };
        splits.push(offset..offset + length);
        offset += length;
    }
    splits
}

/// The most bytes that workers can have on their own node, each with a contiguous range of splits.
fn possible(lab: &Lab, path: &str, splits: &[Range<u64>]) -> u64 {
    let blocks = lab.block_hosts(path).unwrap();
    let on = |host: &str, bytes: &Range<u64>| -> u64 {
        let parts = (0..).zip(&blocks).filter(|(_, hosts)| hosts.iter().any(|other| other == host));
        parts
            .map(|(number, _): (u64, _)| {
                ((number + 1) * BLOCK).min(bytes.end).saturating_sub((number * BLOCK).max(bytes.start))
            })
            .sum()
    };
    let best = |worker: usize| {
        let own = &splits[worker * splits.len() / WORKERS..(worker + 1) * splits.len() / WORKERS];
        let bytes = own[0].start..own[own.len() - 1].end;
        lab.nodes().iter().map(|node| on(&node.host, &bytes)).max().unwrap()
    };
    (0..WORKERS).map(best).sum()
}

/// How many copies of the program the nodes have fetched so far.
fn programs(lab: &Lab) -> u64 {
    let of = |node: usize| {
        let home = lab.container_logs(node).parent().unwrap().to_path_buf();
        let cache = home.join("local/usercache").join(USER).join("filecache");
        let entries = fs::read_dir(cache).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().join("sgd").exists()).count() as u64
    };
    (1..=lab.nodes().len()).map(of).sum()
}

fn owner(lab: &Lab, path: &str) -> String {
    let address = format!("{}/webhdfs/v1{path}?user.name={USER}&op=GETFILESTATUS", lab.namenode_web());
    let status: serde_json::Value = serde_json::from_str(&crate::cluster::page(&address).1).unwrap();
    status["FileStatus"]["owner"].as_str().unwrap().to_owned()
}
