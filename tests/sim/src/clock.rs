//! One clock for all processes of the machine.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds on the monotonic clock, which all processes share.
pub fn nanos() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// How long something took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let done = work();
    (done, begin.elapsed())
}

/// How long this process's threads have waited for a processor so far, all together.
///
/// On a machine that has other things to do, the time that something took says little about it. Less this it does.
fn waited() -> Duration {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let nanos = |path: std::path::PathBuf| -> Option<u64> {
        std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').nth(1)?.parse().ok()
    };
    Duration::from_nanos(tasks.flatten().filter_map(|task| nanos(task.path())).sum())
}

/// A span of time, for work during which no two threads of this process run at once.
#[derive(Debug)]
pub struct Span {
    waited: Duration,
    begin: Instant,
}

/// What a span came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Took {
    /// By the clock.
    pub wall: Duration,
    /// The same without the time in which the process waited for a processor.
    pub own: Duration,
}

impl Span {
    /// It begins.
    pub fn begin() -> Span {
        Span { waited: waited(), begin: Instant::now() }
    }

    /// It ends.
    pub fn end(self) -> Took {
        let wall = self.begin.elapsed();
        Took { wall, own: wall.saturating_sub(waited().saturating_sub(self.waited)) }
    }
}

/// Times, to be asked for their quantiles.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Adds all of another collection.
    pub fn append(&mut self, mut other: Times) {
        self.0.append(&mut other.0);
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The time that this share of them does not exceed; 0 if there is none.
    pub fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = (share * sorted.len() as f64).ceil() as usize;
        sorted.get(at.saturating_sub(1)).or(sorted.last()).copied().unwrap_or_default()
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        self.0.iter().max().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_lengths() {
        let span = Span::begin();
        std::thread::sleep(Duration::from_millis(20));
        let took = span.end();
        assert!(took.wall >= Duration::from_millis(20), "{took:?}");
        assert!(took.own <= took.wall, "{took:?}");
    }

    #[test]
    fn quantiles() {
        let mut times = Times::default();
        assert_eq!(times.quantile(0.5), Duration::ZERO);
        for ms in (1..=100).rev() {
            times.push(Duration::from_millis(ms));
        }
        assert_eq!(times.quantile(0.5), Duration::from_millis(50));
        assert_eq!(times.quantile(0.99), Duration::from_millis(99));
        assert_eq!(times.max(), Duration::from_millis(100));
    }
}
