//! What makes a cache of an LMDB store: a bound, and an order in which values go.
//!
//! - **Bound.** The map has a fixed size: the capacity less the small files beside it. LMDB's file never grows past it,
//!   nor does what is allocated ahead. From 85 % of it on, values are evicted in the transactions that add others.
//! - **Order.** An index in the tree orders values by their last use, as far as it knows (`order.rs`). Reads note theirs
//!   in a table in memory (`recency.rs`). Who evicts takes the oldest of the index: if it was used since, it goes back into
//!   the index where it belongs, else it is evicted. So the order is that of an exact LRU, and reads write nothing.
//! - **Damage.** It is a cache: what is damaged is thrown away as a whole, and it begins anew (`heal.rs`).

mod capacity;
mod heal;
mod order;
mod recency;

use std::sync::atomic::AtomicU64;

pub(super) use capacity::{INDEX, allocated, default as default_capacity, for_data};
pub(super) use heal::{begin_anew, is_healed};
pub(super) use order::{BIRTH_LEN, Place, birth_word, split_birth};
pub(super) use recency::{Recency, file_len as recency_len};

/// What the handles of a cache share.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) capacity: u64,
    pub(super) recency: Recency,
    /// Values that this process evicted.
    pub(super) evictions: AtomicU64,
}
