//! The `file:` store: a folder in which each value is a file.
//!
//! `file:/var/lib/app` keeps the value of the key `user/7` in `/var/lib/app/user/7.larder`: a head, the value's bytes,
//! and checks. Names stay readable, so `rsync`, `git` and `ls` work; what a file system cannot hold is escaped. A value is
//! written to a temporary file, synced, renamed into place, and its folder synced: it is there whole or not at all, also
//! after a crash of the machine (with `sync=full`, the default).
//!
//! Any number of processes on the host may have the folder open. Conditional writes are decided under a file lock that
//! the kernel drops with the process that holds it. Whoever changes files by other means (`rsync` into a folder in use)
//! is seen by readers, but takes no part in that.
//!
//! | parameter | values | |
//! |---|---|---|
//! | `sync` | `full`, `none` | what a put or delete outlives: the machine, or the process |
//! | `layout` | `record`, `raw` | Larder's records, or plain files that others wrote |
//! | `map` | `on`, `off` | whether values from 1 MiB are mapped into memory |
//! | `network` | `refuse`, `allow` | whether the folder may lie on a network file system |
//!
//! ```
//! use larder_store_backends::file::{FileConfig, FileStore};
//! use larder_store_core::StoreExt;
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("data");
//! let store = FileStore::open(FileConfig::new(&path)).await?;
//! store.put("user/7", "Anna").await?;
//! assert_eq!(store.get("user/7").await?.as_deref(), Some(&b"Anna"[..]));
//! assert!(path.join("user/7.larder").exists());
//! # Ok::<(), larder_store_core::Error>(()) }).unwrap();
//! ```

mod backend;
mod cached;
mod config;
mod delete;
mod destroy;
mod durable;
mod error;
#[cfg(test)]
mod faults;
mod gate;
mod handle;
mod job;
mod list;
mod lock;
mod map;
mod marker;
mod name;
mod open;
mod owner;
mod path;
mod put;
mod raw;
mod read;
mod root;
mod source;
mod store;
mod stream;
mod sweep;
mod temp;
#[cfg(test)]
mod tests;
mod upload;

pub use backend::FileBackend;
pub use config::{FileConfig, Layout, Sync};
pub use store::FileStore;
