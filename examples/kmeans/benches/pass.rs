//! A pass of k-means over dense rows beside two bare loops on one core: 1 million rows of 32 columns, 10 centres.
//! Run with `cargo bench -p kmeans --bench pass`.
#![allow(missing_docs, clippy::needless_range_loop)]

#[path = "../src/main.rs"]
#[expect(dead_code, reason = "only a pass is measured")]
mod kmeans;

use kmeans::scan;
use lapwing::load::{DenseRows, Rows};
use trial::bench;

const WIDTH: usize = 32;
const K: usize = 10;
const ROUNDS: usize = 21;

fn main() {
    let data = bench::rows::<DenseRows>(1_000_000, WIDTH as u32, |rng, text| {
        bench::dense_row(WIDTH as u32, rng, text)
    });
    let centres = data.values()[..K * WIDTH].to_vec();
    let rows = Rows::Dense(data.clone());
    let ours = scan::assign(&rows, &centres, WIDTH);
    let (sums, counts, inertia) = tuned(data.values(), &centres);
    assert!(
        ours.sums == sums && ours.counts == counts && ours.inertia == inertia,
        "both sides compute the same bits"
    );
    let pass = || scan::assign(&rows, &centres, WIDTH);
    bench::print(
        "pass beside the tuned loop",
        bench::alternate(ROUNDS, pass, || tuned(data.values(), &centres)),
    );
    bench::print(
        "pass beside the textbook's loop",
        bench::alternate(5, pass, || naive(data.values(), &centres)),
    );
}

/// Tuned with numbers of rows, columns and centres known to the compiler: ten centres in twelve lanes, column by column, two rows at a
/// time, the lanes compared four by four; sums in f64, as they are ours. (One row at a time, and four, are slower.)
fn tuned(values: &[f32], centres: &[f32]) -> (Vec<f64>, Vec<u64>, f64) {
    let mut columns = [[f32::INFINITY; 12]; WIDTH];
    for (lane, centre) in centres.chunks(WIDTH).enumerate() {
        columns.iter_mut().zip(centre).for_each(|(column, &value)| column[lane] = value);
    }
    let (mut sums, mut counts, mut inertia) = (vec![[0.0f64; WIDTH]; K], vec![0u64; K], 0.0f64);
    for pair in values.as_chunks::<{ 2 * WIDTH }>().0 {
        let rows = pair.as_chunks::<WIDTH>().0;
        let distances = distances(&columns, &rows[0], &rows[1]);
        for (row, distances) in rows.iter().zip(&distances) {
            let (mut least, mut places) = ([f32::INFINITY; 4], [0usize; 4]);
            for group in 0..3 {
                for lane in 0..4 {
                    let less = distances[4 * group + lane] < least[lane];
                    least[lane] = if less { distances[4 * group + lane] } else { least[lane] };
                    places[lane] = if less { 4 * group + lane } else { places[lane] };
                }
            }
            let mut best = 0;
            for lane in 1..4 {
                if least[lane] < least[best] || least[lane] == least[best] && places[lane] < places[best] {
                    best = lane;
                }
            }
            inertia += f64::from(least[best]);
            counts[places[best]] += 1;
            sums[places[best]].iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        }
    }
    (sums.concat(), counts, inertia)
}

/// Out of line: a good deal quicker, since the compiler keeps the lanes together.
#[inline(never)]
fn distances(columns: &[[f32; 12]; WIDTH], first: &[f32; WIDTH], second: &[f32; WIDTH]) -> [[f32; 12]; 2] {
    let mut sums = ([0.0f32; 12], [0.0f32; 12]);
    for ((column, first), second) in columns.iter().zip(first).zip(second) {
        for (lane, centre) in column.iter().enumerate() {
            let (a, b) = (first - centre, second - centre);
            sums.0[lane] += a * a;
            sums.1[lane] += b * b;
        }
    }
    [sums.0, sums.1]
}

/// As one writes it down.
fn naive(values: &[f32], centres: &[f32]) -> (Vec<f64>, Vec<u64>, f64) {
    let (mut sums, mut counts, mut inertia) = (vec![0.0f64; K * WIDTH], vec![0u64; K], 0.0f64);
    for row in values.chunks(WIDTH) {
        let mut best = (0, f32::INFINITY);
        for (place, centre) in centres.chunks(WIDTH).enumerate() {
            let distance = row.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum();
            if distance < best.1 {
                best = (place, distance);
            }
        }
        inertia += f64::from(best.1);
        counts[best.0] += 1;
        sums[best.0 * WIDTH..][..WIDTH]
            .iter_mut()
            .zip(row)
            .for_each(|(sum, &value)| *sum += f64::from(value));
    }
    (sums, counts, inertia)
}
