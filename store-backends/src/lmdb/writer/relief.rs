//! More room in a cache, where what was evicted along with a commit was not enough.

use larder_store_core::Op;

use super::transaction::Fate;
use super::{Writer, garbage};
use crate::lmdb::{keys, marker};

/// The part of a cache that is freed at first; each time that this was not enough it is twice as much.
const PART: u64 = 32;

impl Writer {
    /// Frees a part of a cache, for the `round`th time. `false` where there is nothing to free, or it is none.
    pub(super) fn relieve(&mut self, round: u32) -> bool {
        let shared = self.shared.clone();
        let settings = &shared.settings;
        if !settings.is_cache() {
            return false;
        }
        let had_garbage = self.garbage;
        if had_garbage && self.collect_garbage(garbage::STEP).is_err() {
            return false;
        }
        let mut evicted = 0;
        let (pages, wall) = (((settings.pages() / PART) << round).max(64), shared.env.wall());
        let fate = self.transaction(Op::Put, |plan| {
            evicted = plan.evict(pages, settings.page_size, wall)?;
            Ok(())
        });
        if !matches!(fate, Fate::Made) {
            return false;
        }
        // The pages that a commit frees can be used by the one after the next: here is the next, which changes nothing.
        let marker = marker::encode(settings.role);
        let turned = self.transaction(Op::Put, |plan| plan.note(Op::Put, keys::FORMAT, &marker));
        matches!(turned, Fate::Made) && (evicted > 0 || had_garbage)
    }
}
