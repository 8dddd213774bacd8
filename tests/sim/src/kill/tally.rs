//! What a campaign of kills found.

use std::time::Duration;

use super::crew::Told;
use super::verify::Seen;
use crate::clock::{Times, Took};
use crate::model::Checked;
use crate::places::Places;
use crate::report::Report;

/// The longest time that 99 of 100 openings may take.
const REOPEN_P99: Duration = Duration::from_millis(10);

/// The longest time that any may take.
const REOPEN_MAX: Duration = Duration::from_millis(500);

/// How many findings are kept word by word.
const KEPT: usize = 20;

/// How long openings took.
#[derive(Debug, Clone, Default)]
pub(super) struct Opened {
    wall: Times,
    own: Times,
}

impl Opened {
    fn push(&mut self, took: Took) {
        self.wall.push(took.wall);
        self.own.push(took.own);
    }

    fn append(&mut self, other: Opened) {
        self.wall.append(other.wall);
        self.own.append(other.own);
    }
}

/// What only stacks have.
#[derive(Debug, Clone, Default)]
pub(super) struct OfStack {
    /// Reads of workers, and those of them that a front answered.
    reads: u64,
    hits: u64,
    /// The same when it was looked at after kills.
    hits_here: u64,
    /// Owners of the fence and readers of LMDB that the dead had left behind, and that are free again.
    owners: u64,
    readers: u64,
}

/// Counts and times. Those of several campaigns can be put together.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub(super) kills: u64,
    pub(super) rounds: u64,
    pub(super) acknowledged: u64,
    pub(super) unknown: u64,
    pub(super) happened: u64,
    pub(super) never: u64,
    pub(super) apart: u64,
    pub(super) swept: u64,
    pub(super) stack: OfStack,
    pub(super) lost: u64,
    pub(super) torn: u64,
    pub(super) other: u64,
    pub(super) here: Opened,
    pub(super) fresh: Opened,
    pub(super) findings: Vec<String>,
}

impl Tally {
    /// How many things are wrong.
    pub fn wrong(&self) -> u64 {
        self.lost + self.torn + self.other
    }

    /// The first things that are wrong.
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    fn found(&mut self, what: String) {
        if self.findings.len() < KEPT {
            self.findings.push(what);
        }
    }

    pub(super) fn take_told(&mut self, told: &mut Told) {
        self.acknowledged += std::mem::take(&mut told.acknowledged);
        self.stack.reads += std::mem::take(&mut told.reads);
        self.stack.hits += std::mem::take(&mut told.hits);
        told.opened.drain(..).for_each(|took| self.fresh.push(took));
        for complaint in told.complaints.drain(..) {
            match complaint.contains("torn:") {
                true => self.torn += 1,
                false => self.other += 1,
            }
            self.found(complaint);
        }
    }

    pub(super) fn take_seen(&mut self, seen: &mut Seen) {
        seen.opened.into_iter().for_each(|took| self.here.push(took));
        self.swept += seen.swept;
        self.stack.hits_here += seen.hits;
        for torn in seen.torn.drain(..) {
            self.torn += 1;
            self.found(torn);
        }
        for wrong in seen.wrong.drain(..) {
            self.other += 1;
            self.found(wrong);
        }
    }

    /// What the dead had taken is free after the look, and the living have at most what is theirs.
    pub(super) fn take_places(&mut self, before: &Places, after: &Places, living: &[u32]) {
        self.stack.owners +=
            before.owners.iter().filter(|token| !after.owners.contains(token)).count() as u64;
        self.stack.readers += before.readers_of_others(living);
        if after.owners.len() > living.len() {
            let (owners, living) = (after.owners.len(), living.len());
            self.other += 1;
            self.found(format!("the fence has {owners} owners, and {living} processes live"));
        }
        let readers = after.readers_of_others(living);
        if readers > 0 {
            self.other += 1;
            self.found(format!(
                "LMDB has {readers} readers of the dead: {:?}, {living:?} live",
                after.readers
            ));
        }
    }

