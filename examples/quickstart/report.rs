//! The table of operations per second.

use std::fmt;
use std::time::{Duration, Instant};

#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

struct Row {
    store: &'static str,
    what: &'static str,
    begun: Instant,
    took: Duration,
    ops: usize,
    bytes: u64,
}

impl Report {
    /// Begins to time a row, and gives its number.
    pub(crate) fn start(&mut self, store: &'static str, what: &'static str) -> usize {
        let begun = Instant::now();
        self.rows.push(Row { store, what, begun, took: Duration::ZERO, ops: 0, bytes: 0 });
        self.rows.len() - 1
    }

    /// Ends it.
    pub(crate) fn end(&mut self, row: usize, ops: usize, bytes: u64) {
        let row = &mut self.rows[row];
        row.took = row.begun.elapsed();
        (row.ops, row.bytes) = (ops, bytes);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<6} {:<26} {:>8} {:>10} {:>10} {:>12}",
            "store", "operation", "count", "seconds", "ops/s", ""
        )?;
        for row in &self.rows {
            let seconds = row.took.as_secs_f64().max(1e-9);
            let rate = if row.bytes == 0 {
                String::new()
            } else {
                format!("{}/s", bytes((row.bytes as f64 / seconds) as u64))
            };
            let per_second = row.ops as f64 / seconds;
            writeln!(
                f,
                "{:<6} {:<26} {:>8} {:>10.3} {:>10.0} {:>12}",
                row.store, row.what, row.ops, seconds, per_second, rate
            )?;
        }
        Ok(())
    }
}

/// A size that people read.
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..=1023 => format!("{n} B"),
        1024..=1_048_575 => format!("{:.1} KiB", n as f64 / 1024.0),
        1_048_576..=1_073_741_823 => format!("{:.1} MiB", n as f64 / 1_048_576.0),
        _ => format!("{:.2} GiB", n as f64 / 1_073_741_824.0),
    }
}
