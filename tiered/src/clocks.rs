//! How old an answer is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_store_core::Env;
use larder_store_core::boot::boot_id;

/// The boot's id in one number; 0 where it is not told.
fn boot_number() -> u64 {
    let [a, b] = boot_id();
    a ^ b.rotate_left(1)
}

/// When the origin was asked, by both clocks, read before it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) wall: SystemTime,
    pub(crate) boot: Duration,
    /// Which boot of the machine the second clock belongs to; 0 where that is not told.
    pub(crate) boot_number: u64,
}

impl Asked {
    /// As if it had been asked earlier: what another cache in front of the origin says of its answer.
    pub(crate) fn earlier(self, by: Duration) -> Asked {
        Asked {
            wall: self.wall.checked_sub(by).unwrap_or(UNIX_EPOCH),
            boot: self.boot.saturating_sub(by),
            // A machine that has not run for so long cannot say it by this clock.
            boot_number: if by <= self.boot { self.boot_number } else { 0 },
        }
    }
}

/// The clocks of a stack.
///
/// No single clock is believed: the wall clock can be set back, the boot clock begins anew. An age is the largest that
/// either of them says, and the time that the origin last told counts as seen on the wall.
#[derive(Debug)]
pub(crate) struct Clocks {
    pub(crate) env: Env,
    /// The latest time that an origin with a clock of its own has told, in nanoseconds since 1970.
    told: AtomicU64,
}

impl Clocks {
    pub(crate) fn new(env: Env) -> Clocks {
        Clocks { env, told: AtomicU64::new(0) }
    }

    /// Now.
    pub(crate) fn asked(&self) -> Asked {
        Asked { wall: self.env.wall(), boot: self.env.boot(), boot_number: boot_number() }
    }

    /// An origin with a clock of its own said that something happened at `time`.
    pub(crate) fn told(&self, time: SystemTime) {
        let nanos = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        self.told.fetch_max(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long ago that was; `None` if that cannot be said, which is older than anything.
    pub(crate) fn age(&self, asked: &Asked) -> Option<Duration> {
        let told = UNIX_EPOCH + Duration::from_nanos(self.told.load(Ordering::Relaxed));
        let by_wall = self.env.wall().max(told).duration_since(asked.wall).ok();
        if asked.boot_number == 0 || asked.boot_number != boot_number() {
            return by_wall;
        }
        // A wall clock that was set back says nothing; the boot clock never goes back within a boot.
        let by_boot = self.env.boot().checked_sub(asked.boot)?;
        Some(by_wall.unwrap_or_default().max(by_boot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_store_core::env::{BoxFuture, Clock};
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    struct Hands(Mutex<(SystemTime, Duration)>);

    impl Clock for Hands {
        fn wall(&self) -> SystemTime {
            self.0.lock().unwrap().0
        }
        fn boot(&self) -> Duration {
            self.0.lock().unwrap().1
        }
        fn now(&self) -> Instant {
            Env::system().now()
        }
        fn sleep_until(&self, _: Instant) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn at(wall: u64, boot: u64) -> (Arc<Hands>, Clocks) {
        let hands = Arc::new(Hands(Mutex::new((UNIX_EPOCH + S(wall), S(boot)))));
        let clocks = Clocks::new(Env::system().with_clock(hands.clone()));
        (hands, clocks)
    }

    fn set(hands: &Hands, wall: u64, boot: u64) {
        *hands.0.lock().unwrap() = (UNIX_EPOCH + S(wall), S(boot));
    }

    #[test]
    fn the_clock_that_says_more_decides() {
        let (hands, clocks) = at(1000, 100);
        let asked = clocks.asked();
        for (wall, boot, age) in
            [(1000, 100, 0), (1007, 105, 7), (1005, 107, 7), (1000, 130, 30), (900, 130, 30), (1040, 100, 40)]
        {
            set(&hands, wall, boot);
            assert_eq!(clocks.age(&asked), Some(S(age)), "wall {wall}, boot {boot}");
        }
        set(&hands, 1010, 99);
        assert_eq!(clocks.age(&asked), None, "a boot clock that went back");
        set(&hands, 900, 101);
        let other_boot = Asked { boot_number: asked.boot_number ^ 1, ..asked };
        assert_eq!(clocks.age(&other_boot), None, "nothing but a wall clock that was set back");
        set(&hands, 1003, 1);
        assert_eq!(clocks.age(&other_boot), Some(S(3)));
    }

    #[test]
    fn what_the_origin_told_and_what_it_had_cached_count() {
        let (_hands, clocks) = at(1000, 100);
        let asked = clocks.asked();
        assert_eq!(clocks.age(&asked.earlier(S(20))), Some(S(20)));
        assert_eq!(clocks.age(&asked.earlier(S(500))), Some(S(500)));
        clocks.told(UNIX_EPOCH + S(1060));
        clocks.told(UNIX_EPOCH + S(1050));
        assert_eq!(clocks.age(&asked), Some(S(60)));
    }
}
