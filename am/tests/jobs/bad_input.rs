//! Bad input: exit code 3, a message with the place and what was expected, and nothing written.

use std::fs;

use super::support::Bed;

/// A job over this input; it must fail like this and leave nothing.
fn assert_refused(bed: &Bed, input: &str, words: &[&str]) {
    let before = bed.names();
    let job = format!("--input {input} --output model --report report --splits 3 --master local[2]");
    bed.run(&job).assert_failed(3, words);
    assert_eq!(bed.names(), before, "something was written");
    bed.assert_clean();
}

/// A good row a thousand times, then this line, then another good row.
fn table(line: &str) -> String {
    format!("{}{line}\n-1 2:2\n", "+1 1:0.5 3:1\n".repeat(999))
}

#[test]
fn a_wrong_line_is_told_with_file_line_column_and_what_was_expected() {
    let lines = [
        ("+1 1:abc", "1000:6: expected a number after ':', found \"abc\""),
        ("yes 1:1", "1000:1: expected a label, found \"yes\""),
        ("+1 0:1", "1000:4: expected columns counted from 1, found column 0"),
        ("+1 3:1 2:1", "1000:8: expected ascending columns, found column 2 after column 3"),
        ("+1 3:1 3:1", "1000:8: expected each column once, found column 3 twice"),
        ("+1 1:nan", "1000:6: expected a number after ':' that is finite, found \"nan\""),
        ("+1 1:inf", "1000:6: expected a number after ':' that is finite, found \"inf\""),
        ("-inf 1:1", "1000:1: expected a label that is finite, found \"-inf\""),
        ("+1 1:1e39", "1000:6: expected a number after ':' below 3.4028236e38, found \"1e39\""),
        ("+1 1:1 7", "1000:8: expected column:value, found \"7\""),
        ("+1 -3:1", "1000:4: expected a column number before ':', found \"-3\""),
        ("+1 4294967296:1", "1000:4: expected a column up to 4294967295, found 4294967296"),
    ];
    for (line, words) in lines {
        let bed = Bed::empty();
        bed.put("x.libsvm", &table(line));
        assert_refused(&bed, "x.libsvm", &[&format!("{}:{words}", bed.path("x.libsvm").display())]);
    }
}

#[test]
fn a_column_beyond_the_fixed_number_is_bad_input() {
    let bed = Bed::empty();
    bed.put("x.libsvm", &table("+1 9:1"));
    let outcome = bed.run("--input x.libsvm --columns 8 --output model");
    outcome.assert_failed(3, &["x.libsvm:1000:4: expected a column up to 8 (the fixed number of columns)"]);
    assert!(!bed.path("model").exists());
}

#[test]
fn missing_empty_and_binary_input() {
    let bed = Bed::empty();
    bed.put("empty", "");
    bed.put("blank", "\n# nothing here\n\n");
    bed.put("folder/_hidden", "+1 1:1\n");
    bed.put("folder/.hidden", "+1 1:1\n");
    fs::write(bed.path("binary"), [0x7f, b'E', b'L', b'F', 0, 0, 1, b'\n', 3].repeat(100)).unwrap();
    assert_refused(&bed, "missing", &["missing: no such file"]);
    assert_refused(&bed, "empty", &["empty: the input is empty, expected at least one row"]);
    assert_refused(&bed, "blank", &["the input holds no rows"]);
    assert_refused(&bed, "folder", &["folder: the directory holds no input files"]);
    assert_refused(&bed, "*.libsvm", &["*.libsvm: no file matches the pattern"]);
    assert_refused(&bed, "/dev/null", &["/dev/null: expected a file or a directory"]);
    assert_refused(&bed, "binary", &["binary: looks like a binary file: expected text, found a zero byte"]);
}

#[test]
fn a_report_that_exists_is_kept_until_there_is_another() {
    let bed = Bed::new();
    bed.put("bad.libsvm", "x\n");
    bed.put("report", "of last week\n");
    bed.run("--input bad.libsvm --report report").assert_failed(3, &["bad.libsvm:1:1"]);
    assert_eq!(fs::read_to_string(bed.path("report")).unwrap(), "of last week\n");
    bed.run("--input table --passes 2 --report report").summary();
    assert_eq!(bed.report("report").len(), 2);
    let nowhere = bed.run("--input table --report no/such/folder");
    nowhere.assert_failed(3, &["the report no/such/folder: "]);
}

