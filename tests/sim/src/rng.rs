//! Randomness that a seed repeats.

/// A stream of numbers that its seed decides: xorshift64* (Vigna, An experimental exploration of Marsaglia's xorshift
/// generators, scrambled, 2016).
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Rng {
        // The state must not be 0, and seeds that are near each other must not begin alike.
        Rng(mix(seed).max(1))
    }

    /// The stream of a part of `seed`, so that parts do not shift each other.
    pub fn part(seed: u64, part: u64) -> Rng {
        Rng::new(mix(seed) ^ part.wrapping_mul(0x9e6c_63d0_876a_3f6b))
    }

    /// The next number.
    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// One of `0..n`; 0 for an `n` of 0.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.word()) * u128::from(n)) >> 64) as u64
    }

    /// One of `0..n`, as an index.
    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// One of the numbers of a range, its end included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below((most - least).saturating_add(1))
    }

    /// Whether one of `n` cases, equally likely, came.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.index(all.len())]
    }

    /// One of the choices, by weight.
    pub fn weighted<'a, T>(&mut self, choices: &'a [(u32, T)]) -> &'a T {
        let total: u64 = choices.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut at = self.below(total);
        for (weight, choice) in choices {
            match at.checked_sub(u64::from(*weight)) {
                None => return choice,
                Some(rest) => at = rest,
            }
        }
        unreachable!("the weights add up to the total")
    }
}

/// Spreads every bit of a number over all of it.
pub fn mix(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A seed nobody chose: from the operating system.
pub fn fresh_seed() -> u64 {
    larder_store_core::Env::system().random_u64() >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_parts_differ() {
        let take = |mut rng: Rng| (0..8).map(|_| rng.word()).collect::<Vec<_>>();
        assert_eq!(take(Rng::new(7)), take(Rng::new(7)));
        assert_ne!(take(Rng::new(7)), take(Rng::new(8)));
        assert_ne!(take(Rng::part(7, 0)), take(Rng::part(7, 1)));
    }

    #[test]
    fn ranges_are_kept_and_reached() {
        let mut rng = Rng::new(1);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[rng.between(10, 14) as usize - 10] += 1;
        }
        assert!(seen.iter().all(|&n| n > 100), "{seen:?}");
        let mut rare = 0;
        for _ in 0..1000 {
            rare += u32::from(*rng.weighted(&[(1, true), (9, false)]));
        }
        assert!((50..200).contains(&rare), "{rare}");
    }
}
