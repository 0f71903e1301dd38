//! Columns drawn by a power law, each at most once per row.

use lapwing::{math, rng::Rng};

/// Draws columns in constant time by the alias method (Walker 1977; Vose, "A Linear Algorithm for Generating Random Numbers
/// with a Given Distribution", 1991): each slot holds one column, and another one for the probability that it leaves over.
#[derive(Debug)]
pub(crate) struct Popularity {
    slots: Vec<Slot>,
    /// The last row that each column was drawn for.
    drawn: Vec<u64>,
    row: u64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Below this share of 2^32, `own`; else `other`.
    share: u32,
    own: u32,
    other: u32,
}

impl Popularity {
    /// The k-th most popular of so many columns weighs k^-power. Which column is the k-th is random, as in real data: were the
    /// popular ones neighbours, caches would flatter every benchmark.
    pub(crate) fn new(columns: u32, power: f64, rng: &mut Rng) -> Self {
        let mut order: Vec<u32> = (0..columns).collect();
        rng.shuffle(&mut order);
        let weights: Vec<f64> = (1..=columns).map(|k| math::pow(f64::from(k), -power)).collect();
        let to_slots = f64::from(columns) / weights.iter().sum::<f64>();
        let mut rest: Vec<f64> = weights.iter().map(|weight| weight * to_slots).collect();
        let mut slots: Vec<Slot> =
            order.iter().map(|&column| Slot { share: u32::MAX, own: column, other: column }).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..rest.len()).partition(|&k| rest[k] < 1.0);
        while let (Some(&giver), Some(taker)) = (large.last(), small.pop()) {
            slots[taker] =
                Slot { share: (rest[taker] * 2f64.powi(32)) as u32, other: order[giver], ..slots[taker] };
            rest[giver] -= 1.0 - rest[taker];
            if rest[giver] < 1.0 {
                small.extend(large.pop());
            }
        }
        Self { slots, drawn: vec![0; columns as usize], row: 0 }
    }

    /// So many different columns in ascending order; there must be as many.
    pub(crate) fn draw(&mut self, length: usize, rng: &mut Rng, columns: &mut Vec<u32>) {
        self.row += 1;
        columns.clear();
        // Where a steep law has too few likely columns for the row, chance alone takes over.
        let mut patience = 20 * length;
        while columns.len() < length {
            let column =
                if patience > 0 { self.popular(rng) } else { rng.below(self.slots.len() as u64) as u32 };
            patience = patience.saturating_sub(1);
            if self.drawn[column as usize] != self.row {
                self.drawn[column as usize] = self.row;
                columns.push(column);
            }
        }
        columns.sort_unstable();
    }

    fn popular(&self, rng: &mut Rng) -> u32 {
        let bits = rng.next_u64();
        let slot = self.slots[(((bits >> 32) * self.slots.len() as u64) >> 32) as usize];
        if (bits as u32) < slot.share { slot.own } else { slot.other }
    }
}
