//! What a campaign found, for each way of damaging.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::Answer;
use super::harm::Target;
use crate::damage::harm::Harm;
use crate::report::Report;

/// How many findings are kept word by word, for each way.
const KEPT: usize = 5;

/// A way of damaging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) target: Target,
    pub(super) open: bool,
    pub(super) harm: Harm,
}

#[derive(Debug, Clone, Default)]
pub(super) struct One {
    pub(super) cases: u64,
    /// Runs in which something was found damaged, or made anew.
    pub(super) noticed: u64,
    pub(super) died: u64,
    pub(super) died_again: u64,
    pub(super) hung: u64,
    pub(super) failed: u64,
    /// Second starts after which the cache still lacked a value.
    pub(super) not_repaired: u64,
    pub(super) sum: Answer,
    pub(super) findings: Vec<String>,
}

impl One {
    pub(super) fn find(&mut self, what: String) {
        if self.findings.len() < KEPT {
            self.findings.push(what);
        }
    }

    fn add(&mut self, other: &One) {
        self.cases += other.cases;
        self.noticed += other.noticed;
        self.died += other.died;
        self.died_again += other.died_again;
        self.hung += other.hung;
        self.failed += other.failed;
        self.not_repaired += other.not_repaired;
        self.sum.add(&other.sum);
        other.findings.iter().for_each(|what| self.find(what.clone()));
    }
}

/// Counts by way of damaging. Those of several campaigns can be put together.
#[derive(Debug, Clone, Default)]
pub struct Tally(pub(super) BTreeMap<Way, One>);

impl Tally {
    /// Puts another one's counts to these.
    pub fn add(&mut self, other: Tally) {
        for (way, one) in &other.0 {
            self.0.entry(*way).or_default().add(one);
        }
    }

    /// A report for each file at rest and open, and one of all.
    pub fn reports(&self, seed: u64, took: Duration) -> Vec<Report> {
        let mut groups: BTreeMap<(Target, bool), BTreeMap<Harm, One>> = BTreeMap::new();
        let mut all: BTreeMap<Harm, One> = BTreeMap::new();
        for (way, one) in &self.0 {
            groups.entry((way.target, way.open)).or_default().insert(way.harm, one.clone());
            // Their findings stand in their own columns.
            all.entry(way.harm).or_default().add(&One { findings: Vec::new(), ..one.clone() });
        }
        let name = |(target, open): &(Target, bool)| {
            let file = if *target == Target::Data { "data" } else { "fence" };
            format!("{file} {}", if *open { "open" } else { "at rest" })
        };
        let mut reports: Vec<Report> =
            groups.iter().map(|(group, by_harm)| report(by_harm, &name(group), seed)).collect();
        let mut total = report(&all, "all", seed);
        total.time("took", took);
        reports.push(total);
        reports
    }
}

fn report(by_harm: &BTreeMap<Harm, One>, name: &str, seed: u64) -> Report {
    let mut report = Report::new("damage", format!("stack: {name}"), seed);
    let mut one = One::default();
    by_harm.values().for_each(|harmed| one.add(harmed));
    let sum = &one.sum;
    report.count("cases", one.cases);
    for (harm, harmed) in by_harm {
        report.count(format!("  of them {}", harm.name()), harmed.cases);
    }
    for (what, n) in [
        ("runs that noticed", one.noticed),
        ("reads right", sum.right),
        ("hits of the cache", sum.hits),
        ("entries found damaged", sum.corrupt),
        ("errors of the cache", sum.errors),
        ("origin asked", sum.asked),
        ("cache made anew", sum.cache_anew),
        ("fence made anew", sum.fence_anew),
        ("writes done", sum.written),
        ("writes refused: fence lost", sum.writes_refused),
        ("child died", one.died),
        ("starts with misses at the end", one.not_repaired),
        ("WRONG VALUES", sum.wrong),
        ("reads failed", sum.reads_failed),
        ("writes failed", sum.writes_failed),
        ("refused at open", sum.refused),
        ("died again", one.died_again),
        ("hung", one.hung),
        ("panicked", one.failed),
    ] {
        report.count(what, n);
    }
    for what in &one.findings {
        report.problem(what.clone());
    }
    report
}
