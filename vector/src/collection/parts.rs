//! Columns are read a part at a time, so that whoever takes one in holds little beside it, under the budget.

use std::ops::Range;

use super::core::Core;
use crate::segment::{Index, VECTOR_ROWS};
use crate::tier::Reservation;

/// Bytes of vectors that are read at once, where there is room for so many.
const PART: u64 = 2 << 20;
/// With room for less it is put off: parts that are smaller still would cost a request for each few rows.
const LEAST: u64 = 32 << 10;
/// The most that is reserved to read in parts: those, and about as much that is compressed.
const MOST: u64 = 2 * PART;

/// The parts of a column, with the room to read one after the other.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Blocks of each.
    pub(crate) blocks: Vec<Range<usize>>,
    /// What is read and not yet where it belongs, given back with this.
    pub(crate) room: Reservation,
}

impl Core {
    /// Room for a column to be read in parts, as large ones as there is room for; `None` if there is none.
    pub(crate) fn column_parts(&self, index: &Index) -> Option<Parts> {
        let block = (VECTOR_ROWS * self.schema.dims as usize * 4) as u64;
        let blocks = index.vectors.blocks();
        let mut part = PART;
        loop {
            let count = (part / block).max(1) as usize;
            let parts: Vec<_> =
                (0..blocks).step_by(count).map(|from| from..blocks.min(from + count)).collect();
            let need = |part: &Range<usize>| {
                let read = index.vectors.range(part.clone());
                read.end - read.start + block * part.len() as u64
            };
            let need = parts.iter().map(need).max().unwrap_or(0);
            if let Some(room) = self.tiers.memory.try_reserve(need) {
                return Some(Parts { blocks: parts, room });
            }
            if count == 1 || part <= LEAST {
                return None;
            }
            part /= 2;
        }
    }
}

/// What of a budget is not planned with, so that there is room to read in parts when all of the rest is taken.
pub(crate) fn kept_free(limit: u64) -> u64 {
    (limit / 64).min(MOST)
}
