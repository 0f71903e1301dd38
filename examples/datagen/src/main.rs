//! Writes big data sets, the same bytes for the same flags on any machine: labels are the sign of a hidden linear model's
//! noisy score, so that learning has something to find.

mod popularity;
mod text;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use lapwing::rng::Rng;
use popularity::Popularity;

/// Write a data set for benchmarks: the same bytes for the same flags on any machine
#[derive(Debug, Parser)]
struct Flags {
    /// Rows
    #[arg(long, default_value_t = 200_000)]
    rows: u64,
    /// Columns
    #[arg(long, default_value_t = 47_236, value_parser = clap::value_parser!(u32).range(1..))]
    columns: u32,
    /// Mean number of non-zeros per row; rows have from 1 to twice as many, and unit length
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    nonzeros: u32,
    /// The k-th most popular column is drawn in proportion to 1 / k^POWER; 0 makes all alike
    #[arg(long, default_value_t = 1.0, value_parser = not_negative)]
    power: f64,
    /// Every column in every row, from -1 to 1
    #[arg(long, conflicts_with_all = ["nonzeros", "power"])]
    dense: bool,
    /// Deviation of the noise on a row's score, whose own is about 1
    #[arg(long, default_value_t = 0.1, value_parser = not_negative)]
    noise: f64,
    /// Seed of everything random
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = Format::Libsvm)]
    format: Format,
    /// File to write; one that exists is replaced
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Lines of `label column:value …`, columns from 1
    Libsvm,
}

/// Values are whole hundred-thousandths, so that the label is that of the very numbers that are written.
const UNIT: f64 = 1e5;
const CHUNK: usize = 1 << 20;

#[expect(clippy::print_stderr, reason = "this is the place where a failure goes to the user")]
fn main() -> ExitCode {
    let flags = Flags::parse();
    if !flags.dense && flags.nonzeros > flags.columns {
        let text = format!("--nonzeros {} is more than --columns {}", flags.nonzeros, flags.columns);
        Flags::command().error(ErrorKind::ValueValidation, text).exit();
    }
    let Format::Libsvm = flags.format;
    match write(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error}", flags.output.display());
            ExitCode::FAILURE
        }
    }
}

fn write(flags: &Flags) -> std::io::Result<()> {
    let mut file = File::create(&flags.output)?;
    let model = hidden_model(flags);
    let mut popularity = Popularity::new(flags.columns, flags.power, &mut Rng::new(&[flags.seed, 1]));
    let mut rng = Rng::new(&[flags.seed, 2]);
    let (mut columns, mut values) = ((0..flags.columns).collect::<Vec<_>>(), Vec::new());
    let mut chunk = Vec::with_capacity(2 * CHUNK);
    for _ in 0..flags.rows {
        if flags.dense {
            values.clear();
            values.extend(columns.iter().map(|_| hundred_thousandths(2.0 * rng.uniform_f64() - 1.0)));
        } else {
            popularity.draw(row_length(flags, &mut rng), &mut rng, &mut columns);
            unit_length(columns.len(), &mut rng, &mut values);
        }
        let score: f64 = columns
            .iter()
            .zip(&values)
            .map(|(&column, &value)| model[column as usize] * f64::from(value))
            .sum();
        let positive = score + flags.noise * rng.normal() > 0.0;
        text::line(positive, &columns, &values, &mut chunk);
        if chunk.len() >= CHUNK {
            file.write_all(&chunk)?;
            chunk.clear();
        }
    }
    file.write_all(&chunk)
}

/// Normal weights, scaled so that scores have a deviation of about 1 in either kind of data.
fn hidden_model(flags: &Flags) -> Vec<f64> {
    let mut rng = Rng::new(&[flags.seed, 0]);
    // A number from -1 to 1 has variance 1/3; the squares of a row of unit length add up to 1.
    let squares = if flags.dense { f64::from(flags.columns) / 3.0 } else { 1.0 };
    let scale = 1.0 / (squares.sqrt() * UNIT);
    (0..flags.columns).map(|_| rng.normal() * scale).collect()
}

/// Evenly spread around the mean, as far as there are columns.
fn row_length(flags: &Flags, rng: &mut Rng) -> usize {
    let spread = (flags.nonzeros - 1).min(flags.columns - flags.nonzeros);
    (u64::from(flags.nonzeros - spread) + rng.below(2 * u64::from(spread) + 1)) as usize
}

/// Positive values whose squares add up to 1, as those of normalised text have.
fn unit_length(length: usize, rng: &mut Rng, values: &mut Vec<i32>) {
    // At least 0.1, and printed as at least 0.00001, so that what counts as a non-zero is one.
    let raw: Vec<f64> = (0..length).map(|_| 1.0 - 0.9 * rng.uniform_f64()).collect();
    let scale = 1.0 / raw.iter().map(|value| value * value).sum::<f64>().sqrt();
    values.clear();
    values.extend(raw.iter().map(|value| hundred_thousandths(value * scale).max(1)));
}

fn hundred_thousandths(value: f64) -> i32 {
    (value * UNIT).round() as i32
}

fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..f64::INFINITY).contains(&number) => Ok(number),
        _ => Err("expected a number of at least 0".to_owned()),
    }
}
