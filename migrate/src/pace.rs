//! Not faster than asked.

use std::time::{Duration, Instant};

use larder_store_core::{Call, Env, Op, Result};

/// How fast a job may go. Without limits by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Rate {
    /// Bytes of values a second.
    pub bytes: Option<u64>,
    /// Entries a second.
    pub entries: Option<u64>,
}

impl Rate {
    /// Without limits.
    pub fn new() -> Rate {
        Rate::default()
    }

    /// At most so many bytes of values a second.
    pub fn with_bytes(mut self, bytes: u64) -> Rate {
        self.bytes = Some(bytes.max(1));
        self
    }

    /// At most so many entries a second.
    pub fn with_entries(mut self, entries: u64) -> Rate {
        self.entries = Some(entries.max(1));
        self
    }
}

/// How much of what was not used is saved up: timers come a millisecond late or more, and without it that would add up,
/// entry by entry.
const SAVED: Duration = Duration::from_millis(50);

/// Lets entries pass one by one, each no earlier than those before it paid for.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Rate,
    next: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(rate: Rate) -> Pace {
        Pace { rate, next: None }
    }

    /// Waits for the turn of `entries` entries of together `bytes` bytes.
    ///
    /// # Errors
    /// Those of a call that is cancelled or late: at a low rate a turn may be minutes away.
    pub(crate) async fn wait(&mut self, env: &Env, call: &Call, entries: u64, bytes: u64) -> Result<()> {
        if self.rate == Rate::default() {
            return Ok(());
        }
        let cost = |amount: u64, rate: Option<u64>| rate.map_or(0.0, |rate| amount as f64 / rate as f64);
        let cost = cost(bytes, self.rate.bytes).max(cost(entries, self.rate.entries));
        let now = env.now();
        let turn = self.next.map_or(now, |next| next.max(now.checked_sub(SAVED).unwrap_or(now)));
        self.next = turn.checked_add(Duration::from_secs_f64(cost.min(1e6)));
        if turn <= now {
            return Ok(());
        }
        let turn = async {
            env.sleep_until(turn).await;
            Ok(())
        };
        call.guard(env, Op::Copy, turn).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_high_rate_is_reached_and_kept() {
        let env = Env::system();
        let mut pace = Pace::new(Rate::new().with_entries(20_000));
        let began = env.now();
        for _ in 0..4_000 {
            pace.wait(&env, &Call::default(), 1, 0).await.unwrap();
        }
        let took = env.now().duration_since(began);
        assert!(took >= Duration::from_millis(200) - SAVED, "{took:?}");
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}
