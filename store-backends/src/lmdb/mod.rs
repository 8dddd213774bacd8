//! The `lmdb:` store: one LMDB environment in a folder of its own, shared by the processes of a host.
//!
//! - Reads take no lock and no system call, on the caller's thread: a value of 1 KiB costs about a microsecond, its
//!   check included. They go over LMDB's pages with code of our own that a damaged page cannot crash.
//! - Writes of all tasks are committed in groups by one thread, in transactions that are durable when a call returns
//!   (`sync=full`, the default), with preconditions decided among all processes.
//! - Values above 64 KiB stand in parts, written by small commits and made visible by one.
//! - A process can be killed at any instant. Damage from outside is a typed error, at open or at the key that it hit.
//!
//! ```
//! use larder_store_backends::lmdb::{LmdbConfig, LmdbStore};
//! use larder_store_core::{PutOptions, Precondition, Store, StoreExt};
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("store");
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let store = LmdbStore::open(&LmdbConfig::new(path)).await?;
//! let first = store.put("counter", "1").await?;
//! store.put_if_matches("counter", "2", first.version).await?;
//! assert_eq!(store.get("counter").await?.as_deref(), Some(&b"2"[..]));
//! store.close(&Default::default()).await?;
//! # Ok::<(), larder_store_core::Error>(()) }).unwrap();
//! ```
//!
//! # Files
//! `data.mdb` and `lock.mdb` are LMDB's. `larder.guard` tells processes of each other, and is a second opinion on
//! LMDB's meta pages; see `guard.rs`. To back a store up, close it and copy the folder; to restore, put the folder back
//! as a whole.
//!
//! # As a cache
//! With `role=cache` (the default above another tier) it never takes more of the disk than its `capacity`, and makes room by
//! forgetting what was used least recently. Writes do not wait for the disk. A value of more than a
//! sixteenth of the capacity, or one that finds no room, is [`Full`]. `larder.recency` notes last uses. Where an origin is
//! refused for damage, a cache begins anew: at open, and while it is open as soon as nobody else has it open.
//!
//! ```
//! use larder_store_backends::lmdb::{LmdbConfig, LmdbRole, LmdbStore};
//! use larder_store_core::{Store, StoreExt};
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("cache");
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let config = LmdbConfig::new(path).with_role(LmdbRole::Cache).with_capacity(64 << 20);
//! let cache = LmdbStore::open(&config).await?;
//! cache.put("user/7", "Anna").await?;
//! assert_eq!(cache.usage().capacity, Some(64 << 20));
//! # Ok::<(), larder_store_core::Error>(()) }).unwrap();
//! ```
//!
//! # Damage
//! LMDB 0.9 has no checks: of 2,000 bits flipped in its file, 64 % gave wrong data without a sound. Here
//! - each record has checks over head, key and blocks, so a value is right or [`Corrupt`];
//! - each page is checked when it is first seen: its number, its kind, that its nodes fill it and its keys ascend and
//!   lie where the page above says; so that a key is absent is only said when it is;
//! - before a write LMDB only gets to touch pages that were checked like this;
//! - at open the meta pages are compared with the last commits that `larder.guard` knows of. When a process dies inside
//!   LMDB all the same, the next opens look at the structure more and more closely; `open.rs` says how.
//!
//! An origin that is damaged as a whole is refused at open with [`Corrupt`], every time, until it is restored. A damaged
//! value is refused when it is read, and mended by writing it again.
//!
//! # Limits
//! 64-bit little-endian Unix. No network file system, no other pid namespace, no use after a fork: each is refused where
//! it can be told. A process that is stopped (SIGSTOP) in the middle of a commit makes the writers of others wait.
//!
//! [`Corrupt`]: larder_store_core::ErrorKind::Corrupt
//! [`Full`]: larder_store_core::ErrorKind::Full

#[cfg(not(all(unix, target_endian = "little", target_pointer_width = "64")))]
compile_error!("the lmdb feature needs a 64-bit little-endian Unix: LMDB's pages are read as such");

mod backend;
mod body;
mod cache;
mod config;
mod destroy;
mod error;
mod files;
mod guard;
mod handle;
mod keys;
mod line;
mod list;
mod many;
mod marker;
mod open;
mod read;
mod registry;
mod shared;
mod snapshot;
mod store;
#[allow(unsafe_code)]
mod sys;
mod tree;
mod upload;
mod usage;
mod write;
mod writer;

pub use backend::LmdbBackend;
pub use config::{LmdbConfig, LmdbRole, LmdbSync};
pub use store::LmdbStore;
