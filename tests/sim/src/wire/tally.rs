//! What is counted.

use std::collections::BTreeMap;
use std::time::Duration;

use larder_store_core::Error;

use crate::report::Report;

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) calls: BTreeMap<&'static str, u64>,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) conflicts: u64,
    pub(super) unsettled: u64,
    pub(super) large: u64,
    /// Answers that are not those of registers.
    pub(super) wrong_answers: u64,
    pub(super) longest_past: Duration,
    pub(super) counters: Vec<Counted>,
}

/// What was added to a counter.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    /// As acknowledged.
    pub(super) added: u64,
    /// Perhaps.
    pub(super) unknown: u64,
}

impl Tally {
    pub(super) fn error(&mut self, error: &Error) {
        *self.errors.entry(format!("{:?}", error.kind()).to_lowercase()).or_default() += 1;
    }

    pub(super) fn tell(self, report: &mut Report) {
        for (call, count) in self.calls {
            report.count(format!("calls: {call}"), count);
        }
        report.count("conflicts", self.conflicts);
        for (kind, count) in self.errors {
            report.count(format!("errors: {kind}"), count);
        }
        report.count("writes that were not settled", self.unsettled);
        report.count("uploads in parts", self.large);
        report.count("added to counters", self.counters.iter().map(|counted| counted.added).sum());
        report.count("perhaps added to counters", self.counters.iter().map(|counted| counted.unknown).sum());
        report.count("wrong answers", self.wrong_answers);
        report.time("longest past a deadline", self.longest_past);
    }
}
