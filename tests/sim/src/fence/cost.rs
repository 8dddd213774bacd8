//! What a fenced write costs beyond the origin's own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder_store_core::Env;
use larder_tiered::fence::{DEFAULT_SLOTS, Layout, Mapped, Table};
use rustix::time::{ClockId, clock_gettime};

use super::{WINDOW, attach, file};
use crate::Outcome;
use crate::report::Report;
use crate::rng::Rng;

/// Processor time that a write through a shared fence may cost.
const MOST: Duration = Duration::from_micros(15);

/// Measures so many operations of each kind. `lenient`: times are only told.
///
/// # Errors
/// What keeps it from going on.
pub fn run(folder: &Path, operations: u64, seed: u64, lenient: bool) -> Outcome<Report> {
    let mut report = Report::new("fence", "cost", seed);
    let own = Arc::new(Table::in_process(Layout::new(DEFAULT_SLOTS), WINDOW, &Env::system())?);
    let shared = attach(&file(&folder.join("cost"), DEFAULT_SLOTS, Env::system()))?;
    report.count("operations", operations);
    for (name, table) in [("own table", &own), ("shared file", &shared)] {
        let (write, lease) = (writes(table, operations, seed)?, leases(table, operations, seed));
        report.time(format!("{name}: write"), write);
        report.text(format!("{name}: lease and check"), format!("{} ns", lease.as_nanos()));
        if write > MOST && !lenient {
            report.problem(format!("a write costs {write:?} of processor time with the {name}"));
        }
    }
    Ok(report)
}

/// Open and answered, in the mean.
fn writes(table: &Arc<Table<Mapped>>, operations: u64, seed: u64) -> Outcome<Duration> {
    let mut rng = Rng::new(seed);
    let begin = processor();
    let mut installed = 0;
    for _ in 0..operations {
        let slot = rng.below(u64::from(DEFAULT_SLOTS)) as u32;
        installed += u64::from(table.open_write(slot)?.answered().is_some());
    }
    let took = processor() - begin;
    if installed != operations {
        return Err("a write that was alone may not install".into());
    }
    Ok(took / operations as u32)
}

/// A lease, and the check of an entry.
fn leases(table: &Arc<Table<Mapped>>, operations: u64, seed: u64) -> Duration {
    let mut rng = Rng::new(seed);
    let stamp = table.fill(&table.lease(0));
    let begin = processor();
    let mut served = 0;
    for _ in 0..operations {
        let lease = table.lease(rng.below(u64::from(DEFAULT_SLOTS)) as u32);
        served += u64::from(stamp.is_some_and(|stamp| table.serves(&lease, &stamp)));
    }
    std::hint::black_box(served);
    (processor() - begin) / operations as u32
}

/// Processor time of this process.
pub(super) fn processor() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
