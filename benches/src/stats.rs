//! Medians, and how sure they are.

use crate::workload::Rng;

/// How often a sample is drawn again for the interval of its median.
const RESAMPLES: usize = 2_000;

/// The value at `part` (0 to 1) of a sample, between two values where it falls between them.
///
/// # Panics
/// For an empty sample.
pub(crate) fn quantile(sample: &[f64], part: f64) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile_of_sorted(&sorted, part)
}

fn quantile_of_sorted(sorted: &[f64], part: f64) -> f64 {
    let at = part.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// The median of a sample.
pub(crate) fn median(sample: &[f64]) -> f64 {
    quantile(sample, 0.5)
}

/// The 95 % interval of the median, by drawing the sample again many times. The same sample gives the same interval.
pub(crate) fn median_interval(sample: &[f64]) -> (f64, f64) {
    let mut rng = Rng::new(sample.len() as u64);
    let mut drawn = vec![0.0; sample.len()];
    let medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            drawn.fill_with(|| sample[rng.below(sample.len())]);
            drawn.sort_unstable_by(f64::total_cmp);
            quantile_of_sorted(&drawn, 0.5)
        })
        .collect();
    (quantile(&medians, 0.025), quantile(&medians, 0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_fall_between_values() {
        let sample = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(median(&sample), 2.5);
        assert_eq!(median(&[7.0, 5.0, 6.0]), 6.0);
        assert_eq!(median(&[9.0]), 9.0);
        assert_eq!((quantile(&sample, 0.0), quantile(&sample, 1.0)), (1.0, 4.0));
        assert_eq!(quantile(&sample, 0.25), 1.75);
    }

    #[test]
    fn one_wild_round_moves_nothing() {
        let mut sample = vec![1.0; 50];
        sample[7] = 1_000.0;
        assert_eq!(median(&sample), 1.0);
        assert_eq!(median_interval(&sample), (1.0, 1.0));
    }

    #[test]
    fn the_interval_narrows_with_more_rounds() {
        let mut rng = Rng::new(5);
        let mut width = |n: usize| {
            let sample: Vec<f64> = (0..n).map(|_| skewed(&mut rng)).collect();
            let (low, high) = median_interval(&sample);
            assert!(low <= median(&sample) && median(&sample) <= high);
            high - low
        };
        let (few, many) = (width(25), width(2_500));
        assert!(many < few / 4.0, "{many} after {few}");
    }

    /// Skewed as times are. Its median is 2.
    fn skewed(rng: &mut Rng) -> f64 {
        2f64.powf(rng.below(1 << 20) as f64 / f64::from(1 << 19))
    }

    #[test]
    fn the_interval_holds_the_true_median_as_often_as_it_says() {
        let mut rng = Rng::new(1);
        let held = (0..300)
            .filter(|_| {
                let sample: Vec<f64> = (0..41).map(|_| skewed(&mut rng)).collect();
                let (low, high) = median_interval(&sample);
                low <= 2.0 && 2.0 <= high
            })
            .count();
        // 285 are expected; four standard deviations are 15.
        assert!((270..=299).contains(&held), "{held} of 300");
    }
}
