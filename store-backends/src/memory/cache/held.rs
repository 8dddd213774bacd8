//! What moka holds.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, TryLockError};

use larder_store_core::Object;

use super::budget::Charge;
use crate::memory::entry::Entry;

/// Units of moka's weights, in bytes: with it 64 GiB fit in 32 bits.
const UNIT: u64 = 16;

/// So many units.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// So many units, as many as there may be altogether.
pub(super) fn all_units(bytes: u64) -> u64 {
    bytes / UNIT
}

/// What an entry is.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a box would be another miss on the way to a value")]
pub(super) enum What {
    Value(Entry),
    Object(Object),
}

/// An entry. moka keeps one for a while after it was evicted, until no thread can be looking at it, and a thread that was
/// stopped while it looked at another one delays that for as long as it is stopped. So what it holds is taken out.
#[derive(Debug)]
pub(super) struct Held {
    contents: RwLock<Option<Contents>>,
    weight: u32,
    is_ballast: bool,
}

/// What it holds, and the bytes that this costs: freed in this order.
#[derive(Debug)]
struct Contents {
    what: What,
    _charge: Charge,
}

impl Held {
    pub(super) fn new(what: What, mut charge: Charge) -> Held {
        charge.settle();
        let weight = units(charge.bytes());
        Held { contents: RwLock::new(Some(Contents { what, _charge: charge })), weight, is_ballast: false }
    }

    /// Nothing, of such a weight.
    pub(super) fn ballast(bytes: u64) -> Held {
        Held { contents: RwLock::new(None), weight: units(bytes), is_ballast: true }
    }

    pub(super) fn is_ballast(&self) -> bool {
        self.is_ballast
    }

    pub(super) fn weight(&self) -> u32 {
        self.weight
    }

    // Nothing panics while the lock is held.
    #[inline]
    fn read(&self) -> RwLockReadGuard<'_, Option<Contents>> {
        self.contents.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object, if it is one.
    #[inline]
    pub(super) fn object(&self) -> Option<Object> {
        match &*self.read() {
            Some(Contents { what: What::Object(object), .. }) => Some(object.clone()),
            _ => None,
        }
    }

    /// Looks at the value, if it is one. Nobody waits for the one who looks.
    #[inline]
    pub(super) fn with_value<R>(&self, look: impl FnOnce(&Entry) -> R) -> Option<R> {
        match &*self.read() {
            Some(Contents { what: What::Value(entry), .. }) => Some(look(entry)),
            _ => None,
        }
    }

    /// Frees what it holds; or, if somebody is looking at it just now, leaves that to the end of the entry.
    pub(super) fn empty(&self) {
        let contents = match self.contents.try_write() {
            Ok(mut contents) => contents.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        };
        drop(contents);
    }
}
