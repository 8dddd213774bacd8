//! A clock that a test can move.
#![allow(clippy::disallowed_methods, reason = "it is a clock: the others ask it")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;

use crate::env::{BoxFuture, Clock, Env};

/// A clock that goes on by itself like the real one, and can be moved.
///
/// [`TestClock::advance`] moves all three clocks and wakes who sleeps until then. [`TestClock::hold`] stops the
/// calendar at one instant, for tests of "exactly then".
///
/// ```
/// use std::time::Duration;
/// use larder_store_core::conformance::TestClock;
/// let clock = TestClock::new();
/// let env = clock.env();
/// let before = env.wall();
/// clock.advance(Duration::from_secs(3600));
/// assert!(env.wall() >= before + Duration::from_secs(3600));
/// ```
#[derive(Debug)]
pub struct TestClock {
    state: Mutex<State>,
    moved: watch::Sender<Duration>,
}

#[derive(Debug, Default)]
struct State {
    ahead: Duration,
    held: Option<SystemTime>,
}

impl TestClock {
    /// One that shows the real time.
    pub fn new() -> Arc<TestClock> {
        Arc::new(TestClock { state: Mutex::default(), moved: watch::channel(Duration::ZERO).0 })
    }

    /// The real environment with this clock.
    pub fn env(self: &Arc<TestClock>) -> Env {
        Env::system().with_clock(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves all clocks forward, and lets the calendar go on if it was held.
    pub fn advance(&self, time: Duration) {
        let mut state = self.state();
        state.ahead += time;
        state.held = None;
        self.moved.send_replace(state.ahead);
    }

    /// Stops the calendar at `wall`, until the next [`TestClock::advance`]. The other clocks go on.
    pub fn hold(&self, wall: SystemTime) {
        self.state().held = Some(wall);
    }
}

impl Clock for TestClock {
    fn wall(&self) -> SystemTime {
        let state = self.state();
        state.held.unwrap_or_else(|| SystemTime::now() + state.ahead)
    }

    fn boot(&self) -> Duration {
        let time = clock_gettime(ClockId::Boottime);
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32) + self.state().ahead
    }

    fn now(&self) -> Instant {
        Instant::now() + self.state().ahead
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let mut moved = self.moved.subscribe();
        Box::pin(async move {
            loop {
                let ahead = *moved.borrow_and_update();
                // A deadline before the machine's own beginning has passed.
                let Some(real) = deadline.checked_sub(ahead) else { return };
                let moved_on = async {
                    if moved.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                };
                tokio::select! {
                    () = tokio::time::sleep_until(real.into()) => return,
                    () = moved_on => {}
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn moving_wakes_sleepers() {
        let clock = TestClock::new();
        let env = clock.env();
        let mut sleep = Box::pin(env.sleep(Duration::from_secs(3600)));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(Duration::from_secs(3500));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(Duration::from_secs(101));
        sleep.await;
    }

    #[test]
    fn a_held_calendar_stands() {
        let clock = TestClock::new();
        let then = clock.wall() + Duration::from_secs(9);
        clock.hold(then);
        assert_eq!(clock.wall(), then);
        clock.advance(Duration::from_secs(1));
        assert!(clock.wall() < then);
    }
}
