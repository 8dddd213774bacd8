//! What a campaign counted.

use std::time::Duration;

use crate::report::Report;

/// What a campaign counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub(super) kills: u64,
    pub(super) opening: u64,
    pub(super) acknowledged: u64,
    pub(super) open: u64,
    pub(super) takeovers: u64,
    pub(super) fenced: u64,
    pub(super) segments: u64,
    pub(super) swept: u64,
    pub(super) problems: Vec<String>,
}

impl Tally {
    /// How many things are wrong.
    pub fn wrong(&self) -> usize {
        self.problems.len()
    }

    /// The report. A campaign in which nothing was acknowledged and nothing sealed shows nothing.
    pub fn report(&self, store: &str, seed: u64, took: Duration) -> Report {
        let mut report = Report::new("vector-kill", store, seed);
        report.count("kills", self.kills);
        report.count("kills before it was open", self.opening);
        report.count("writes acknowledged", self.acknowledged);
        report.count("writes nobody was told of", self.open);
        report.count("second writers", self.takeovers);
        report.count("writers that were fenced", self.fenced);
        report.count("segments found", self.segments);
        report.count("objects swept", self.swept);
        report.time("took", took);
        self.problems.iter().for_each(|problem| report.problem(problem.clone()));
        for (name, count) in [("acknowledged", self.acknowledged), ("sealed", self.segments)] {
            if count == 0 {
                report.problem(format!("nothing was {name}, so nothing was tried"));
            }
        }
        report
    }
}
