//! The bytes are a promise: benchmarks of different machines and years read the same data.

use std::process::Command;

use xxhash_rust::xxh3::xxh3_64;

fn generate(flags: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("data.libsvm");
    let mut command = Command::new(env!("CARGO_BIN_EXE_datagen"));
    assert!(command.args(flags.split(' ')).arg("--output").arg(&file).status().unwrap().success());
    std::fs::read(&file).unwrap()
}

#[test]
fn the_first_lines() {
    let text = String::from_utf8(generate("--rows 4 --columns 20 --nonzeros 3")).unwrap();
    assert_eq!(
        text,
        "\
+1 3:0.62429 8:0.62857 13:0.36792 15:0.25304 17:0.12557
-1 4:0.61370 7:0.57481 9:0.44123 13:0.27539 17:0.14979
+1 3:0.81943 7:0.30169 11:0.28378 17:0.39621
+1 13:0.92199 17:0.38722
"
    );
    let text = String::from_utf8(generate("--rows 3 --columns 4 --dense --seed 7")).unwrap();
    assert_eq!(
        text,
        "\
+1 1:-0.01377 2:0.97920 3:-0.50084 4:-0.29281
-1 1:0.45216 2:-0.50182 3:0.02717 4:-0.94232
-1 1:-0.62106 2:-0.31766 3:-0.22969 4:-0.10940
"
    );
}

#[test]
fn the_hash_of_more() {
    let text = generate("--rows 2000");
    assert_eq!((text.len(), xxh3_64(&text)), (1_628_604, 5_881_891_346_667_991_061));
}

#[test]
fn every_column_of_a_steep_law_once() {
    let text = String::from_utf8(generate("--rows 50 --columns 30 --nonzeros 30 --power 9")).unwrap();
    for line in text.lines() {
        let columns: Vec<u32> =
            line.split(' ').skip(1).map(|pair| pair.split(':').next().unwrap().parse().unwrap()).collect();
        assert!(columns.iter().copied().eq(1..=30), "{line}");
    }
}
