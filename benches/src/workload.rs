//! Keys, values and random numbers: the same for ours and the peer's.

use std::sync::Arc;

use bytes::Bytes;
use larder::Key;

/// SplitMix64: small, seeded, and good enough to shuffle with.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

/// Some keys, and a value of the same length for each. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    keys: Arc<[Key]>,
    value_len: usize,
    /// For each rank, the share of draws that fall on it or on one before it. Empty if all keys are drawn alike.
    skew: Arc<[f64]>,
}

impl Workload {
    pub(crate) fn new(keys: usize, value_len: usize) -> Workload {
        let name = |i| Key::new(format!("object-{i:012}")).expect("digits and letters are a key");
        Workload { keys: (0..keys).map(name).collect(), value_len, skew: Arc::default() }
    }

    /// The same keys, drawn by Zipf's law with this exponent. Which keys are the frequent ones is left to chance, so that
    /// they are not neighbours.
    pub(crate) fn zipf(mut self, exponent: f64) -> Workload {
        let mut names: Vec<Key> = self.keys.to_vec();
        let mut rng = Rng::new(names.len() as u64);
        for i in (1..names.len()).rev() {
            names.swap(i, rng.below(i + 1));
        }
        self.keys = names.into();
        let weights = (1..=self.keys.len()).map(|rank| (rank as f64).powf(-exponent));
        let mut sums: Vec<f64> = weights
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        let all = sums.last().copied().unwrap_or(1.0);
        sums.iter_mut().for_each(|sum| *sum /= all);
        self.skew = sums.into();
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn value_len(&self) -> usize {
        self.value_len
    }

    pub(crate) fn key(&self, i: usize) -> &Key {
        &self.keys[i]
    }

    /// The value of a key. Bytes that nothing can compress or guess; none is like another one.
    pub(crate) fn value(&self, i: usize) -> Vec<u8> {
        let mut rng = Rng::new(i as u64 + 1);
        let mut value = Vec::with_capacity(self.value_len + 8);
        while value.len() < self.value_len {
            value.extend_from_slice(&rng.next().to_le_bytes());
        }
        value.truncate(self.value_len);
        value
    }

    /// [`Workload::value`] as shared bytes.
    pub(crate) fn bytes(&self, i: usize) -> Bytes {
        self.value(i).into()
    }

    /// Keys and their values, made before they are timed.
    pub(crate) fn puts(&self, order: &[usize]) -> Vec<(Key, Bytes)> {
        order.iter().map(|&i| (self.keys[i].clone(), self.bytes(i))).collect()
    }

    /// Keys, cloned before they are timed.
    pub(crate) fn picked(&self, order: &[usize]) -> Vec<Key> {
        order.iter().map(|&i| self.keys[i].clone()).collect()
    }

    /// `count` of the keys at random.
    pub(crate) fn order(&self, rng: &mut Rng, count: usize) -> Vec<usize> {
        (0..count).map(|_| self.draw(rng)).collect()
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        if self.skew.is_empty() {
            return rng.below(self.keys.len());
        }
        let drawn = (rng.next() >> 11) as f64 / (1u64 << 53) as f64;
        self.skew.partition_point(|sum| *sum <= drawn).min(self.keys.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_reach_everything_below_the_end() {
        let mut rng = Rng::new(3);
        let mut seen = [0; 7];
        (0..7_000).for_each(|_| seen[rng.below(7)] += 1);
        assert!(seen.iter().all(|&n| (800..1_200).contains(&n)), "{seen:?}");
    }

    #[test]
    fn zipf_draws_by_rank() {
        let workload = Workload::new(1_000, 1).zipf(0.9);
        let mut seen = vec![0u32; 1_000];
        workload.order(&mut Rng::new(5), 200_000).into_iter().for_each(|i| seen[i] += 1);
        // The harmonic number of order 0.9 of a thousand is 10.8.
        assert!((17_000..20_000).contains(&seen[0]), "{}", seen[0]);
        let tenfold = f64::from(seen[0]) / f64::from(seen[9]);
        assert!((7.0..9.0).contains(&tenfold), "{tenfold}");
        assert!(seen.iter().all(|n| *n > 0));
    }

    #[test]
    fn values_have_their_length_and_differ() {
        let workload = Workload::new(3, 1_021);
        let values: Vec<_> = (0..3).map(|i| workload.value(i)).collect();
        assert!(values.iter().all(|v| v.len() == 1_021));
        assert!(values[0] != values[1] && values[1] != values[2]);
        assert_eq!(workload.value(2), values[2]);
    }
}
