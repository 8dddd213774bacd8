//! How often segments contribute.

use std::collections::BTreeMap;

/// How many windows of a segment are remembered besides the one that is open.
pub const WINDOWS: usize = 4;

/// How often a segment contributes, as of one moment. All in contributions a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rate {
    /// By the short half-life.
    pub short: f64,
    /// By the long half-life.
    pub long: f64,
    /// What both say together: `short_share × short + (1 - short_share) × long`, see
    /// [`TrackerOptions`](super::TrackerOptions::short_share).
    pub per_second: f64,
    /// What came in the open window and in the [`WINDOWS`] before it, the open one first, each over a whole window's length. That of
    /// the open window only grows until it closes.
    pub windows: [f64; WINDOWS + 1],
}

impl Rate {
    /// The rate that held for *more* than `windows` windows in a row, up to now: the least of `windows + 1` consecutive ones, which
    /// end with the open one or the one before. What takes less time than a window touches at most two, and so is nothing to
    /// `sustained(2)`, wherever the windows' borders are; nor does a segment sustain anything that contributes less often than in
    /// every window. Never more than [`per_second`](Rate::per_second). With 0 windows it is that.
    ///
    /// Being a minimum it is too low by the noise of one window, never too high for long: promotions wait rather than flap.
    #[must_use]
    pub fn sustained(&self, windows: usize) -> f64 {
        if windows == 0 {
            return self.per_second;
        }
        let least = |run: &[f64]| run.iter().copied().fold(self.per_second, f64::min);
        let length = (windows + 1).min(WINDOWS);
        least(&self.windows[..length]).max(least(&self.windows[1..=length]))
    }
}

/// The rates of all segments at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rates(BTreeMap<u64, Rate>);

impl Rates {
    /// A segment's rate, zero if it never contributed.
    #[must_use]
    pub fn get(&self, id: u64) -> Rate {
        self.0.get(&id).copied().unwrap_or_default()
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Rate)> {
        self.0.iter().map(|(id, rate)| (*id, *rate))
    }
}

impl FromIterator<(u64, Rate)> for Rates {
    fn from_iter<I: IntoIterator<Item = (u64, Rate)>>(rates: I) -> Rates {
        Rates(rates.into_iter().collect())
    }
}

/// What is kept of a segment's rate over a restart. It holds no moment: the time between saving and restoring counts as none. The
/// windows are not kept, so that a promotion needs them anew.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SavedRate {
    /// Weight left by the short half-life.
    pub short: f64,
    /// Weight left by the long half-life.
    pub long: f64,
    /// For how many seconds the segment was tracked.
    pub tracked: f64,
}
