//! The `memory:` store: an ordered map in this process.
//!
//! `memory:NAME` is one store in the process: every handle of that name sees the same values, and they stay when the
//! last handle goes, until the store is destroyed. `memory:` without a name is a store of its own. It has no bound.
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
mod map;
mod names;
mod store;

pub use backend::MemoryBackend;
pub use store::MemoryStore;
