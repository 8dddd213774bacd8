//! One comparison and what came of it.

use crate::report::per_op;
use crate::stats;

/// What is counted for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Unit {
    /// Nanoseconds that it takes.
    #[default]
    Time,
    /// Nanoseconds of processor time that this process spends on it, in all its threads.
    Cpu,
    /// Requests that a server gets.
    #[cfg_attr(not(feature = "cloud"), allow(dead_code, reason = "only `cloud` has it"))]
    Requests,
    /// Bytes.
    Bytes,
    /// Whatever the case counts.
    Count,
}

impl Unit {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unit::Time => "ns/op",
            Unit::Cpu => "ns of CPU/op",
            Unit::Requests => "requests/op",
            Unit::Bytes => "bytes",
            Unit::Count => "count",
        }
    }

    /// A number of it, for people.
    pub(crate) fn show(self, number: f64) -> String {
        match self {
            Unit::Time | Unit::Cpu => per_op(number),
            Unit::Requests | Unit::Count => format!("{number:.2}"),
            Unit::Bytes => format!("{:.2} MiB", number / f64::from(1 << 20)),
        }
    }
}

/// The most that is good enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    /// Our cost over the peer's.
    Ratio(f64),
    /// Our cost less the peer's.
    #[cfg_attr(not(feature = "cloud"), allow(dead_code, reason = "only `cloud` has it"))]
    Added(f64),
}

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Case {
    pub(crate) suite: &'static str,
    pub(crate) name: String,
    pub(crate) peer: &'static str,
    pub(crate) unit: Unit,
    /// None where the peer is there to look at.
    pub(crate) limit: Option<Limit>,
}

impl Case {
    pub(crate) fn new(suite: &'static str, name: impl Into<String>, peer: &'static str) -> Case {
        Case { suite, name: name.into(), peer, unit: Unit::default(), limit: None }
    }

    pub(crate) fn unit(mut self, unit: Unit) -> Case {
        self.unit = unit;
        self
    }

    /// The largest ratio that is good enough.
    pub(crate) fn limit(mut self, ratio: f64) -> Case {
        self.limit = Some(Limit::Ratio(ratio));
        self
    }

    /// The most beyond the peer's cost that is good enough.
    #[cfg(feature = "cloud")]
    pub(crate) fn limit_added(mut self, added: f64) -> Case {
        self.limit = Some(Limit::Added(added));
        self
    }

    /// Its name, for filters and progress.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}/{}", self.suite, self.name, self.peer)
    }
}

/// What came of a comparison, for one operation in the unit of the case.
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
    /// The median of the rounds' differences, ours less theirs, and its 95 % interval.
    pub(crate) added: f64,
    pub(crate) added_spread: (f64, f64),
    /// Rounds that counted.
    pub(crate) n: usize,
}

impl Outcome {
    /// From what each round took per operation: ours, theirs.
    pub(crate) fn new(case: Case, rounds: &[(f64, f64)]) -> Outcome {
        let of = |pick: fn(&(f64, f64)) -> f64| rounds.iter().map(pick).collect::<Vec<f64>>();
        let ratios = of(|(ours, theirs)| ours / theirs);
        let added = of(|(ours, theirs)| ours - theirs);
        Outcome {
            case,
            ours: stats::median(&of(|r| r.0)),
            theirs: stats::median(&of(|r| r.1)),
            ratio: stats::median(&ratios),
            spread: stats::median_interval(&ratios),
            added: stats::median(&added),
            added_spread: stats::median_interval(&added),
            n: rounds.len(),
        }
    }

    /// What the limit is held against, with its interval, and the limit.
    fn judged(&self) -> Option<(f64, (f64, f64), f64)> {
        Some(match self.case.limit? {
            Limit::Ratio(limit) => (self.ratio, self.spread, limit),
            Limit::Added(limit) => (self.added, self.added_spread, limit),
        })
    }

    /// Whether it keeps its limit, if it has one.
    pub(crate) fn met(&self) -> Option<bool> {
        self.judged().map(|(value, _, limit)| value <= limit)
    }

    /// Whether the limit lies within the spread: another run may answer otherwise.
    pub(crate) fn is_close(&self) -> bool {
        self.judged().is_some_and(|(_, spread, limit)| spread.0 <= limit && limit < spread.1)
    }

    /// The limit as a ratio.
    pub(crate) fn limit_as_ratio(&self) -> Option<f64> {
        Some(match self.case.limit? {
            Limit::Ratio(limit) => limit,
            Limit::Added(limit) => 1.0 + limit / self.theirs,
        })
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

    #[test]
    #[cfg(feature = "cloud")]
    fn what_is_added_is_that_of_each_round() {
        // Half of the rounds ran on a slow machine.
        let theirs = (0..40).map(|i| if i % 2 == 0 { 100.0 } else { 1000.0 });
        let rounds: Vec<_> = theirs.map(|theirs| (theirs + 15.0, theirs)).collect();
        let outcome =
            Outcome::new(Case::new("cloud", "get", "peer").unit(Unit::Cpu).limit_added(20.0), &rounds);
        assert_eq!((outcome.added, outcome.added_spread), (15.0, (15.0, 15.0)));
        assert_eq!((outcome.met(), outcome.is_close()), (Some(true), false));
        assert_eq!(outcome.limit_as_ratio(), Some(1.0 + 20.0 / 550.0));
        let missed = Outcome { case: outcome.case.clone().limit_added(14.0), ..outcome };
        assert_eq!(missed.met(), Some(false));
    }
}
