//! Bytes that are reserved before they are allocated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::state::Room;

/// A hard limit of bytes. Clones share it.
///
/// What is reserved never exceeds the limit, from however many threads; only a [limit that was lowered](Budget::set_limit) below
/// what was reserved already is exceeded, until that is given back.
///
/// ```
/// use larder_vector::tier::Budget;
///
/// let budget = Budget::new(100);
/// let mut one = budget.try_reserve(70).unwrap();
/// assert!(budget.try_reserve(31).is_none());
/// let other = one.split(20).unwrap();
/// drop(one);
/// assert_eq!((budget.used(), budget.peak()), (20, 70));
/// # drop(other);
/// ```
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: AtomicU64,
    used: AtomicU64,
    peak: AtomicU64,
}

impl Shared {
    fn take(&self, bytes: u64) -> bool {
        let more =
            |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit.load(Ordering::Acquire));
        let taken = self.used.try_update(Ordering::AcqRel, Ordering::Acquire, more);
        if let Ok(before) = taken {
            self.peak.fetch_max(before + bytes, Ordering::AcqRel);
        }
        taken.is_ok()
    }
}

impl Budget {
    /// Of so many bytes.
    #[must_use]
    pub fn new(limit: u64) -> Budget {
        let (used, peak) = (AtomicU64::new(0), AtomicU64::new(0));
        Budget { shared: Arc::new(Shared { limit: AtomicU64::new(limit), used, peak }) }
    }

    /// Reserves bytes until the reservation is dropped. `None` if they would exceed the limit; nobody waits.
    #[must_use]
    pub fn try_reserve(&self, bytes: u64) -> Option<Reservation> {
        self.shared.take(bytes).then(|| Reservation { shared: self.shared.clone(), bytes })
    }

    /// Bytes that are reserved.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.shared.used.load(Ordering::Acquire)
    }

    /// The most bytes that were reserved at once.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.shared.peak.load(Ordering::Acquire)
    }

    /// The most bytes that may be reserved.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.shared.limit.load(Ordering::Acquire)
    }

    /// Changes the limit. Of a lower one nothing is taken back: no reservation succeeds until enough has been given back. One that
    /// runs at the same time may be judged by either limit.
    pub fn set_limit(&self, limit: u64) {
        self.shared.limit.store(limit, Ordering::Release);
    }

    /// Limit and use, for the [policy](super::Policy).
    #[must_use]
    pub fn room(&self) -> Room {
        Room { limit: self.limit(), used: self.used() }
    }
}

/// Bytes of a [`Budget`], given back when it is dropped.
#[derive(Debug)]
#[must_use = "what is dropped is given back"]
pub struct Reservation {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Reservation {
    /// How many.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Parts with some of the bytes. `None` if there are not so many.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Option<Reservation> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(Reservation { shared: self.shared.clone(), bytes })
    }

    /// Takes another's bytes.
    ///
    /// # Errors
    /// The other one, if it is of another budget.
    pub fn merge(&mut self, mut other: Reservation) -> Result<(), Reservation> {
        if !Arc::ptr_eq(&self.shared, &other.shared) {
            return Err(other);
        }
        self.bytes += std::mem::take(&mut other.bytes);
        Ok(())
    }

    /// Gives back all but so many bytes; nothing if there are not more.
    pub fn shrink(&mut self, bytes: u64) {
        drop(self.split(self.bytes.saturating_sub(bytes)));
    }

    /// Reserves more. `false`, and nothing changes, if that would exceed the limit.
    #[must_use]
    pub fn try_grow(&mut self, more: u64) -> bool {
        let taken = self.shared.take(more);
        self.bytes += if taken { more } else { 0 };
        taken
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shared.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
