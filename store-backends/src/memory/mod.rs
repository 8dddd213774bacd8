//! The `memory:` store: an ordered map in this process, or a cache with a bound.
//!
//! `memory:NAME` is one store in the process: every handle of that name sees the same values, and they stay when the
//! last handle goes, until the store is destroyed. `memory:` without a name is a store of its own. Neither has a bound.
//!
//! `memory:?capacity=64MiB` is a [`MemoryCache`]: it never takes more than its capacity, and makes room by letting go of
//! what was used least recently. As a front of a stack `memory:` is one of 64 MiB.
//!
//! ```
//! use larder_store_backends::memory::MemoryStore;
//! use larder_store_core::StoreExt;
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store = MemoryStore::new();
//! store.put("user/7", "Anna").await?;
//! assert_eq!(store.get("user/7").await?.as_deref(), Some(&b"Anna"[..]));
//! # Ok::<(), larder_store_core::Error>(()) }).unwrap();
//! ```

mod backend;
mod cache;
mod entry;
mod map;
mod names;
mod store;

pub use backend::MemoryBackend;
pub use cache::MemoryCache;
pub use store::MemoryStore;
