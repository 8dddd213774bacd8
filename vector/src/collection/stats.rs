//! What a collection holds, in numbers.

use super::core::Core;
use crate::tier::Room;
use crate::tiers::Moved;

/// What a collection holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Rows that count, those apart that were replaced since their segment was read.
    pub rows: u64,
    /// Rows in segments that count no more.
    pub dead: u64,
    /// Rows that are in no segment yet.
    pub unsealed: u64,
    /// About as many bytes of memory as what is in no segment yet takes, which no budget has.
    pub unsealed_bytes: u64,
    /// Segments.
    pub segments: usize,
    /// Segments in each tier, as [`Tier::ALL`](crate::tier::Tier::ALL) has them.
    pub tiers: [usize; 4],
    /// Codebooks that segments have codes of, and the newest.
    pub codebooks: usize,
    /// Bytes of the segments' objects in the store.
    pub stored: u64,
    /// The budget of memory, and what is used of it.
    pub memory: Room,
    /// The budget of files, and what is used of it.
    pub disk: Room,
    /// What has moved.
    pub moved: Moved,
    /// How many have been the writer.
    pub epoch: u64,
}

impl Core {
    /// Counts.
    pub(super) fn stats(&self) -> Stats {
        let view = self.view.load_full();
        let mut tiers = [0; 4];
        self.explain().iter().for_each(|segment| tiers[segment.tier as usize] += 1);
        let dead: u64 = view.segments.iter().map(|segment| u64::from(segment.dead_count())).sum();
        let sealed: u64 = view.segments.iter().map(|segment| u64::from(segment.entry.rows)).sum();
        let unsealed = view.unsealed();
        Stats {
            rows: sealed + unsealed - dead,
            dead,
            unsealed,
            unsealed_bytes: view.unsealed_bytes(),
            segments: view.segments.len(),
            tiers,
            codebooks: view.manifest.books.len(),
            stored: view
                .segments
                .iter()
                .map(|segment| &segment.entry)
                .map(|entry| entry.index_bytes + entry.vector_bytes + entry.payload_bytes)
                .sum(),
            memory: self.tiers.memory.room(),
            disk: self.tiers.disk.room(),
            moved: self.tiers.moved(),
            epoch: view.manifest.epoch,
        }
    }
}
