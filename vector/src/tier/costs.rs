//! What rescoring and moving cost, as measured.

use std::time::Duration;

use super::Tier;
use super::fit::Fit;

/// Weight of a new measurement in the averages.
const NEW: f64 = 0.05;

/// What a row costs that is rescored in a tier, and a byte that is moved to one: averages of what was measured, in which a
/// measurement's weight halves with every 14 after it (`EWMA ← 0.95 × EWMA + 0.05 × new`).
///
/// | starting values | hot | warm | cold | frozen |
/// |---|---|---|---|---|
/// | nanoseconds a row, compute | 100 | 300 | 300 | 300 |
/// | requests a row | | | 0.2 | 0.5 |
/// | bytes a row | | | 4,096 | 65,536 |
/// | nanoseconds a request | | | 20,000,000 | 20,000,000 |
/// | nanoseconds a byte, fetched | | | 10 | 10 |
///
/// Hot is 1.5 KB at some 30 GB/s with the misses of a row alone; warm adds conversion and page faults; a request is that of an object
/// store in the region, at 100 MB/s. A frozen segment fetches its codes as well. A byte on its way starts with 10 ns to hot and warm
/// from below (fetched), 10 ns to hot from warm (the store has the full precision), 2 ns from hot to warm (written locally), and 10
/// ns to anything else.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    rows: [f64; 4],
    requests_a_row: [f64; 4],
    bytes_a_row: [f64; 4],
    fetch: [Fit; 4],
    /// Nanoseconds a byte, from and to.
    moves: [[f64; 4]; 4],
}

impl Default for Costs {
    fn default() -> Costs {
        let mut moves = [[10.0; 4]; 4];
        moves[Tier::Hot as usize][Tier::Warm as usize] = 2.0;
        Costs {
            rows: [300.0, 300.0, 300.0, 100.0],
            requests_a_row: [0.5, 0.2, 0.0, 0.0],
            bytes_a_row: [65_536.0, 4_096.0, 0.0, 0.0],
            fetch: [Fit::new(20_000_000.0, 10.0); 4],
            moves,
        }
    }
}

impl Costs {
    /// Rows were rescored in a tier, without what fetching them took. Nothing if there were none.
    pub fn rescored(&mut self, tier: Tier, rows: u64, elapsed: Duration) {
        if rows > 0 {
            average(&mut self.rows[tier as usize], nanos(elapsed) / rows as f64);
        }
    }

    /// The columns of rows were fetched, by `requests` one after the other. How long a request takes and how long a byte does is
    /// found by least squares over the measurements, in which a measurement's weight halves with every 34 after it.
    pub fn fetched(&mut self, tier: Tier, rows: u64, requests: u64, bytes: u64, elapsed: Duration) {
        let tier = tier as usize;
        self.fetch[tier].record(requests as f64, bytes as f64, nanos(elapsed));
        if rows > 0 {
            average(&mut self.requests_a_row[tier], requests as f64 / rows as f64);
            average(&mut self.bytes_a_row[tier], bytes as f64 / rows as f64);
        }
    }

    /// A segment was moved, its new representation being of so many bytes. Nothing if it has none.
    pub fn moved(&mut self, from: Tier, to: Tier, bytes: u64, elapsed: Duration) {
        if bytes > 0 {
            average(&mut self.moves[from as usize][to as usize], nanos(elapsed) / bytes as f64);
        }
    }

    /// Nanoseconds that rescoring a row takes: compute, its requests and its bytes.
    #[must_use]
    pub fn row(&self, tier: Tier) -> f64 {
        let [request, byte] = self.fetch(tier);
        let tier = tier as usize;
        self.rows[tier] + self.requests_a_row[tier] * request + self.bytes_a_row[tier] * byte
    }

    /// Nanoseconds that a request takes, and each of its bytes. Zero where nothing is fetched.
    #[must_use]
    pub fn fetch(&self, tier: Tier) -> [f64; 2] {
        if tier <= Tier::Cold { self.fetch[tier as usize].solve() } else { [0.0; 2] }
    }

    /// Nanoseconds that moving a segment takes whose new representation has so many bytes.
    #[must_use]
    pub fn moving(&self, from: Tier, to: Tier, bytes: u64) -> f64 {
        self.moves[from as usize][to as usize] * bytes as f64
    }
}

fn average(old: &mut f64, new: f64) {
    *old += NEW * (new - *old);
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
