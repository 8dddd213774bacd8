//! Long work, watched and cancelled.

use std::sync::atomic::{AtomicU64, Ordering};

/// Tells how far a long piece of work is, and asks whether to go on. Both are called from the threads that do the work, of several
/// at once.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use larder_vector::{Cancelled, Progress, pq};
///
/// let stop = AtomicBool::new(false);
/// let (told, cancel) = (|done, total| println!("{done} of {total}"), || stop.load(Ordering::Relaxed));
/// let progress = Progress::new().telling(&told).cancelled_by(&cancel);
/// let vectors = vec![0.5; 8 * 300];
/// assert!(pq::Codebook::train_with(&vectors, 8, &pq::TrainOptions::default(), &progress).is_ok());
/// stop.store(true, Ordering::Relaxed);
/// assert_eq!(pq::Codebook::train_with(&vectors, 8, &pq::TrainOptions::default(), &progress).err(), Some(Cancelled));
/// ```
#[derive(Clone, Copy, Default)]
pub struct Progress<'a> {
    told: Option<&'a (dyn Fn(u64, u64) + Sync)>,
    cancelled: Option<&'a (dyn Fn() -> bool + Sync)>,
}

/// Work was cancelled; there is nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cancelled;

impl std::fmt::Display for Cancelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cancelled")
    }
}

impl std::error::Error for Cancelled {}

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress")
            .field("told", &self.told.is_some())
            .field("cancelled", &self.cancelled.is_some())
            .finish()
    }
}

impl<'a> Progress<'a> {
    /// Nobody is told, and nothing is cancelled.
    pub fn new() -> Progress<'a> {
        Progress::default()
    }

    /// Calls `told` with what is done and the total, both in steps of no unit that can be relied on. What is done never exceeds the
    /// total and reaches it at the end; of two threads the one that is behind may tell last.
    #[must_use]
    pub fn telling(self, told: &'a (dyn Fn(u64, u64) + Sync)) -> Progress<'a> {
        Progress { told: Some(told), ..self }
    }

    /// Asks `cancelled` every few milliseconds of work; the work ends where it says yes.
    #[must_use]
    pub fn cancelled_by(self, cancelled: &'a (dyn Fn() -> bool + Sync)) -> Progress<'a> {
        Progress { cancelled: Some(cancelled), ..self }
    }

    /// Work of so many steps begins.
    pub(crate) fn begin(&self, total: u64) -> Work<'_> {
        Work { progress: self, total, done: AtomicU64::new(0) }
    }
}

/// A piece of work that is under way.
#[derive(Debug)]
pub(crate) struct Work<'a> {
    progress: &'a Progress<'a>,
    total: u64,
    done: AtomicU64,
}

impl Work<'_> {
    /// So many steps more are done.
    pub(crate) fn step(&self, steps: u64) -> Result<(), Cancelled> {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        if let Some(told) = self.progress.told {
            told(done, self.total);
        }
        match self.progress.cancelled {
            Some(cancelled) if cancelled() => Err(Cancelled),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn steps_are_told_until_it_is_cancelled() {
        let seen = Mutex::new(Vec::new());
        let told = |done, total| seen.lock().unwrap().push((done, total));
        let cancelled = || seen.lock().unwrap().len() == 2;
        let progress = Progress::new().telling(&told).cancelled_by(&cancelled);
        let work = progress.begin(5);
        assert_eq!((work.step(2), work.step(3)), (Ok(()), Err(Cancelled)));
        assert_eq!(*seen.lock().unwrap(), [(2, 5), (5, 5)]);
        assert_eq!(Progress::new().begin(1).step(1), Ok(()));
    }
}
