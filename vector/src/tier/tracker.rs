//! Counting contributions, in constant time and from many threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::rate::{Rate, Rates, SavedRate, WINDOWS};

/// How contributions fade.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerOptions {
    /// After this time a contribution counts half in [`Rate::short`]: ten minutes by default. At least a millisecond.
    pub short: Duration,
    /// After this time a contribution counts half in [`Rate::long`]: a day by default. At least a millisecond.
    pub long: Duration,
    /// The share of the short rate in [`Rate::per_second`], from 0 to 1: nine tenths by default.
    ///
    /// A weighted sum of both is the one combination that estimates a steady rate without bias, as each of them does; their minimum
    /// is too low and their maximum too high by the noise of the short one. The long one ranks what is idle, and delays whoever comes
    /// new by little: with nine tenths, a segment that is past its use keeps a tenth of its rate for hours, so that those take its
    /// place whose rates are more than 1.3 times that. After a burst what stays is `1 / (9 × 144)` of what there was at its end.
    /// That one touch promotes nothing is not left to this sum, see [`Rate::sustained`].
    pub short_share: f64,
    /// How long a window of [`Rate::windows`] is: ten minutes by default. At least a millisecond.
    pub window: Duration,
}

impl Default for TrackerOptions {
    fn default() -> TrackerOptions {
        TrackerOptions {
            short: Duration::from_secs(10 * 60),
            long: Duration::from_secs(24 * 60 * 60),
            short_share: 0.9,
            window: Duration::from_secs(10 * 60),
        }
    }
}

/// How often each segment contributes.
///
/// Each segment has two sums `A` of the weights of its contributions, decayed when they are touched or read:
/// `A(t) = Σ w × 2^(-(t - t_w) / H)`. At a steady rate `r` that is `r × H / ln 2 × (1 - 2^(-age / H))`, so `r` is estimated as
/// `A × ln 2 / H / (1 - 2^(-age / H))`, without bias from the beginning; the age is taken as at least one short half-life, so that
/// the first touch is no enormous rate.
///
/// Times that go back count as no time.
#[derive(Debug)]
pub struct Tracker {
    decay: Decay,
    segments: RwLock<HashMap<u64, Arc<Access>>>,
}

impl Tracker {
    /// Of no segment yet.
    #[must_use]
    pub fn new(options: TrackerOptions) -> Tracker {
        Tracker { decay: Decay::new(&options), segments: RwLock::default() }
    }

    /// Counts contributions of a segment: `weight` rows, or shares of them. Nothing if the weight is not above zero and finite.
    pub fn touch(&self, id: u64, now: Duration, weight: f64) {
        self.access(id, now).touch(now, weight);
    }

    /// A segment's own counter, tracked from now on if it was not: to touch it without looking it up.
    #[must_use]
    pub fn access(&self, id: u64, now: Duration) -> Arc<Access> {
        let found = self.segments.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        found.unwrap_or_else(|| {
            let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Access::new(self.decay, now, SavedRate::default()));
            segments.entry(id).or_insert_with(new).clone()
        })
    }

    /// Forgets a segment.
    pub fn remove(&self, id: u64) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// A segment's rate, zero if it is not tracked.
    #[must_use]
    pub fn rate(&self, id: u64, now: Duration) -> Rate {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.get(&id).map(|access| access.rate(now)).unwrap_or_default()
    }

    /// The rates of all segments.
    #[must_use]
    pub fn rates(&self, now: Duration) -> Rates {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.iter().map(|(id, access)| (*id, access.rate(now))).collect()
    }

    /// What to keep over a restart, by id.
    #[must_use]
    pub fn save(&self, now: Duration) -> Vec<(u64, SavedRate)> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let mut saved: Vec<_> = segments.iter().map(|(id, access)| (*id, access.save(now))).collect();
        saved.sort_unstable_by_key(|(id, _)| *id);
        saved
    }

    /// Goes on where a segment was when it was saved, in place of what is known of it.
    pub fn restore(&self, id: u64, now: Duration, saved: SavedRate) {
        let access = Arc::new(Access::new(self.decay, now, saved));
        self.segments.write().unwrap_or_else(PoisonError::into_inner).insert(id, access);
    }
}

/// The counter of one segment.
#[derive(Debug)]
pub struct Access {
    decay: Decay,
    counts: Mutex<Counts>,
}

impl Access {
    fn new(decay: Decay, now: Duration, saved: SavedRate) -> Access {
        let now = now.as_secs_f64();
        let counts = Counts {
            at: now,
            born: now - saved.tracked.max(0.0),
            short: saved.short.max(0.0),
            long: saved.long.max(0.0),
            window: (now / decay.window).floor(),
            weights: [0.0; WINDOWS + 1],
        };
        Access { decay, counts: Mutex::new(counts) }
    }

    /// As [`Tracker::touch`].
    pub fn touch(&self, now: Duration, weight: f64) {
        if weight > 0.0 && weight.is_finite() {
            let mut counts = self.advanced(now);
            counts.short += weight;
            counts.long += weight;
            counts.weights[0] += weight;
        }
    }

    /// As [`Tracker::rate`].
    #[must_use]
    pub fn rate(&self, now: Duration) -> Rate {
        let (decay, counts) = (&self.decay, *self.advanced(now));
        let age = (counts.at - counts.born).max(decay.short);
        let estimate = |sum: f64, half: f64| {
            let seen = -(-age / half * std::f64::consts::LN_2).exp_m1();
            sum * std::f64::consts::LN_2 / half / seen
        };
        let (short, long) = (estimate(counts.short, decay.short), estimate(counts.long, decay.long));
        let per_second = decay.short_share * short + (1.0 - decay.short_share) * long;
        Rate { short, long, per_second, windows: counts.weights.map(|weight| weight / decay.window) }
    }

    /// As [`Tracker::save`].
    #[must_use]
    pub fn save(&self, now: Duration) -> SavedRate {
        let counts = *self.advanced(now);
        SavedRate { short: counts.short, long: counts.long, tracked: counts.at - counts.born }
    }

    /// The counts, decayed to a moment unless that is past.
    fn advanced(&self, now: Duration) -> MutexGuard<'_, Counts> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.as_secs_f64() - counts.at;
        if passed > 0.0 {
            counts.at = now.as_secs_f64();
            counts.short *= (-passed / self.decay.short).exp2();
            counts.long *= (-passed / self.decay.long).exp2();
            let window = (counts.at / self.decay.window).floor();
            let shift = ((window - counts.window) as usize).min(WINDOWS + 1);
            counts.weights.rotate_right(shift.min(WINDOWS));
            counts.weights[..shift].fill(0.0);
            counts.window = window;
        }
        counts
    }
}

/// The options, in seconds.
#[derive(Debug, Clone, Copy)]
struct Decay {
    short: f64,
    long: f64,
    short_share: f64,
    window: f64,
}

impl Decay {
    fn new(options: &TrackerOptions) -> Decay {
        let seconds = |time: Duration| time.as_secs_f64().max(0.001);
        Decay {
            short: seconds(options.short),
            long: seconds(options.long),
            short_share: options.short_share.clamp(0.0, 1.0),
            window: seconds(options.window),
        }
    }
}

/// Moments in seconds.
#[derive(Debug, Clone, Copy)]
struct Counts {
    at: f64,
    born: f64,
    short: f64,
    long: f64,
    /// The number of the open window.
    window: f64,
    /// What came in it and in those before it.
    weights: [f64; WINDOWS + 1],
}
