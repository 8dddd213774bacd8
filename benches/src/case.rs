//! One comparison and what came of it.

use crate::stats;

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    pub(crate) suite: &'static str,
    pub(crate) name: String,
    pub(crate) peer: &'static str,
    /// The largest ratio that is good enough; none where the peer is there to look at.
    pub(crate) limit: Option<f64>,
}

impl Case {
    pub(crate) fn new(suite: &'static str, name: impl Into<String>, peer: &'static str) -> Case {
        Case { suite, name: name.into(), peer, limit: None }
    }

    pub(crate) fn limit(mut self, limit: f64) -> Case {
        self.limit = Some(limit);
        self
    }

    /// Its name, for filters and progress.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}/{}", self.suite, self.name, self.peer)
    }
}

/// What came of a comparison. Times are nanoseconds for one operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) case: Case,
    /// Medians over the rounds.
    pub(crate) ours: f64,
    pub(crate) theirs: f64,
    /// The median of the rounds' ratios, not the ratio of the medians.
    pub(crate) ratio: f64,
    /// The 95 % interval of `ratio`.
    pub(crate) spread: (f64, f64),
    /// Rounds that counted.
    pub(crate) n: usize,
}

impl Outcome {
    pub(crate) const UNIT: &str = "ns/op";

    /// From what each round took per operation: ours, theirs.
    pub(crate) fn new(case: Case, rounds: &[(f64, f64)]) -> Outcome {
        let of = |pick: fn(&(f64, f64)) -> f64| rounds.iter().map(pick).collect::<Vec<f64>>();
        let ratios = of(|(ours, theirs)| ours / theirs);
        Outcome {
            case,
            ours: stats::median(&of(|r| r.0)),
            theirs: stats::median(&of(|r| r.1)),
            ratio: stats::median(&ratios),
            spread: stats::median_interval(&ratios),
            n: rounds.len(),
        }
    }

    /// Whether it keeps its limit, if it has one.
    pub(crate) fn met(&self) -> Option<bool> {
        self.case.limit.map(|limit| self.ratio <= limit)
    }

    /// Whether the limit lies within the spread: another run may answer otherwise.
    pub(crate) fn is_close(&self) -> bool {
        self.case.limit.is_some_and(|limit| self.spread.0 <= limit && limit < self.spread.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_each_round() {
        // Half of the rounds ran on a slow machine; ours took twice as long in every one.
        let rounds = [(2.0, 1.0), (20.0, 10.0), (2.0, 1.0), (20.0, 10.0), (2.0, 1.0)];
        let outcome = Outcome::new(Case::new("warm", "get", "peer").limit(1.5), &rounds);
        assert_eq!((outcome.ratio, outcome.spread, outcome.n), (2.0, (2.0, 2.0), 5));
        assert_eq!((outcome.met(), outcome.is_close()), (Some(false), false));
    }

    #[test]
    fn a_limit_within_the_spread_is_close() {
        let rounds: Vec<_> = (0..40).map(|i| (1.0 + f64::from(i) / 40.0, 1.0)).collect();
        let close = Outcome::new(Case::new("warm", "get", "peer").limit(1.5), &rounds);
        assert!(close.is_close());
        let far = Outcome { case: close.case.clone().limit(1.9), ..close.clone() };
        assert_eq!((far.met(), far.is_close()), (Some(true), false));
        let none = Outcome { case: Case::new("warm", "get", "peer"), ..close };
        assert_eq!((none.met(), none.is_close()), (None, false));
    }
}
