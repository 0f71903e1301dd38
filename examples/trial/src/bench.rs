//! An example's hot loop beside a rival in the same process, on the same rows.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Instant, UNIX_EPOCH};

use lapwing::load::{Format, Load, LoadOptions};
use lapwing::rng::Rng;
use lapwing::split::{Range, Split};

/// The medians of both in seconds, over so many rounds in each of which both run once, after one that does not count.
pub fn alternate<T, U>(
    rounds: usize,
    mut ours: impl FnMut() -> T,
    mut rival: impl FnMut() -> U,
) -> (f64, f64) {
    let (mut own, mut other) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let start = Instant::now();
        black_box(ours());
        let between = Instant::now();
        black_box(rival());
        if round > 0 {
            own.push((between - start).as_secs_f64());
            other.push(between.elapsed().as_secs_f64());
        }
    }
    (median(own), median(other))
}

/// Prints both medians and their ratio.
#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
pub fn print(what: &str, (ours, rival): (f64, f64)) {
    println!("{what}: {:.2} ms, rival {:.2} ms, ratio {:.3}", ours * 1e3, rival * 1e3, ours / rival);
}

/// One split of made-up rows; `row` appends the text of each.
pub fn rows<D: Load>(count: u64, columns: u32, mut row: impl FnMut(&mut Rng, &mut String)) -> D {
    let (mut rng, mut text) = (Rng::new(&[7]), String::new());
    (0..count).for_each(|_| row(&mut rng, &mut text));
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &text).expect("room on the disk");
    let modified = file.path().metadata().and_then(|meta| meta.modified()).expect("the file is there");
    let modified_ms = modified.duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64;
    let (path, length) = (file.path().display().to_string(), text.len() as u64);
    let range = Range { path, offset: 0, length, file_length: length, modified_ms, hosts: Vec::new() };
    let options = LoadOptions { columns: Some(columns), ..LoadOptions::new(Format::Libsvm) };
    D::load(&Split { number: 0, ranges: vec![range] }, &options).expect("the rows load").0
}

/// A row with a number from -1 to 1 in each of so many columns, and the label -1 or 1.
pub fn dense_row(columns: u32, rng: &mut Rng, text: &mut String) {
    *text += if rng.below(2) == 0 { "-1" } else { "1" };
    for column in 1..=columns {
        let value = 2.0 * rng.uniform_f32() - 1.0;
        write!(text, " {column}:{value:.5}").expect("text grows");
    }
    *text += "\n";
}

/// A row of up to `numbers` numbers, low columns far more often than high ones, as words in texts are.
pub fn sparse_row(columns: u32, numbers: usize, rng: &mut Rng, text: &mut String) {
    *text += if rng.below(2) == 0 { "-1" } else { "1" };
    let place = |rng: &mut Rng| {
        let place = rng.uniform_f64();
        (place * place * place * f64::from(columns)) as u32
    };
    let mut chosen: Vec<u32> = (0..numbers).map(|_| place(rng)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    for column in chosen {
        write!(text, " {}:0.{:04}", column + 1, rng.below(10_000)).expect("text grows");
    }
    *text += "\n";
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
