//! What a store holds.

use std::sync::atomic::Ordering::Relaxed;

use larder_store_core::Usage;

use super::shared::Shared;

impl Shared {
    /// What is counted without a look at the tree. Only a cache counts its values.
    pub(super) fn usage(&self) -> Usage {
        let mut usage = Usage::UNKNOWN;
        // In the child of a fork nothing of it is touched.
        if !self.is_ours() {
            return usage;
        }
        let page_size = self.settings.page_size as u64;
        usage.bytes = self.data.newest().map(|meta| meta.pages_in_use() * page_size);
        if let Some(cache) = self.cache.get() {
            usage.entries = Some(self.guard.records());
            usage.capacity = Some(cache.capacity);
            usage.evictions = Some(cache.evictions.load(Relaxed));
        }
        usage
    }
}
