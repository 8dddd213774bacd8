//! What a campaign counted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::judge::Verdict;
use crate::report::Report;

/// What a campaign counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    cases: u64,
    by: BTreeMap<String, u64>,
    refused: u64,
    named: u64,
    kinds: BTreeMap<String, u64>,
    /// Imports of a dump whose damage does not matter: all is there.
    harmless: u64,
    /// Imports of what was no dump any more, but lines as others write them.
    of_others: u64,
    entries: u64,
    panics: u64,
    problems: Vec<String>,
}

impl Tally {
    /// Takes what came of a case: how it was damaged, and what in words.
    pub(super) fn take(&mut self, how: &str, words: impl FnOnce() -> String, verdict: Verdict) {
        self.cases += 1;
        *self.by.entry(how.to_owned()).or_default() += 1;
        self.refused += u64::from(verdict.refused);
        self.named += u64::from(verdict.named);
        self.of_others += u64::from(verdict.of_others);
        self.harmless += u64::from(!verdict.refused && verdict.whole && !verdict.of_others);
        self.entries += verdict.entries;
        if let Some(kind) = verdict.kind {
            *self.kinds.entry(format!("{kind:?}")).or_default() += 1;
        }
        if !verdict.problems.is_empty() {
            let words = words();
            self.problems.extend(verdict.problems.into_iter().map(|problem| format!("{words}: {problem}")));
        }
    }

    pub(super) fn take_panics(&mut self, panics: u64) {
        self.panics += panics;
    }

    /// How many things are wrong.
    pub fn wrong(&self) -> usize {
        self.problems.len() + self.panics as usize
    }

    /// Adds another's.
    pub fn add(&mut self, other: Tally) {
        self.cases += other.cases;
        self.refused += other.refused;
        self.named += other.named;
        self.harmless += other.harmless;
        self.of_others += other.of_others;
        self.entries += other.entries;
        self.panics += other.panics;
        other.by.into_iter().for_each(|(how, n)| *self.by.entry(how).or_default() += n);
        other.kinds.into_iter().for_each(|(kind, n)| *self.kinds.entry(kind).or_default() += n);
        self.problems.extend(other.problems);
    }

    /// The report.
    pub fn report(&self, what: &str, seed: u64, took: Duration) -> Report {
        let mut report = Report::new("dump-damage", what, seed);
        report.count("cases", self.cases);
        for (how, n) in &self.by {
            report.count(how.clone(), *n);
        }
        report.count("refused", self.refused);
        report.count("refused, with part and byte", self.named);
        for (kind, n) in &self.kinds {
            report.count(format!("refused as {kind}"), *n);
        }
        report.count("harmless, all imported", self.harmless);
        report.count("lines of others, imported as such", self.of_others);
        report.count("entries imported, each compared", self.entries);
        report.time("took", took);
        self.problems.iter().for_each(|problem| report.problem(problem.clone()));
        if self.panics > 0 {
            report.problem(format!("{} panics in tasks of the jobs", self.panics));
        }
        report
    }
}
