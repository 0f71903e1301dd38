//! A pass of EM over dense rows beside bare loops on one core. Run with `cargo bench -p gmm --bench pass`.
#![allow(missing_docs, clippy::needless_range_loop)]

#[path = "../src/main.rs"]
#[expect(dead_code, reason = "only a pass is measured")]
mod gmm;

use gmm::mixture::Mixture;
use gmm::scan;
use lapwing::load::DenseRows;
use lapwing::math::{LogSum, exp_of_negative};
use trial::bench;

const WIDTH: usize = 16;
const K: usize = 8;
const ROWS: usize = 32;
const ROUNDS: usize = 15;

type Lanes = [f32; ROWS];

fn main() {
    let data = bench::rows::<DenseRows>(320_000, WIDTH as u32, |rng, text| {
        bench::dense_row(WIDTH as u32, rng, text)
    });
    for full in [false, true] {
        let length = if full { WIDTH * (WIDTH + 1) / 2 } else { WIDTH };
        let mut covariances = vec![0.0; length];
        (0..WIDTH)
            .for_each(|line| covariances[if full { (line + 1) * (line + 2) / 2 - 1 } else { line }] = 0.3);
        let means = data.values()[..K * WIDTH].iter().copied().map(f64::from).collect();
        let weights = vec![1.0 / K as f64; K];
        let mixture =
            Mixture { width: WIDTH as u32, full, weights, means, covariances: covariances.repeat(K) };
        let parts = constants(&mixture);
        let rival = || {
            if full { tuned::<true>(data.values(), &parts) } else { tuned::<false>(data.values(), &parts) }
        };
        let ours = scan::expect(&data, &mixture, true);
        let (likelihood, totals, firsts, seconds) = rival();
        assert!(
            ours.log_likelihood == likelihood && ours.totals == totals,
            "both sides compute the same bits"
        );
        assert!(ours.firsts == firsts && ours.seconds == seconds, "and the same moments");
        let pass = || scan::expect(&data, &mixture, true);
        let what = if full { "full" } else { "diag" };
        bench::print(&format!("{what}: pass beside the tuned loop"), bench::alternate(ROUNDS, pass, rival));
        if !full {
            let rival = || by_component(data.values(), &parts);
            bench::print(
                "diag: pass beside a loop whose lanes are components",
                bench::alternate(ROUNDS, pass, rival),
            );
        }
    }
}

/// A component: mean, inverse factor, height.
type Part = ([f32; WIDTH], Vec<f32>, f32);

fn constants(mixture: &Mixture) -> Vec<Part> {
    let short = |numbers: &[f64]| numbers.iter().map(|&number| number as f32).collect::<Vec<f32>>();
    let part = |(means, (inverse, height)): (&[f64], (Vec<f64>, f64))| {
        (short(means).try_into().expect("as wide"), short(&inverse), height as f32)
    };
    mixture.means.chunks(WIDTH).zip(mixture.precisions()).map(part).collect()
}

/// Tuned with numbers of rows, columns and components known to the compiler: blocks of 32 turned rows, lanes are rows, densities and
/// moments out of line so that the lanes stay together; a block's sums in f32 by eight lanes, their sums in f64.
fn tuned<const FULL: bool>(values: &[f32], parts: &[Part]) -> (f64, Vec<f64>, Vec<f64>, Vec<f64>) {
    let length = parts[0].1.len();
    let (mut totals, mut firsts, mut seconds) =
        (vec![0.0f64; K], vec![0.0f64; K * WIDTH], vec![0.0f64; K * length]);
    let (mut likelihood, mut logs) = (0.0f64, LogSum::new());
    let (mut block, mut shares) = ([[0.0f32; ROWS]; WIDTH], [[0.0f32; ROWS]; K]);
    for rows in values.as_chunks::<{ ROWS * WIDTH }>().0 {
        for (row, values) in rows.as_chunks::<WIDTH>().0.iter().enumerate() {
            (0..WIDTH).for_each(|column| block[column][row] = values[column]);
        }
        let mut highest = [f32::NEG_INFINITY; ROWS];
        for (share, part) in shares.iter_mut().zip(parts) {
            densities::<FULL>(&block, part, share);
            (0..ROWS).for_each(|row| {
                highest[row] = if share[row] > highest[row] { share[row] } else { highest[row] }
            });
        }
        let sums = normalise(&mut shares, &highest);
        for row in 0..ROWS {
            likelihood += f64::from(highest[row]);
            logs.add(f64::from(sums[row]));
        }
        for (place, (share, part)) in shares.iter().zip(parts).enumerate() {
            totals[place] += f64::from(products(share, &[1.0; ROWS]));
            gather::<FULL>(&block, part, share, &mut firsts[place * WIDTH..], &mut seconds[place * length..]);
        }
    }
    (likelihood + logs.total(), totals, firsts, seconds)
}