    pub(super) fn take_checked(&mut self, checked: Checked, round: &str) {
        self.unknown += checked.unknown;
        self.happened += checked.happened;
        self.never += checked.never;
        self.apart += checked.apart;
        for violation in checked.violations {
            self.lost += 1;
            self.found(format!("{round}: {violation}"));
        }
    }

    /// Puts another one's counts to these.
    pub fn add(&mut self, other: Tally) {
        self.kills += other.kills;
        self.rounds += other.rounds;
        self.acknowledged += other.acknowledged;
        self.unknown += other.unknown;
        self.happened += other.happened;
        self.never += other.never;
        self.apart += other.apart;
        self.swept += other.swept;
        self.stack.add(&other.stack);
        self.lost += other.lost;
        self.torn += other.torn;
        self.other += other.other;
        self.here.append(other.here);
        self.fresh.append(other.fresh);
        other.findings.into_iter().for_each(|what| self.found(what));
    }

    /// The report. `reopen` says whether slow openings are a failure.
    pub fn report(&self, store: &str, seed: u64, took: Duration, reopen: bool) -> Report {
        self.tell("kill", store, seed, took, reopen)
    }

    /// The same for a stack.
    pub fn report_stack(&self, shape: &str, seed: u64, took: Duration) -> Report {
        let mut report = self.tell("fronts", shape, seed, took, false);
        self.stack.tell(&mut report);
        report
    }

    fn tell(&self, campaign: &'static str, store: &str, seed: u64, took: Duration, reopen: bool) -> Report {
        let mut report = Report::new(campaign, store, seed);
        report.count("kills", self.kills);
        report.count("rounds", self.rounds);
        report.count("writes acknowledged", self.acknowledged);
        report.count("without an answer", self.unknown);
        report.count("of those happened", self.happened);
        report.count("of those did not", self.never);
        report.count("of those either", self.unknown - self.happened - self.never);
        report.count("transactions not decided together", self.apart);
        report.count("left behind and swept", self.swept);
        report.count("lost, stale or back again", self.lost);
        report.count("torn", self.torn);
        report.count("otherwise wrong", self.other);
        for (name, opened) in [("reopen", &self.here), ("reopen in a fresh process", &self.fresh)] {
            report.time(format!("{name}, p50"), opened.wall.quantile(0.5));
            report.time(format!("{name}, p99"), opened.wall.quantile(0.99));
            report.time(format!("{name}, max"), opened.wall.max());
            report.time(format!("{name}, p99 without waiting for a processor"), opened.own.quantile(0.99));
            report.time(format!("{name}, max without waiting for a processor"), opened.own.max());
        }
        report.time("took", took);
        for what in &self.findings {
            report.problem(what.clone());
        }
        if reopen {
            // Waiting for a processor is the machine's doing, and no store opens sooner for it.
            for (who, opened) in [("here", &self.here), ("in a fresh process", &self.fresh)] {
                let (p99, max) = (opened.own.quantile(0.99), opened.own.max());
                if p99 > REOPEN_P99 || max > REOPEN_MAX {
                    report.problem(format!("opening {who} takes {p99:?} (p99), {max:?} (max)"));
                }
            }
        }
        report
    }
}

impl OfStack {
    fn add(&mut self, other: &OfStack) {
        self.reads += other.reads;
        self.hits += other.hits;
        self.hits_here += other.hits_here;
        self.owners += other.owners;
        self.readers += other.readers;
    }

    fn tell(&self, report: &mut Report) {
        report.count("reads of workers", self.reads);
        report.count("of those hits", self.hits);
        report.count("hits when it was looked at", self.hits_here);
        report.count("owners of the fence reclaimed", self.owners);
        report.count("readers of LMDB reclaimed", self.readers);
    }
}
