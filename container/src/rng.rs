//! A small random generator whose numbers are part of the promise of equal bits.
//!
//! xoshiro256++ (Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021) with its state
//! filled by SplitMix64. The golden values in this file's tests must never change.

use crate::math;

/// A deterministic generator: equal words give equal numbers on every machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Rng {
    state: [u64; 4],
    spare_normal: Option<f64>,
}

impl Rng {
    /// A generator for these words, for example (seed, pass, split). Every word changes the whole stream, and
    /// so does their number and order.
    pub fn new(words: &[u64]) -> Self {
        let mut seed = words.len() as u64;
        for word in words {
            seed = split_mix(seed ^ word);
        }
        let state = std::array::from_fn(|_| {
            seed = seed.wrapping_add(GOLDEN_GAMMA);
            finish(seed)
        });
        Rng { state, spare_normal: None }
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let t = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= t;
        *d = d.rotate_left(45);
        result
    }

    /// A number in `0..n`, each equally likely (Lemire, "Fast Random Integer Generation in an Interval",
    /// 2019); 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            // The rare case: the lowest 2^64 mod n products of each bucket would be one too many.
            let excess = n.wrapping_neg() % n;
            while (product as u64) < excess {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// A number in [0, 1): a multiple of 2^-24, each equally likely.
    pub fn uniform_f32(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 * (1.0 / (1u32 << 24) as f32)
    }

    /// A number in [0, 1): a multiple of 2^-53, each equally likely.
    pub fn uniform_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A normal number of mean 0 and variance 1, by Marsaglia's polar method: its only functions are the
    /// square root, which IEEE fixes, and our own logarithm.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        loop {
            let x = 2.0 * self.uniform_f64() - 1.0;
            let y = 2.0 * self.uniform_f64() - 1.0;
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * math::ln(square) / square).sqrt();
                self.spare_normal = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// Puts the items into a random order, each equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

fn split_mix(seed: u64) -> u64 {
    finish(seed.wrapping_add(GOLDEN_GAMMA))
}

/// The output function of SplitMix64 (Steele, Lea and Flood, 2014).
fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_numbers_never_change() {
        let mut rng = Rng::new(&[42, 3, 7]);
        let bits = [0x16af_c344_468d_e1c0, 0xb660_3a26_fc6c_9463, 0x03ae_7fc8_de02_4ca3];
        assert_eq!([rng.next_u64(), rng.next_u64(), rng.next_u64()], bits);
        assert_eq!([rng.below(10), rng.below(10), rng.below(1_000_000_007)], [9, 3, 304_413_159]);
        assert_eq!(rng.uniform_f32().to_bits(), 0x3ea2_b3ae);
        assert_eq!(rng.uniform_f64().to_bits(), 0x3fc4_9e7e_9433_08b8);
        let normals = [0x3fdf_6f18_ca7b_14f6, 0xbfe3_b2ac_841b_f71b, 0x3fd6_e86e_0364_c84b];
        assert_eq!([rng.normal().to_bits(), rng.normal().to_bits(), rng.normal().to_bits()], normals);
        let mut items = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        rng.shuffle(&mut items);
        assert_eq!(items, [6, 8, 0, 7, 5, 3, 2, 1, 9, 4]);
    }

    #[test]
    fn the_published_generators() {
        // The first numbers of SplitMix64 from seed 0 and of xoshiro256++ from state 1, 2, 3, 4.
        assert_eq!(split_mix(0), 0xe220_a839_7b1d_cdaf);
        let mut rng = Rng { state: [1, 2, 3, 4], spare_normal: None };
        assert_eq!(
            [rng.next_u64(), rng.next_u64(), rng.next_u64()],
            [41_943_041, 58_720_359, 3_588_806_011_781_223]
        );
    }

    #[test]
    fn every_word_its_place_and_their_number_count() {
        let seeds: [&[u64]; 7] = [&[], &[0], &[0, 0], &[1], &[1, 2], &[2, 1], &[1, 2, 0]];
        let mut firsts: Vec<u64> = seeds.iter().map(|words| Rng::new(words).next_u64()).collect();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), seeds.len());
    }

    #[test]
    fn below_is_even_and_in_range() {
        let mut rng = Rng::new(&[1]);
        let mut counts = [0u32; 7];
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
        assert_eq!([rng.below(0), rng.below(1)], [0, 0]);
        assert!(rng.below(u64::MAX) < u64::MAX);
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut rng = Rng::new(&[5]);
        let normals: Vec<f64> = (0..100_000).map(|_| rng.normal()).collect();
        let mean = normals.iter().sum::<f64>() / 1e5;
        let variance = normals.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn uniforms_and_shuffles_cover_their_range() {
        let mut rng = Rng::new(&[6]);
        assert!((0..10_000).all(|_| (0.0..1.0).contains(&rng.uniform_f32())));
        assert!((0..10_000).all(|_| (0.0..1.0).contains(&rng.uniform_f64())));
        let mut firsts = [0u32; 5];
        for _ in 0..5_000 {
            let mut items = [0, 1, 2, 3, 4];
            rng.shuffle(&mut items);
            firsts[items[0]] += 1;
        }
        assert!(firsts.iter().all(|count| (850..1_150).contains(count)), "{firsts:?}");
    }
}
