//! What moka holds.

use std::sync::atomic::{AtomicBool, Ordering};

use larder_store_core::Object;

use super::budget::Charge;
use crate::memory::entry::Entry;

/// Units of moka's weights, in bytes: with it 64 GiB fit in 32 bits.
const UNIT: u64 = 16;

/// So many units.
pub(super) fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

/// So many units, as many as there may be altogether.
pub(super) fn all_units(bytes: u64) -> u64 {
    bytes / UNIT
}

/// What an entry is.
#[derive(Debug)]
pub(super) enum What {
    Value(Entry),
    Object(Object),
}

/// An entry. moka may keep one for a while that is not found any more; its bytes are counted until it is really gone.
#[derive(Debug)]
pub(super) struct Held {
    what: Option<What>,
    charge: Option<Charge>,
    weight: u32,
    /// It goes because somebody wants it gone, and not for want of room.
    is_let_go: AtomicBool,
}

impl Held {
    pub(super) fn new(what: What, mut charge: Charge) -> Held {
        charge.settle();
        charge.budget().entries.fetch_add(1, Ordering::Relaxed);
        let weight = units(charge.bytes());
        Held { what: Some(what), charge: Some(charge), weight, is_let_go: AtomicBool::new(false) }
    }

    /// Nothing, of such a weight.
    pub(super) fn ballast(bytes: u64) -> Held {
        Held { what: None, charge: None, weight: units(bytes), is_let_go: AtomicBool::new(true) }
    }

    pub(super) fn weight(&self) -> u32 {
        self.weight
    }

    #[inline]
    pub(super) fn object(&self) -> Option<&Object> {
        match &self.what {
            Some(What::Object(object)) => Some(object),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn value(&self) -> Option<&Entry> {
        match &self.what {
            Some(What::Value(entry)) => Some(entry),
            _ => None,
        }
    }

    /// It is about to be replaced or removed.
    pub(super) fn let_go(&self) {
        self.is_let_go.store(true, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(charge) = &self.charge else { return };
        charge.budget().entries.fetch_sub(1, Ordering::Relaxed);
        if !self.is_let_go.load(Ordering::Relaxed) {
            charge.budget().evictions.fetch_add(1, Ordering::Relaxed);
        }
        // First what is held, then its bytes.
        self.what = None;
    }
}
