//! The best of a long row of candidates.

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its number, from 0.
    pub row: u32,
    /// How far it is from the query, in the units of the [`Metric`](crate::Metric).
    pub distance: f32,
}

/// Keeps the `keep` smallest of what it is offered. Of equal scores the smaller row is the better one, so that the answer does
/// not depend on how rows were visited together.
#[derive(Debug, Clone)]
pub(crate) struct Best {
    keep: usize,
    /// Score in the upper half, row in the lower.
    items: Vec<u64>,
    limit: u32,
}

impl Best {
    pub(crate) fn new(keep: usize) -> Best {
        Best { keep, items: Vec::with_capacity(room(keep)), limit: u32::MAX }
    }

    /// Whoever scores this or more, in a row behind all that were offered, is none of the best.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Offers a candidate that scores less than the limit.
    pub(crate) fn offer(&mut self, score: u32, row: u32) {
        self.items.push(u64::from(score) << 32 | u64::from(row));
        if self.items.len() == room(self.keep) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.keep == 0 {
            (self.limit, self.items) = (0, Vec::new());
        } else if self.items.len() >= self.keep {
            let (_, last, _) = self.items.select_nth_unstable(self.keep - 1);
            self.limit = (*last >> 32) as u32;
            self.items.truncate(self.keep);
        }
    }

    /// The best, as score and row, the very best first.
    pub(crate) fn into_sorted(mut self) -> Vec<(u32, u32)> {
        self.cut();
        self.items.sort_unstable();
        self.items.into_iter().map(|item| ((item >> 32) as u32, item as u32)).collect()
    }
}

/// How many are held before the worse half is thrown away.
fn room(keep: usize) -> usize {
    2 * keep + 32
}

/// A number that is ordered as the score is.
pub(crate) fn order_of(score: f32) -> u32 {
    let bits = score.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// The score that has this order; above all scores, infinity.
pub(crate) fn score_of(order: u32) -> f32 {
    let bits = if order >> 31 == 1 { order & !(1 << 31) } else { !order };
    let score = f32::from_bits(bits);
    if score.is_nan() { f32::INFINITY } else { score }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_those_of_the_scores() {
        let scores = [f32::NEG_INFINITY, -1e9, -1.0, -1e-40, -0.0, 0.0, 1e-40, 0.5, 2.0, 1e30, f32::INFINITY];
        for pair in scores.windows(2) {
            assert!(order_of(pair[0]) <= order_of(pair[1]), "{pair:?}");
        }
        for score in scores {
            assert_eq!(score_of(order_of(score)).to_bits(), score.to_bits());
        }
        assert_eq!(score_of(u32::MAX), f32::INFINITY);
    }

    #[test]
    fn it_keeps_what_a_sort_would() {
        let mut rng = fastrand::Rng::with_seed(1);
        for keep in [0, 1, 2, 10, 100] {
            for rows in [0, 1, 50, 1000] {
                let scores: Vec<u32> = (0..rows).map(|_| rng.u32(..40)).collect();
                let mut best = Best::new(keep);
                for (row, score) in scores.iter().enumerate() {
                    if *score < best.limit() {
                        best.offer(*score, row as u32);
                    }
                }
                let mut sorted: Vec<_> =
                    scores.iter().enumerate().map(|(row, score)| (*score, row as u32)).collect();
                sorted.sort_unstable();
                sorted.truncate(keep);
                assert_eq!(best.into_sorted(), sorted, "{keep} of {rows}");
            }
        }
    }
}
