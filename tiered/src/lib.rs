//! Tiers for Larder: any number of stores on top of each other, hottest first, that are together one store.
//!
//! - [`TieredStore`]: the stack. [`TieredStore::builder`] makes one of stores; [`Stacks`] makes them of stack strings.
//! - [`fence`]: the table by which no front ever serves what its origin no longer holds.
//! - [`StackStats`]: what a stack did, tier by tier; the same numbers go to the `metrics` recorder that is installed
//!   (`larder_tier_*_total` with the labels `tier` and `origin`, `larder_origin_*_total`, `larder_doubts_total`,
//!   `larder_reads_joined_total`).
//!
//! ```
//! # let folder = tempfile::tempdir().unwrap();
//! # let (cache, data) = (folder.path().join("cache"), folder.path().join("data"));
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! use larder_store_backends::file::{FileConfig, FileStore};
//! use larder_store_backends::lmdb::{LmdbConfig, LmdbRole, LmdbStore};
//! use larder_store_backends::memory::MemoryCache;
//! use larder_store_core::config::Freshness;
//! use larder_store_core::{Call, Store, StoreExt};
//! use larder_tiered::TieredStore;
//!
//! let config = LmdbConfig::new(cache).with_role(LmdbRole::Cache).with_capacity(64 << 20);
//! let store = TieredStore::builder(FileStore::open(FileConfig::new(data)).await?)
//!     .front(MemoryCache::new(16 << 20)?)
//!     .front(LmdbStore::open(&config).await?)
//!     .fresh(Freshness::SoleWriter) // every process that writes these files does it by such a stack
//!     .open()
//!     .await?;
//! store.put("user/7", "Anna").await?;
//! assert_eq!(store.get("user/7").await?.as_deref(), Some(&b"Anna"[..]));
//! let stats = store.stats();
//! assert_eq!((stats.tiers[0].hits, stats.origin.reads), (1, 0));
//! store.close(&Call::default()).await?;
//! # Ok::<(), larder_store_core::Error>(()) }).unwrap();
//! ```

mod builder;
mod clocks;
mod entry;
pub mod fence;
mod flight;
mod front;
mod opener;
mod policy;
mod reach;
mod read;
mod stack;
mod stats;
mod store;
#[allow(unsafe_code)]
mod sys;
mod write;

pub use builder::{Builder, DEFAULT_FRONT_TIMEOUT};
pub use front::OpenFront;
pub use opener::Stacks;
pub use stats::{Breaker, FenceStats, OriginStats, StackStats, TierStats};
pub use store::TieredStore;