#[inline(never)]
fn densities<const FULL: bool>(block: &[Lanes; WIDTH], (means, inverse, height): &Part, logs: &mut Lanes) {
    let mut squares = [0.0; ROWS];
    if FULL {
        let differences = differences(block, means);
        let mut factors = inverse.iter();
        for line in 0..WIDTH {
            let mut reached = [0.0; ROWS];
            for column in &differences[..=line] {
                let factor = factors.next().expect("a triangle");
                (0..ROWS).for_each(|row| reached[row] += factor * column[row]);
            }
            (0..ROWS).for_each(|row| squares[row] += reached[row] * reached[row]);
        }
    } else {
        for column in 0..WIDTH {
            for row in 0..ROWS {
                let reached = (block[column][row] - means[column]) * inverse[column];
                squares[row] += reached * reached;
            }
        }
    }
    (0..ROWS).for_each(|row| logs[row] = height - 0.5 * squares[row]);
}

#[inline(never)]
fn normalise(shares: &mut [Lanes; K], highest: &Lanes) -> Lanes {
    let mut totals = [0.0; ROWS];
    for share in &mut *shares {
        for row in 0..ROWS {
            let below = share[row] - highest[row];
            share[row] = exp_of_negative(if below < -87.0 { -87.0 } else { below });
            totals[row] += share[row];
        }
    }
    shares.iter_mut().for_each(|share| (0..ROWS).for_each(|row| share[row] /= totals[row]));
    totals
}

#[inline(never)]
fn gather<const FULL: bool>(
    block: &[Lanes; WIDTH],
    part: &Part,
    share: &Lanes,
    firsts: &mut [f64],
    seconds: &mut [f64],
) {
    let differences = differences(block, &part.0);
    let mut place = 0;
    for line in 0..WIDTH {
        let weighted: Lanes = std::array::from_fn(|row| differences[line][row] * share[row]);
        firsts[line] += f64::from(products(&weighted, &[1.0; ROWS]));
        let columns = if FULL { &differences[..=line] } else { &differences[line..=line] };
        for column in columns {
            seconds[place] += f64::from(products(&weighted, column));
            place += 1;
        }
    }
}

fn differences(block: &[Lanes; WIDTH], means: &[f32; WIDTH]) -> [Lanes; WIDTH] {
    std::array::from_fn(|column| std::array::from_fn(|row| block[column][row] - means[column]))
}

#[inline]
fn products(left: &Lanes, right: &Lanes) -> f32 {
    let mut sums = [0.0f32; 8];
    for (left, right) in left.as_chunks::<8>().0.iter().zip(right.as_chunks::<8>().0) {
        (0..8).for_each(|lane| sums[lane] += left[lane] * right[lane]);
    }
    let four: [f32; 4] = std::array::from_fn(|lane| sums[lane] + sums[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

/// The other way to lay it out: a row at a time, lanes are components, moments of 32 rows in f32.
fn by_component(values: &[f32], parts: &[Part]) -> (f64, Vec<f64>) {
    let column = |of: fn(&Part, usize) -> f32| -> [[f32; K]; WIDTH] {
        std::array::from_fn(|column| std::array::from_fn(|place| of(&parts[place], column)))
    };
    let (means, inverse) = (column(|part, column| part.0[column]), column(|part, column| part.1[column]));
    let heights: [f32; K] = std::array::from_fn(|place| parts[place].2);
    let (mut likelihood, mut logs, mut moments) = (0.0f64, LogSum::new(), vec![0.0f64; 2 * WIDTH * K]);
    for rows in values.as_chunks::<{ ROWS * WIDTH }>().0 {
        let mut sums = [[[0.0f32; K]; 2]; WIDTH];
        for row in rows.as_chunks::<WIDTH>().0 {
            let mut shares = component_densities(row, &means, &inverse, &heights);
            let highest =
                shares.iter().fold(f32::NEG_INFINITY, |most, &log| if log > most { log } else { most });
            let mut total = 0.0;
            for share in &mut shares {
                let below = *share - highest;
                *share = exp_of_negative(if below < -87.0 { -87.0 } else { below });
                total += *share;
            }
            likelihood += f64::from(highest);
            logs.add(f64::from(total));
            shares.iter_mut().for_each(|share| *share /= total);
            component_moments(row, &means, &shares, &mut sums);
        }
        moments
            .iter_mut()
            .zip(sums.as_flattened().as_flattened())
            .for_each(|(sum, &part)| *sum += f64::from(part));
    }
    (likelihood + logs.total(), moments)
}

#[inline(never)]
fn component_densities(
    row: &[f32; WIDTH],
    means: &[[f32; K]; WIDTH],
    inverse: &[[f32; K]; WIDTH],
    heights: &[f32; K],
) -> [f32; K] {
    let mut squares = [0.0f32; K];
    for column in 0..WIDTH {
        for place in 0..K {
            let reached = (row[column] - means[column][place]) * inverse[column][place];
            squares[place] += reached * reached;
        }
    }
    std::array::from_fn(|place| heights[place] - 0.5 * squares[place])
}

#[inline(never)]
fn component_moments(
    row: &[f32; WIDTH],
    means: &[[f32; K]; WIDTH],
    shares: &[f32; K],
    sums: &mut [[[f32; K]; 2]; WIDTH],
) {
    for column in 0..WIDTH {
        for place in 0..K {
            let difference = row[column] - means[column][place];
            let weighted = difference * shares[place];
            sums[column][0][place] += weighted;
            sums[column][1][place] += weighted * difference;
        }
    }
}
