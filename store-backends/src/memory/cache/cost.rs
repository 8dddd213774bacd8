//! What an entry costs in memory.

use larder_store_core::{Key, WriteId};

use super::held::Held;
use super::name::Name;

/// Bytes of moka's own for an entry: its node, its entry info, its place in the table and in the order of use. Measured
/// (`tests/memory_cache.rs` measures it again), and rounded up.
const BOOKKEEPING: u64 = 320;

/// Write ids that a version names at most.
const MAX_PREDECESSORS: usize = 8;
/// Two counters before what is shared.
const COUNTERS: usize = 16;

/// What a block of the allocator takes: a header, a granule of 16 bytes, pages where it is large.
pub(super) fn block(bytes: usize) -> u64 {
    let bytes = bytes as u64;
    match bytes {
        0 => 0,
        1..0x2_0000 => (bytes + 8).next_multiple_of(16).max(32),
        _ => bytes.saturating_add(16).next_multiple_of(4096),
    }
}

/// An entry without what it holds: its name, its key, and all that is kept about it.
pub(super) fn entry(key: &Key) -> u64 {
    let shared = block(COUNTERS + size_of::<Name>()) + block(COUNTERS + size_of::<Held>());
    BOOKKEEPING + shared + block(COUNTERS + key.len())
}

/// A value. `attributes`: their bytes, encoded; in memory each has a node and two texts. `has_ancestors`: whether its
/// version names others.
pub(super) fn value(key: &Key, len: usize, attributes: usize, has_ancestors: bool) -> u64 {
    // Bytes that are shared have a block for their counters.
    let body = block(len) + block(32);
    let version = if has_ancestors { block(COUNTERS + size_of::<WriteId>() * MAX_PREDECESSORS) } else { 0 };
    let beside = if attributes > 4 { 768 + 16 * attributes as u64 } else { 0 };
    entry(key) + body + version + beside
}
