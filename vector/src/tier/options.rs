//! What the policy can be told once.

use std::time::Duration;

use super::Tier;

/// When a segment moves.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyOptions {
    /// How many times denser than its victim's a gain has to be: 1.3 by default.
    pub hysteresis: f64,
    /// How long a segment stays before its use moves it again: ten minutes by default, one short half-life.
    pub residency: Duration,
    /// For more than so many windows a rate has to hold, see [`Rate::sustained`](super::Rate::sustained): 2 by default, at most
    /// [`WINDOWS`](super::WINDOWS) less one.
    pub windows: usize,
    /// How far the present rates are believed to last: a day by default, what the long half-life remembers.
    pub horizon: Duration,
    /// How much of a move's cost has to be gained within the horizon, and lost by waiting before it: 1 by default, for which ski
    /// rental pays at most twice the best.
    pub beta: f64,
    /// The most time since the last plan for which a loss by waiting is counted: ten minutes by default, since rates are only known
    /// now.
    pub longest_wait: Duration,
    /// The coldest tier to which a segment goes to make room: cold by default, as a search needs the codes of segments that do not
    /// contribute too. Frozen are those that are pinned there, and those that must leave a budget that is exceeded.
    pub floor: Tier,
    /// Bytes a second that are moved, in the long run: 16 MiB by default.
    pub bandwidth: u64,
    /// Bytes that may be moved at once: 256 MiB by default. A larger segment is moved when all of them are there.
    pub burst: u64,
}

impl Default for PolicyOptions {
    fn default() -> PolicyOptions {
        PolicyOptions {
            hysteresis: 1.3,
            residency: Duration::from_secs(10 * 60),
            windows: 2,
            horizon: Duration::from_secs(24 * 60 * 60),
            beta: 1.0,
            longest_wait: Duration::from_secs(10 * 60),
            floor: Tier::Cold,
            bandwidth: 16 << 20,
            burst: 256 << 20,
        }
    }
}
