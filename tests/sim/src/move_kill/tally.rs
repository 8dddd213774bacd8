//! What a campaign counted.

use std::collections::BTreeMap;
use std::time::Duration;

use larder_store_core::Key;

use super::case::Work;
use super::child;
use super::entries::ENTRIES;
use crate::report::Report;

/// What a campaign counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub(super) cases: u64,
    pub(super) kills: u64,
    /// Kills of the cases that ended well, by what was done.
    killed: BTreeMap<&'static str, u64>,
    /// Runs that ended by themselves and had gone on behind another.
    resumed: BTreeMap<&'static str, u64>,
    entries_resumed: u64,
    /// Runs that found their dump whole.
    found_whole: u64,
    most_kills: u64,
    /// What a mutant removed.
    pub(super) removed: Vec<Key>,
    pub(super) problems: Vec<String>,
}

impl Tally {
    pub(super) fn problem(&mut self, what: String) {
        self.problems.push(what);
    }

    /// Takes what the run said that ended by itself, behind `kills` that did not.
    pub(super) fn take_said(&mut self, said: &str, work: Work, kills: u64) {
        *self.killed.entry(work.name()).or_default() += kills;
        self.most_kills = self.most_kills.max(kills);
        if said.trim() == child::WHOLE {
            self.found_whole += 1;
            return;
        }
        let number = |name: &str| -> u64 {
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
        };
        let resumed = number("resumed");
        if resumed > 0 {
            *self.resumed.entry(work.name()).or_default() += 1;
            self.entries_resumed += resumed;
        }
        if kills == 0 && resumed > 0 {
            self.problem(format!("{} went on behind a run that there was not", work.name()));
        }
        // An entry that was written behind the last mark is seen to once more, none less than once.
        if number("seen") < ENTRIES {
            self.problem(format!(
                "{} says that it saw to {} of {ENTRIES} entries",
                work.name(),
                number("seen")
            ));
        }
    }

    /// What a mutant removed.
    pub fn removed(&self) -> &[Key] {
        &self.removed
    }

    /// How many things are wrong.
    pub fn wrong(&self) -> usize {
        self.problems.len()
    }

    /// Adds another's.
    pub fn add(&mut self, other: Tally) {
        self.cases += other.cases;
        self.kills += other.kills;
        self.entries_resumed += other.entries_resumed;
        self.found_whole += other.found_whole;
        self.most_kills = self.most_kills.max(other.most_kills);
        for (mine, theirs) in [(&mut self.killed, other.killed), (&mut self.resumed, other.resumed)] {
            theirs.into_iter().for_each(|(work, n)| *mine.entry(work).or_default() += n);
        }
        self.removed.extend(other.removed);
        self.problems.extend(other.problems);
    }

    /// The report. Nothing resumed is a failure.
    pub fn report(&self, seed: u64, took: Duration) -> Report {
        let mut report = Report::new("move-kill", "file, lmdb, dumps", seed);
        report.count("cases", self.cases);
        report.count("kills", self.kills);
        for work in [Work::Export, Work::Import, Work::Copy] {
            let of = |counts: &BTreeMap<&str, u64>| counts.get(work.name()).copied().unwrap_or_default();
            report
                .count(format!("kills of an {}", work.name()).replace("an copy", "a copy"), of(&self.killed));
            report.count(
                format!("{}s that went on behind another", work.name()).replace("ys ", "ies "),
                of(&self.resumed),
            );
        }
        report.count("runs that went on behind another", self.resumed.values().sum());
        report.count("entries that they did not look at again", self.entries_resumed);
        report.count("runs that found their dump whole", self.found_whole);
        report.count("most kills of a case", self.most_kills);
        report.time("took", took);
        self.problems.iter().for_each(|problem| report.problem(problem.clone()));
        if self.resumed.is_empty() {
            report.problem("no run went on behind another, so nothing was tried");
        }
        report
    }
}
