//! How long attaching takes, without the time in which the process waited for a processor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_store_core::Env;
use larder_tiered::fence::{DEFAULT_SLOTS, OWNERS};

use super::{attach, file, holder};
use crate::Outcome;
use crate::clock::{Span, Times};
use crate::process::{Program, Running};
use crate::report::Report;

/// The longest that opening may take after a clean close, as a median.
const CLEAN: Duration = Duration::from_millis(2);
/// And when every owner is dead.
const DEAD: Duration = Duration::from_millis(10);
/// Opening a cache of many entries may take so much longer than of few, which is what a clock cannot tell apart.
const SAME: Duration = Duration::from_micros(200);

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder of its own.
    pub folder: PathBuf,
    /// How often each is done.
    pub rounds: u64,
    /// How many keys "many" are.
    pub keys: u64,
    /// Writes that each of the dead held open.
    pub writes: u64,
    /// What repeats its choices.
    pub seed: u64,
    /// Times are only told, not judged: those of a build that is not optimised say nothing.
    pub lenient: bool,
    /// The program of the children.
    pub program: Program,
}

/// Measures.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let mut report = Report::new("fence", "open", options.seed);
    let few = clean(options, 1000)?;
    let many = clean(options, options.keys)?;
    tell(&mut report, "1,000 keys", &few);
    report.count("many keys", options.keys);
    tell(&mut report, "many keys", &many);
    let dead = dead(options, &mut report)?;
    report.count("writes open in each of 16 dead", options.writes);
    tell(&mut report, "16 dead", &dead);
    if !options.lenient {
        let (few, many, dead) = (few.quantile(0.5), many.quantile(0.5), dead.quantile(0.5));
        if many > CLEAN || many > few + SAME {
            report.problem(format!("opening with many keys takes {many:?}, with a thousand {few:?}"));
        }
        if dead > DEAD {
            report.problem(format!("opening after sixteen deaths takes {dead:?}"));
        }
    }
    Ok(report)
}

fn tell(report: &mut Report, name: &str, times: &Times) {
    report.time(format!("{name}: median"), times.quantile(0.5));
    report.time(format!("{name}: p99"), times.quantile(0.99));
}

/// After a clean close of a cache with so many keys, each of which was written once.
fn clean(options: &Options, keys: u64) -> Outcome<Times> {
    let fence = file(&options.folder.join(format!("clean-{keys}")), DEFAULT_SLOTS, Env::system());
    let table = attach(&fence)?;
    for key in 0..keys {
        table.open_write(table.slot_of(&key.to_string()))?.answered();
    }
    drop(table);
    let mut times = Times::default();
    for _ in 0..options.rounds {
        let span = Span::begin();
        let table = attach(&fence)?;
        times.push(span.end().own);
        drop(table);
    }
    Ok(times)
}

/// After every owner was killed with writes open.
fn dead(options: &Options, report: &mut Report) -> Outcome<Times> {
    let path = options.folder.join("dead");
    let fence = file(&path, DEFAULT_SLOTS, Env::system());
    let mut times = Times::default();
    let mut doubts = 0;
    // Each round costs sixteen processes.
    for round in 0..options.rounds.div_ceil(10) {
        let mut children = Vec::new();
        for n in 0..OWNERS as u64 {
            children.push(hold(options, &path, options.seed ^ (round << 8) ^ n)?);
        }
        for child in &mut children {
            child.kill()?;
            child.wait()?;
        }
        let span = Span::begin();
        let table = attach(&fence)?;
        times.push(span.end().own);
        let leases = (0..DEFAULT_SLOTS).map(|slot| table.lease(slot));
        let (mut open, mut doubted) = (0, 0);
        leases.for_each(|lease| {
            open += u64::from(lease.is_open());
            doubted += u64::from(lease.is_doubted());
        });
        if open > 0 {
            report.problem(format!("round {round}: {open} slots are still open"));
        }
        doubts = doubted;
        drop(table);
    }
    report.count("slots in doubt at the end", doubts);
    if doubts == 0 && options.writes > 0 {
        report.problem("the dead left no doubt");
    }
    Ok(times)
}

fn hold(options: &Options, path: &Path, seed: u64) -> Outcome<Running> {
    let (path, seed) = (path.to_str().ok_or("the folder's name is not UTF-8")?, seed.to_string());
    let (slots, writes) = (DEFAULT_SLOTS.to_string(), options.writes.to_string());
    let args = ["--path", path, "--slots", &slots, "--writes", &writes, "--seed", &seed];
    Running::begin_ready(&mut options.program.role(holder::ROLE, args))
}
