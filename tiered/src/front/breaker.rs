//! Leaving a front alone that fails, and finding out when it works again.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use larder_store_core::Env;

/// Failures in a row after which a front is left alone.
const MOST_FAILURES: u32 = 3;
/// For how long at first; doubled each time that it fails again.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Counts failures in a row. It needs no clock while there are none.
#[derive(Debug, Default)]
pub(crate) struct Fuse {
    failures: AtomicU32,
    /// Until when the front is left alone, in microseconds of the monotonic clock; 0 for not at all.
    until: AtomicU64,
}

/// Whether a front may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It may.
    Yes,
    /// It may, as the one call that finds out.
    Trial,
    /// It may not.
    No,
}

fn now(env: &Env) -> u64 {
    u64::try_from(env.monotonic().as_micros()).unwrap_or(u64::MAX)
}

impl Fuse {
    /// Asks for leave to call the front. After `Trial` one of the two below must be told; if not, the next trial comes
    /// after another pause.
    #[inline]
    pub(crate) fn leave(&self, env: &Env) -> Leave {
        match self.until.load(Ordering::Relaxed) {
            0 => Leave::Yes,
            until => self.trial(until, env),
        }
    }

    #[cold]
    fn trial(&self, until: u64, env: &Env) -> Leave {
        let now = now(env);
        if now < until {
            return Leave::No;
        }
        let next = now.saturating_add(self.pause());
        match self.until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Leave::Trial,
            Err(_) => Leave::No,
        }
    }

    fn pause(&self) -> u64 {
        let again = self.failures.load(Ordering::Relaxed).saturating_sub(MOST_FAILURES).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << again).min(LONGEST_PAUSE);
        u64::try_from(pause.as_micros()).unwrap_or(u64::MAX)
    }

    /// A call went well. Whether the front had been left alone.
    #[inline]
    pub(crate) fn worked(&self) -> bool {
        if self.failures.load(Ordering::Relaxed) == 0 {
            return false;
        }
        self.failures.store(0, Ordering::Relaxed);
        self.until.swap(0, Ordering::Relaxed) != 0
    }

    /// A call failed. Whether the front is left alone from now on, and was not before.
    pub(crate) fn failed(&self, env: &Env) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if failures < MOST_FAILURES {
            return false;
        }
        self.until.swap(now(env).saturating_add(self.pause()).max(1), Ordering::Relaxed) == 0
    }

    /// It cannot be used at all for now: the same as failures enough.
    pub(crate) fn blow(&self, env: &Env) {
        self.failures.fetch_max(MOST_FAILURES - 1, Ordering::Relaxed);
        self.failed(env);
    }

    /// Whether it is left alone, and whether a trial is due.
    pub(crate) fn is_open(&self, env: &Env) -> Option<bool> {
        match self.until.load(Ordering::Relaxed) {
            0 => None,
            until => Some(now(env) < until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_store_core::env::{BoxFuture, Clock};
    use std::sync::{Arc, Mutex};
    use std::time::{Instant, SystemTime};

    struct Hands(Mutex<Instant>);

    impl Clock for Hands {
        fn wall(&self) -> SystemTime {
            Env::system().wall()
        }
        fn boot(&self) -> Duration {
            Env::system().boot()
        }
        fn now(&self) -> Instant {
            *self.0.lock().unwrap()
        }
        fn sleep_until(&self, _: Instant) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    #[test]
    fn it_opens_after_three_failures_and_closes_after_a_trial() {
        let hands = Arc::new(Hands(Mutex::new(Env::system().now())));
        let env = Env::system().with_clock(hands.clone());
        let pass = |time| *hands.0.lock().unwrap() += time;
        let fuse = Fuse::default();
        assert!(!fuse.failed(&env) && !fuse.failed(&env));
        assert_eq!(fuse.leave(&env), Leave::Yes);
        assert!(!fuse.worked());
        assert!(!fuse.failed(&env) && !fuse.failed(&env), "a success between starts the count anew");
        assert!(fuse.failed(&env));
        assert_eq!(fuse.leave(&env), Leave::No);
        pass(FIRST_PAUSE);
        assert_eq!(fuse.leave(&env), Leave::Trial);
        assert_eq!(fuse.leave(&env), Leave::No, "one trial at a time");
        assert!(!fuse.failed(&env));
        pass(FIRST_PAUSE);
        assert_eq!(fuse.leave(&env), Leave::No, "the second pause is longer");
        pass(FIRST_PAUSE);
        assert_eq!(fuse.leave(&env), Leave::Trial);
        assert!(fuse.worked());
        assert_eq!(fuse.leave(&env), Leave::Yes);
    }

    #[test]
    fn pauses_have_an_end() {
        let env = Env::system();
        let fuse = Fuse::default();
        for _ in 0..100 {
            fuse.failed(&env);
        }
        assert_eq!(u128::from(fuse.pause()), LONGEST_PAUSE.as_micros());
    }
}
