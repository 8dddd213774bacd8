//! What of a segment's vectors is at hand to compare candidates with.

use std::sync::Arc;

use arc_swap::ArcSwap;
use half::f16;

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

    /// The values of a row, put into `out`, which has as many as there are dimensions; `false` if they are not at hand.
    pub(crate) fn read(&self, row: usize, out: &mut [f32]) -> bool {
        let dims = out.len();
        match self {
            Holding::Cold => return false,
            Holding::Hot { values, .. } => out.copy_from_slice(&values[row * dims..][..dims]),
            Holding::Warm { file, .. } => {
                let halves = file.bytes()[row * dims * 2..][..dims * 2].as_chunks().0;
                for (half, out) in halves.iter().zip(out) {
                    *out = f16::from_le_bytes(*half).to_f32();
                }
            }
        }
        true
    }
}
