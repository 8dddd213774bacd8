//! What runs on although nobody may be waiting for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::sync::{Mutex, Notify};

/// Counts work that runs on when its caller goes away, so that `drain` and `close` can wait for it.
///
/// [`InFlight::wait`] waits for what was begun before the call, not for what others begin meanwhile: it ends under
/// any load. Cloning shares the count.
#[derive(Clone, Default)]
pub struct InFlight(Arc<Shared>);

#[derive(Default)]
struct Shared {
    // Two generations: new work enters the current one while a waiter sees the other one out.
    counts: [AtomicUsize; 2],
    generation: AtomicUsize,
    waiters: Mutex<()>,
    ended: Notify,
}

impl InFlight {
    /// None yet.
    pub fn new() -> InFlight {
        InFlight::default()
    }

    /// Counts one piece of work until the guard is dropped.
    pub fn enter(&self) -> InFlightGuard {
        loop {
            let generation = self.0.generation.load(SeqCst) & 1;
            self.0.counts[generation].fetch_add(1, SeqCst);
            // A waiter that turned the generation in between may not have seen this one.
            if self.0.generation.load(SeqCst) & 1 == generation {
                return InFlightGuard { shared: self.0.clone(), generation };
            }
            self.0.leave(generation);
        }
    }

    /// Waits until everything that had been begun is done.
    pub async fn wait(&self) {
        let _alone = self.0.waiters.lock().await;
        // Both generations in turn, so that one that an earlier, cancelled wait left behind is seen out as well.
        for _ in 0..2 {
            let old = self.0.generation.fetch_add(1, SeqCst) & 1;
            loop {
                let ended = self.0.ended.notified();
                if self.0.counts[old].load(SeqCst) == 0 {
                    break;
                }
                ended.await;
            }
        }
    }

    /// How many pieces of work are counted now.
    pub fn count(&self) -> usize {
        self.0.counts.iter().map(|c| c.load(SeqCst)).sum()
    }
}

impl Shared {
    fn leave(&self, generation: usize) {
        if self.counts[generation].fetch_sub(1, SeqCst) == 1 {
            self.ended.notify_waiters();
        }
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InFlight({})", self.count())
    }
}

/// One piece of work that [`InFlight`] counts.
#[must_use]
pub struct InFlightGuard {
    shared: Arc<Shared>,
    generation: usize,
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.shared.leave(self.generation);
    }
}

impl fmt::Debug for InFlightGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InFlightGuard")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn waits_for_what_was_begun_only() {
        let work = InFlight::new();
        let first = work.enter();
        let mut wait = Box::pin(work.wait());
        assert!((&mut wait).now_or_never().is_none());
        let _later = work.enter();
        drop(first);
        // The second turn sees out the later one too, as it was begun before that turn.
        assert!((&mut wait).now_or_never().is_none());
        drop(_later);
        wait.await;
        assert_eq!(work.count(), 0);
    }
}