#[test]
fn an_output_that_exists_is_refused_before_anything_is_done() {
    let bed = Bed::new();
    bed.put("model/precious", "do not lose");
    let refused = bed.run("--input table --output model");
    refused.assert_failed(3, &["the output", "model exists: remove it, or say --overwrite"]);
    let foreign = bed.run("--input table --output model --overwrite");
    foreign.assert_failed(3, &["--overwrite will not remove it"]);
    // Hadoop and Spark leave such a file in every directory that they write.
    bed.put("model/_SUCCESS", "");
    bed.run("--input table --output model --overwrite").assert_failed(3, &["--overwrite will not remove it"]);
    assert_eq!(fs::read_to_string(bed.path("model/precious")).unwrap(), "do not lose");
    bed.assert_clean();
}

#[test]
fn an_output_does_not_take_the_place_of_its_input() {
    let bed = Bed::new();
    bed.run("--input table --output model").summary();
    bed.put("model/more.libsvm", "+1 1:1\n-1 2:1\n");
    for job in [
        "--input model/more.libsvm --output model",
        "--input table --validate model/more.libsvm --output model",
        "--input table --predict model --output model",
    ] {
        bed.run(&format!("{job} --overwrite")).assert_failed(3, &["would take the place of what is read: "]);
    }
    assert!(bed.path("model/more.libsvm").exists() && bed.path("model/model.npz").exists());
    bed.assert_clean();
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_anything_is_done() {
    let bed = Bed::new();
    let told = ["/proc/nowhere/model cannot be written"];
    bed.run("--input table --output /proc/nowhere/model").assert_failed(3, &told);
    bed.assert_clean();
}

#[test]
fn overwrite_replaces_a_model_only_when_the_new_one_is_complete() {
    let bed = Bed::new();
    let job = "--input table --splits 3 --master local[2] --output model";
    bed.run(job).summary();
    let before = bed.model("model");
    bed.run(&format!("{job} --overwrite --fail error --fail-pass 3")).assert_failed(6, &[]);
    assert!(bed.model("model") == before, "a failed job must not touch the old output");
    bed.run(&format!("{job} --overwrite --rate 0.01")).summary();
    assert!(bed.model("model") != before);
    bed.assert_clean();
}

#[test]
fn a_file_that_changes_after_the_plan_is_bad_input() {
    let bed = Bed::new();
    let mut command =
        bed.command("--input table --splits 3 --master local[1] --output model --on-loss restart");
    command.env("TESTBED_PACE_MS", "300").args(["--fault", "kill:w0@step1"]);
    let running = bed.start(command);
    bed.process("worker:0:0");
    std::thread::sleep(std::time::Duration::from_millis(500));
    bed.put("table/b.libsvm", "+1 1:1\n");
    running.end().assert_failed(3, &["b.libsvm: changed since the job was planned: it has 7 bytes and had"]);
    assert!(!bed.path("model").exists());
    bed.assert_clean();
}

#[test]
fn any_bytes_are_loaded_or_refused() {
    let bed = Bed::empty();
    let job = "--input noise --splits 4 --passes 1 --master local[2] --output model";
    let mut ended = [0, 0];
    for seed in 0..16 {
        let mut rng = lapwing::rng::Rng::new(&[seed]);
        let alphabet: &[u8] =
            if seed % 2 == 0 { b"0123456789:: .-e#\n\n" } else { b"1 1:1\n2 1:.5 9:2\r\n\n# x\n" };
        let mut noise: Vec<u8> = match seed % 4 {
            1 => alphabet.repeat(20),
            _ => (0..300).map(|_| alphabet[rng.below(alphabet.len() as u64) as usize]).collect(),
        };
        for _ in 0..seed / 4 {
            let place = rng.below(noise.len() as u64) as usize;
            noise[place] = rng.next_u64() as u8;
        }
        fs::write(bed.path("noise"), &noise).unwrap();
        let outcome = bed.run(job);
        match outcome.code {
            Some(0) => {
                ended[0] += 1;
                fs::remove_dir_all(bed.path("model")).unwrap();
            }
            _ => {
                ended[1] += 1;
                outcome.assert_failed(3, &["noise"]);
            }
        }
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
        assert_eq!(bed.names(), ["noise", "tmp"]);
    }
    bed.assert_clean();
    assert!(ended[0] > 0 && ended[1] > 0, "both must occur: {ended:?}");
}
