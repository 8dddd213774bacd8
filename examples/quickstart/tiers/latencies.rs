//! How long reads took, by the tier that answered.

use std::fmt;
use std::time::Duration;

use super::claim;
use crate::Outcome;

/// One way of reading.
struct Row {
    what: &'static str,
    /// By tier, the hottest first, the origin last.
    by_tier: Vec<Vec<Duration>>,
    asked: u64,
}

/// The table.
#[derive(Default)]
pub(super) struct Latencies(Vec<Row>);

const NAMES: [&str; 3] = ["memory", "LMDB", "origin"];

impl Latencies {
    /// Begins a way of reading.
    pub(super) fn begin(&mut self, what: &'static str) {
        self.0.push(Row { what, by_tier: vec![Vec::new(); NAMES.len()], asked: 0 });
    }

    /// A tier answered, in this time.
    pub(super) fn note(&mut self, tier: Option<u8>, took: Duration) -> Outcome<()> {
        let row = self.0.last_mut().ok_or("nothing was begun")?;
        let times = tier.and_then(|tier| row.by_tier.get_mut(usize::from(tier)));
        times.ok_or("an answer does not say which tier it is from")?.push(took);
        Ok(())
    }

    /// The stack counted this: hits of each front, and reads of the origin. It must be what was seen from outside.
    pub(super) fn end(&mut self, hits: &[u64], asked: u64) -> Outcome<()> {
        let row = self.0.last_mut().ok_or("nothing was begun")?;
        row.asked = asked;
        let seen: Vec<u64> = row.by_tier.iter().map(|times| times.len() as u64).collect();
        claim(seen == [hits, &[asked]].concat(), || {
            format!("{}: {seen:?} answers by tier, and stats() counted {hits:?} and {asked}", row.what)
        })
    }
}

fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default().as_secs_f64() * 1e6
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "   {:<30} {:<11} {:>7} {:>12} {:>12} {:>12}",
            "reads", "answered by", "hits", "median", "p99", "origin asked"
        )?;
        for row in &self.0 {
            for (name, times) in NAMES.iter().zip(&row.by_tier).filter(|(_, times)| !times.is_empty()) {
                let mut times = times.clone();
                times.sort_unstable();
                let (median, p99) = (quantile(&times, 50), quantile(&times, 99));
                writeln!(
                    f,
                    "   {:<30} {name:<11} {:>7} {median:>9.1} µs {p99:>9.1} µs {:>12}",
                    row.what,
                    times.len(),
                    row.asked
                )?;
            }
        }
        Ok(())
    }
}
