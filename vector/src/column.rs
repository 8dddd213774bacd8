//! What of a segment's vectors is at hand to compare candidates with.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::local::Mapped;
use crate::tier::{Reservation, Tier};

/// The column of a segment, which may be replaced while it is read.
#[derive(Debug)]
pub(crate) struct Column(ArcSwap<Holding>);

/// A column as it is held.
#[derive(Debug)]
pub(crate) enum Holding {
    /// In the store alone.
    Cold,
    /// Rounded to half precision, in a file that is mapped.
    Warm { file: Mapped, room: Reservation },
    /// As it was given, in memory.
    Hot { values: Vec<f32>, room: Reservation },
}

impl Column {
    pub(crate) fn cold() -> Column {
        Column(ArcSwap::from_pointee(Holding::Cold))
    }

    pub(crate) fn holding(&self) -> Arc<Holding> {
        self.0.load_full()
    }

    pub(crate) fn replace(&self, holding: Holding) {
        self.0.store(Arc::new(holding));
    }
}

impl Holding {
    pub(crate) fn tier(&self) -> Tier {
        match self {
            Holding::Cold => Tier::Cold,
            Holding::Warm { .. } => Tier::Warm,
            Holding::Hot { .. } => Tier::Hot,
        }
    }

    /// Bytes that are reserved for it.
    pub(crate) fn reserved(&self) -> u64 {
        match self {
            Holding::Cold => 0,
            Holding::Warm { room, .. } | Holding::Hot { room, .. } => room.bytes(),
        }
    }
}
