//! A clock that costs no time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use larder_store_core::Env;
use larder_store_core::env::{BoxFuture, Clock};
use tokio::sync::watch;

/// A clock that stands until it is moved. Whoever sleeps by it wakes when it was moved so far.
///
/// With a [`Mover`] it goes on by itself when somebody has slept for a moment of real time: then there is nothing to
/// wait for but the clock, and a timeout of a second costs milliseconds.
#[derive(Debug)]
pub struct StillClock {
    begin: (Instant, SystemTime, Duration),
    moved: watch::Sender<Duration>,
    sleepers: Mutex<Sleepers>,
    jumps: AtomicU64,
    /// How long somebody sleeps by a real clock until a mover moves it, in microseconds.
    patience: AtomicU64,
}

/// Until when they sleep, and since when they do so by a real clock.
#[derive(Debug, Default)]
struct Sleepers {
    next: u64,
    all: BTreeMap<(Duration, u64), Instant>,
}

/// One who sleeps, until this goes.
struct Asleep {
    clock: Arc<StillClock>,
    at: (Duration, u64),
}

impl Drop for Asleep {
    fn drop(&mut self) {
        self.clock.sleepers().all.remove(&self.at);
    }
}

/// The clock as an [`Env`] has it.
#[derive(Debug)]
struct Hands(Arc<StillClock>);

impl StillClock {
    /// One that shows the real time now.
    pub fn new() -> Arc<StillClock> {
        let system = Env::system();
        Arc::new(StillClock {
            begin: (system.now(), system.wall(), system.boot()),
            moved: watch::channel(Duration::ZERO).0,
            sleepers: Mutex::default(),
            jumps: AtomicU64::new(0),
            patience: AtomicU64::new(4000),
        })
    }

    /// The real environment with this clock.
    pub fn env(self: &Arc<StillClock>) -> Env {
        Env::system().with_clock(Arc::new(Hands(self.clone())))
    }

    /// Moves it.
    pub fn advance(&self, time: Duration) {
        self.moved.send_modify(|moved| *moved += time);
    }

    /// Moves it whenever somebody has slept for a while by a real clock, until the mover is dropped.
    pub fn move_when_idle(self: &Arc<StillClock>) -> Mover {
        let (clock, stop) = (self.clone(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_micros(500));
                clock.move_if_idle();
            }
        });
        Mover { stop, thread: Some(thread) }
    }

    /// How long somebody must have slept by a real clock until a mover moves this one. Where nothing hangs, whoever sleeps
    /// only waits for a slow machine, and more patience is right.
    pub fn set_patience(&self, patience: Duration) {
        self.patience.store(patience.as_micros() as u64, Ordering::Relaxed);
    }

    /// How often it was moved because somebody slept.
    pub fn jumps(&self) -> u64 {
        self.jumps.load(Ordering::Relaxed)
    }

    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn move_if_idle(&self) {
        let patience = Duration::from_micros(self.patience.load(Ordering::Relaxed));
        let first = self.sleepers().all.first_key_value().map(|((until, _), since)| (*until, *since));
        let Some((until, since)) = first else { return };
        if since.elapsed() >= patience && *self.moved.borrow() < until {
            self.jumps.fetch_add(1, Ordering::Relaxed);
            self.moved.send_modify(|moved| *moved = (*moved).max(until));
        }
    }
}

impl Clock for Hands {
    fn wall(&self) -> SystemTime {
        self.0.begin.1 + *self.0.moved.borrow()
    }

    fn boot(&self) -> Duration {
        self.0.begin.2 + *self.0.moved.borrow()
    }

    fn now(&self) -> Instant {
        self.0.begin.0 + *self.0.moved.borrow()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let clock = self.0.clone();
        Box::pin(async move {
            let until = deadline.saturating_duration_since(clock.begin.0);
            let mut moved = clock.moved.subscribe();
            if *moved.borrow_and_update() >= until {
                return;
            }
            let _asleep = {
                let mut sleepers = clock.sleepers();
                sleepers.next += 1;
                let at = (until, sleepers.next);
                sleepers.all.insert(at, Instant::now());
                Asleep { clock: clock.clone(), at }
            };
            // The sender lives as long as the clock, so waiting does not fail.
            let _ = moved.wait_for(|moved| *moved >= until).await;
        })
    }
}

/// Moves a [`StillClock`] until it is dropped.
#[derive(Debug)]
pub struct Mover {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Mover {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn it_stands_until_it_is_moved() {
        let clock = StillClock::new();
        let env = clock.env();
        let (now, wall, boot) = (env.now(), env.wall(), env.boot());
        let mut sleep = Box::pin(env.sleep(Duration::from_secs(10)));
        assert!((&mut sleep).now_or_never().is_none());
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!((env.now(), env.wall(), env.boot()), (now, wall, boot));
        clock.advance(Duration::from_secs(9));
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert!(sleep.now_or_never().is_some());
        assert_eq!(env.now() - now, Duration::from_secs(10));
        assert!(clock.sleepers().all.is_empty());
    }

    #[test]
    fn an_hour_of_sleep_costs_a_moment() {
        let clock = StillClock::new();
        let (env, begin) = (clock.env(), Instant::now());
        clock.set_patience(Duration::from_millis(2));
        let mover = clock.move_when_idle();
        crate::stores::block_on(async {
            env.sleep(Duration::from_secs(3600)).await;
            env.sleep(Duration::from_secs(60)).await;
        });
        drop(mover);
        assert_eq!(clock.jumps(), 2);
        assert!(begin.elapsed() < Duration::from_secs(30));
        drop(env.sleep(Duration::from_secs(5)));
        assert!(clock.sleepers().all.is_empty());
    }
}
