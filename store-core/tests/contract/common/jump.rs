//! A clock that jumps to the time that somebody sleeps for, and randomness from a seed.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use larder_store_core::Env;
use larder_store_core::env::{BoxFuture, Clock, Random};

use super::rng::Rng;

/// Time goes on only when somebody sleeps: then at once. For tests in which nothing else is waited for.
pub struct JumpClock {
    start: (Instant, SystemTime),
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    now: Duration,
    sleeps: Vec<Duration>,
    meanwhile: Vec<Meanwhile>,
}

type Meanwhile = Box<dyn FnMut() -> bool + Send>;

impl JumpClock {
    #[allow(clippy::disallowed_methods, reason = "it is a clock")]
    pub fn new() -> Arc<JumpClock> {
        Arc::new(JumpClock { start: (Instant::now(), SystemTime::now()), state: Arc::default() })
    }

    /// This clock, and randomness from `seed`.
    pub fn env(self: &Arc<JumpClock>, seed: u64) -> Env {
        let random = Arc::new(Seeded(Mutex::new(Rng::new(seed))));
        Env::system().with_clock(self.clone()).with_random(random)
    }

    /// Runs this in each sleep that begins from now on, until it says that it is done.
    pub fn meanwhile(&self, what: impl FnMut() -> bool + Send + 'static) {
        self.state.lock().unwrap().meanwhile.push(Box::new(what));
    }

    /// How long it all took so far.
    pub fn passed(&self) -> Duration {
        self.state.lock().unwrap().now
    }

    pub fn advance(&self, time: Duration) {
        self.state.lock().unwrap().now += time;
    }

    /// What was slept so far, each time by itself.
    pub fn sleeps(&self) -> Vec<Duration> {
        self.state.lock().unwrap().sleeps.clone()
    }
}

impl Clock for JumpClock {
    fn wall(&self) -> SystemTime {
        self.start.1 + self.passed()
    }

    fn boot(&self) -> Duration {
        self.passed()
    }

    fn now(&self) -> Instant {
        self.start.0 + self.passed()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let (state, until) = (self.state.clone(), deadline.saturating_duration_since(self.start.0));
        Box::pin(async move {
            // Whoever is about to do something else does it first.
            tokio::task::yield_now().await;
            // Not under the lock: what happens meanwhile asks for the time.
            let mut meanwhile = std::mem::take(&mut state.lock().unwrap().meanwhile);
            meanwhile.retain_mut(|what| !what());
            let mut state = state.lock().unwrap();
            state.meanwhile.append(&mut meanwhile);
            let slept = until.saturating_sub(state.now);
            state.sleeps.push(slept);
            state.now += slept;
        })
    }
}

struct Seeded(Mutex<Rng>);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut rng = self.0.lock().unwrap();
        bytes.iter_mut().for_each(|byte| *byte = rng.below(256) as u8);
    }
}
