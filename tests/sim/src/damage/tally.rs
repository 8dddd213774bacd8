//! What a campaign of damage found, for each way of damaging.

use std::collections::BTreeMap;
use std::time::Duration;

use super::answer::Answer;
use super::harm::Harm;
use crate::report::Report;

/// How many findings are kept word by word, for each way.
const KEPT: usize = 10;

#[derive(Debug, Clone, Default)]
pub(super) struct One {
    pub(super) cases: u64,
    /// Everything was right: what was damaged is not in use.
    pub(super) clean: u64,
    /// Something was found to be damaged, at open or on a read.
    pub(super) found: u64,
    pub(super) died: u64,
    pub(super) died_again: u64,
    pub(super) hung: u64,
    pub(super) failed: u64,
    /// Cases in which a value was absent that must be there.
    pub(super) absent_cases: u64,
    pub(super) list_cases: u64,
    pub(super) sum: Answer,
    pub(super) findings: Vec<String>,
}

impl One {
    pub(super) fn find(&mut self, what: String) {
        if self.findings.len() < KEPT {
            self.findings.push(what);
        }
    }
}

/// Counts by way of damaging. Those of several campaigns can be put together.
#[derive(Debug, Clone, Default)]
pub struct Tally(pub(super) BTreeMap<Harm, One>);

macro_rules! sum {
    ($to:expr, $from:expr, $($field:ident),*) => { $($to.$field += $from.$field;)* };
}

impl Tally {
    /// Puts another one's counts to these.
    pub fn add(&mut self, other: Tally) {
        for (harm, from) in other.0 {
            let to = self.0.entry(harm).or_default();
            sum!(to, from, cases, clean, found, died, died_again, hung, failed, absent_cases, list_cases);
            to.sum.add(&from.sum);
            from.findings.into_iter().for_each(|what| to.find(what));
        }
    }

    /// A report for each way of damaging, and one of all.
    pub fn reports(&self, store: &str, seed: u64, took: Duration) -> Vec<Report> {
        let mut all = Tally::default();
        let mut reports: Vec<Report> = Vec::new();
        for (harm, one) in &self.0 {
            reports.push(report(one, &format!("{store}: {}", harm.name()), seed));
            let mut total = Tally::default();
            total.0.insert(Harm::Flip, one.clone());
            all.add(total);
        }
        if let Some(one) = all.0.get_mut(&Harm::Flip) {
            // They stand in their own columns.
            one.findings.clear();
            let mut report = report(one, &format!("{store}: all"), seed);
            report.time("took", took);
            reports.push(report);
        }
        reports
    }
}

fn report(one: &One, name: &str, seed: u64) -> Report {
    let mut report = Report::new("damage", name, seed);
    let sum = &one.sum;
    for (what, n) in [
        ("cases", one.cases),
        ("nothing in use was hit", one.clean),
        ("damage was found", one.found),
        ("refused at open", sum.refused),
        ("reads right", sum.right),
        ("reads Corrupt", sum.corrupt),
        ("listings Corrupt", sum.list_corrupt),
        ("child died", one.died),
        ("writes taken", sum.written),
        ("writes refused", sum.not_written),
        ("WRONG VALUES", sum.wrong),
        ("ABSENT THOUGH STORED", sum.absent),
        ("cases of that", one.absent_cases),
        ("absent after writes", sum.absent_later),
        ("LISTINGS WRONG", one.list_cases),
        ("other errors", sum.odd + sum.refused_oddly),
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
