//! The real environment.
#![allow(clippy::disallowed_methods, reason = "this is where the others come to ask")]

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use super::{BoxFuture, Clock, Random, Spawn};

pub(super) struct System;

/// How long after boot `time` is, suspension not counted. Times before boot are zero.
pub(super) fn since_boot(time: Instant) -> Duration {
    // An `Instant` does not tell its number, so one is read beside the clock that it comes from.
    static PAIR: OnceLock<(Instant, Duration)> = OnceLock::new();
    let (anchor, number) = PAIR.get_or_init(|| {
        let mut tries = 0;
        loop {
            let before = Instant::now();
            let clock = clock_gettime(ClockId::Monotonic);
            tries += 1;
            // Whoever was put aside in between tries again.
            if before.elapsed() < Duration::from_micros(20) || tries == 100 {
                let number = Duration::new(clock.tv_sec.unsigned_abs(), clock.tv_nsec.unsigned_abs() as u32);
                return (before, number);
            }
        }
    });
    match time.checked_duration_since(*anchor) {
        Some(later) => *number + later,
        None => number.saturating_sub(*anchor - time),
    }
}

impl Clock for System {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn boot(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }
}

impl Spawn for System {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        tokio::spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}

impl Random for System {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness there is no unique write id, and no way on.
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_becomes_the_number_that_other_processes_see() {
        let clock = || {
            let clock = clock_gettime(ClockId::Monotonic);
            Duration::new(clock.tv_sec.unsigned_abs(), clock.tv_nsec.unsigned_abs() as u32)
        };
        since_boot(Instant::now());
        let (before, number, after) = (clock(), since_boot(Instant::now()), clock());
        let slack = Duration::from_micros(20);
        assert!(before <= number + slack && number <= after + slack, "{before:?} {number:?} {after:?}");
        let now = Instant::now();
        assert_eq!(since_boot(now + Duration::from_secs(1)) - since_boot(now), Duration::from_secs(1));
        assert_eq!(since_boot(now) - since_boot(now - Duration::from_millis(1)), Duration::from_millis(1));
    }
}
