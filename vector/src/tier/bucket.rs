//! Bytes a second.

use std::time::Duration;

/// A token bucket: it fills with so many bytes a second up to its size, and moves take from it.
///
/// What is larger than the bucket is granted when it is full, and leaves a debt that has to be paid first. So in any time `T` what is
/// granted is at most `size + rate × T` and one move.
///
/// ```
/// use larder_vector::tier::Bucket;
/// use std::time::Duration;
///
/// let mut bucket = Bucket::new(10, 100);
/// assert!(bucket.try_take(Duration::ZERO, 250)); // it was full: now it lacks 150
/// assert!(!bucket.try_take(Duration::from_secs(15), 1));
/// assert!(bucket.try_take(Duration::from_secs(16), 10));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Bucket {
    rate: f64,
    size: f64,
    level: f64,
    at: Option<Duration>,
}

impl Bucket {
    /// Full, of `rate` bytes a second and a size in bytes.
    #[must_use]
    pub fn new(rate: u64, size: u64) -> Bucket {
        Bucket { rate: rate as f64, size: size as f64, level: size as f64, at: None }
    }

    /// Bytes that are there now, below zero while there is a debt. A time that goes back counts as no time.
    pub fn level(&mut self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.at.unwrap_or(now));
        self.level = (self.level + passed.as_secs_f64() * self.rate).min(self.size);
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
        self.level
    }

    /// Whether so many bytes, or all that fit in, are there.
    pub fn has(&mut self, now: Duration, bytes: u64) -> bool {
        bytes == 0 || self.level(now) >= (bytes as f64).min(self.size)
    }

    /// Takes bytes if they, or all that fit in, are there.
    #[must_use]
    pub fn try_take(&mut self, now: Duration, bytes: u64) -> bool {
        let has = self.has(now, bytes);
        if has {
            self.level -= bytes as f64;
        }
        has
    }

    /// Takes bytes for what cannot wait, into debt if it must.
    pub fn force(&mut self, now: Duration, bytes: u64) {
        self.level = self.level(now) - bytes as f64;
    }
}
