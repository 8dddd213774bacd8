//! The bound: bytes are taken before they are used, and given back when they are free again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes there are, and how many are taken. Whoever wants more than are left gets none.
#[derive(Debug)]
pub(super) struct Budget {
    most: u64,
    used: AtomicU64,
    /// Those of the taken ones that belong to no entry yet: to an upload under way.
    loose: AtomicU64,
}

impl Budget {
    pub(super) fn new(most: u64) -> Arc<Budget> {
        Arc::new(Budget { most, used: AtomicU64::new(0), loose: AtomicU64::new(0) })
    }

    pub(super) fn most(&self) -> u64 {
        self.most
    }

    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    pub(super) fn loose(&self) -> u64 {
        self.loose.load(Ordering::Acquire)
    }

    /// Takes so many bytes, or none.
    pub(super) fn take(self: &Arc<Budget>, bytes: u64) -> Option<Charge> {
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.most);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        self.loose.fetch_add(bytes, Ordering::AcqRel);
        Some(Charge { budget: self.clone(), bytes, is_loose: true })
    }
}

/// Bytes that were taken. Dropped, they are given back.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: u64,
    is_loose: bool,
}

impl Charge {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// An entry has them now, which can be evicted.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.is_loose) {
            self.budget.loose.fetch_sub(self.bytes, Ordering::AcqRel);
        }
    }

    /// Takes the bytes of another one over.
    pub(super) fn join(&mut self, mut other: Charge) {
        debug_assert!(self.is_loose && other.is_loose && Arc::ptr_eq(&self.budget, &other.budget));
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Gives back what is more than `bytes`.
    pub(super) fn shrink(&mut self, bytes: u64) {
        let more = self.bytes.saturating_sub(bytes);
        self.bytes -= more;
        self.give_back(more);
    }

    fn give_back(&self, bytes: u64) {
        if self.is_loose {
            self.budget.loose.fetch_sub(bytes, Ordering::AcqRel);
        }
        self.budget.used.fetch_sub(bytes, Ordering::AcqRel);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_there_is() {
        let budget = Budget::new(100);
        let mut first = budget.take(60).unwrap();
        assert!(budget.take(41).is_none() && budget.take(u64::MAX).is_none());
        let second = budget.take(40).unwrap();
        assert_eq!((budget.used(), budget.loose()), (100, 100));
        first.settle();
        assert_eq!((budget.used(), budget.loose()), (100, 40));
        drop(second);
        let mut third = budget.take(10).unwrap();
        third.join(budget.take(30).unwrap());
        third.shrink(15);
        assert_eq!((budget.used(), budget.loose(), third.bytes()), (75, 15, 15));
        drop((first, third));
        assert_eq!((budget.used(), budget.loose()), (0, 0));
    }

    #[test]
    fn many_at_once_keep_the_bound() {
        let budget = Budget::new(1000);
        std::thread::scope(|scope| {
            for step in 1..5 {
                let budget = &budget;
                scope.spawn(move || {
                    for n in 0..20_000 {
                        let taken = budget.take(n * step % 700);
                        assert!(budget.used() <= 1000);
                        drop(taken);
                    }
                });
            }
        });
        assert_eq!((budget.used(), budget.loose()), (0, 0));
    }
}
