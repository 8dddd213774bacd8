//! How fast it was, tenth by tenth.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::clock;
use crate::report::Report;

/// Parts of a way.
pub(super) const PARTS: u64 = 10;
/// How much longer the last part may take than the first.
const MOST: f64 = 1.2;

/// What the clocks say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    wall: u64,
    /// Of the processors, for this process.
    own: u64,
}

impl Mark {
    pub(super) fn now() -> Mark {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Mark { wall: clock::nanos(), own: time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64 }
    }
}

/// Tells what each part took, from the marks at their ends, and judges the last one by the first.
///
/// On a machine that has other things to do the last part may wait longer: then what it takes of the processors counts.
pub(super) fn tell(way: &str, marks: &[Mark], bytes: u64, lenient: bool, report: &mut Report) {
    let took: Vec<(u64, u64)> =
        marks.windows(2).map(|m| (m[1].wall - m[0].wall, m[1].own - m[0].own)).collect();
    let (Some(first), Some(last)) = (took.first(), took.last()) else { return };
    let rate = |wall: u64| (bytes as f64 / (1 << 20) as f64 / (wall as f64 / 1e9)) as u64;
    report.count(format!("{way}: first tenth, MiB/s"), rate(first.0));
    report.count(format!("{way}: slowest tenth, MiB/s"), rate(took.iter().map(|t| t.0).max().unwrap_or(1)));
    report.count(format!("{way}: last tenth, MiB/s"), rate(last.0));
    report.time(format!("{way}: first tenth, processors"), Duration::from_nanos(first.1));
    report.time(format!("{way}: last tenth, processors"), Duration::from_nanos(last.1));
    let slower = (last.0 as f64 / first.0 as f64, last.1 as f64 / first.1 as f64);
    report.count(format!("{way}: last over first, % of time"), (slower.0 * 100.0) as u64);
    report.count(format!("{way}: the same of processors"), (slower.1 * 100.0) as u64);
    if !lenient && slower.0 > MOST && slower.1 > MOST {
        report.problem(format!("{way}: the last tenth took {slower:.2?} times as long as the first"));
    }
}
