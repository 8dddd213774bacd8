//! Clocks, sleep, spawn and randomness from one place, so that a seeded executor can run the real code.

mod blocking;
mod inflight;
mod system;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub use blocking::{DEFAULT_BLOCKING_LIMIT, set_blocking_limit};
pub use inflight::{InFlight, InFlightGuard};

/// A future that owns what it needs.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Three clocks and a way to wait.
pub trait Clock: Send + Sync {
    /// The calendar time, which may jump.
    fn wall(&self) -> SystemTime;
    /// Time since the machine booted, suspension included (`CLOCK_BOOTTIME`).
    fn boot(&self) -> Duration;
    /// Time that only goes forward and stands still while the machine is suspended (`CLOCK_MONOTONIC`).
    fn now(&self) -> Instant;
    /// Waits until [`Clock::now`] reaches `deadline`.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()>;
}

/// Where tasks run.
pub trait Spawn: Send + Sync {
    /// Runs a task in the background.
    fn spawn(&self, task: BoxFuture<'static, ()>);
    /// Runs work that blocks where it holds up no task.
    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>);
}

/// Where random bytes come from. They must differ between processes, forks and restored snapshots.
pub trait Random: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The environment that a store runs in. Cheap to clone.
///
/// ```
/// use larder_store_core::Env;
/// let env = Env::system();
/// assert!(env.wall() > std::time::UNIX_EPOCH);
/// ```
#[derive(Clone)]
pub struct Env(Arc<Parts>);

struct Parts {
    clock: Arc<dyn Clock>,
    spawn: Arc<dyn Spawn>,
    random: Arc<dyn Random>,
}

impl Env {
    /// The real one: the operating system's clocks and randomness, Tokio's tasks. Shared by all who ask.
    pub fn system() -> Env {
        static SYSTEM: std::sync::OnceLock<Env> = std::sync::OnceLock::new();
        SYSTEM
            .get_or_init(|| {
                let system = Arc::new(system::System);
                Env::new(system.clone(), system.clone(), system)
            })
            .clone()
    }

    /// One made of parts, for tests and simulations.
    pub fn new(clock: Arc<dyn Clock>, spawn: Arc<dyn Spawn>, random: Arc<dyn Random>) -> Env {
        Env(Arc::new(Parts { clock, spawn, random }))
    }

    /// The same with another clock.
    pub fn with_clock(&self, clock: Arc<dyn Clock>) -> Env {
        Env::new(clock, self.0.spawn.clone(), self.0.random.clone())
    }

    /// The same with other randomness.
    pub fn with_random(&self, random: Arc<dyn Random>) -> Env {
        Env::new(self.0.clock.clone(), self.0.spawn.clone(), random)
    }

    /// The calendar time.
    pub fn wall(&self) -> SystemTime {
        self.0.clock.wall()
    }

    /// Time since boot, suspension included.
    pub fn boot(&self) -> Duration {
        self.0.clock.boot()
    }

    /// The monotonic time.
    pub fn now(&self) -> Instant {
        self.0.clock.now()
    }

    /// [`Env::now`] as a number that the processes of one boot share: the time since boot without suspension.
    pub fn monotonic(&self) -> Duration {
        system::since_boot(self.now())
    }

    /// Waits for `time`.
    pub async fn sleep(&self, time: Duration) {
        match self.now().checked_add(time) {
            Some(deadline) => self.sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    /// Waits until the monotonic clock reaches `deadline`.
    pub async fn sleep_until(&self, deadline: Instant) {
        self.0.clock.sleep_until(deadline).await;
    }

    /// Runs a task in the background. Whoever spawns it sees to it that `drain` waits for it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn.spawn(Box::pin(task));
    }

    /// Fills `bytes` at random.
    pub fn fill_random(&self, bytes: &mut [u8]) {
        self.0.random.fill(bytes);
    }

    /// A random number.
    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Env")
    }
}
