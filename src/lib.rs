//! Larder: composable async stores that stack into hot, warm and cold tiers.
//!
//! One contract ([`Store`]), several places to keep values, each behind a feature and a URL scheme:
//!
//! | scheme | feature | place |
//! |---|---|---|
//! | `memory:` | `memory` | this process |
//! | `file:` | `file` | a folder with a file for each value |
//! | `lmdb:` | `lmdb` | a folder with one memory-mapped database |
//! | `s3:` | `s3` | a prefix of a bucket of S3, or of a service like it |
//! | `gs:` | `gs` | a prefix of a bucket of Google Cloud Storage |
//! | `dynamodb:` | `dynamodb` | a namespace of a DynamoDB table |
//! | `redis:`, `rediss:` | `redis` | a namespace of a Redis server or cluster |
//!
//! The first three are on by default.
//!
//! ```
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("lmdb:{}", folder.path().join("data").display());
//! use larder::StoreExt;
//!
//! let store = larder::open(&url).await?;          // "lmdb:/var/lib/app", "file:data", "memory:"
//! store.put("user/7", "Anna").await?;
//! assert_eq!(store.get("user/7").await?.as_deref(), Some(&b"Anna"[..]));
//!
//! // Read, change, write back: atomic among all processes that the store is shared by.
//! store.update("visits", |n| {
//!     let n: u64 = n.and_then(|b| str::from_utf8(&b).ok()?.parse().ok()).unwrap_or(0);
//!     Some((n + 1).to_string().into())
//! }).await?;
//! # store.close(&larder::Call::default()).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! Stores stack, the hottest first: `memory:?capacity=64MiB | lmdb:/var/cache/app | file:/srv/data?fresh=sole_writer` is one
//! store, whose fronts answer what they have and never what the origin no longer holds ([`TieredStore`]).
//!
//! With the feature `migrate` any store moves into any other, or out into a dump that every CBOR library reads, and it can be
//! proved that nothing was lost: `larder::migrate`. The command `larder` (package `larder-cli`) does the same by hand.
//!
//! With the feature `vector` a store with conditional writes keeps vectors, and finds the nearest of them: `larder::vector`.
//!
//! ```
//! # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
//! use larder::vector::{Collection, CollectionOptions, Metric, Row, Schema, SearchOptions, VectorStore};
//!
//! let options = CollectionOptions::new().with_schema(Schema::new(2, Metric::L2));
//! let places = Collection::open(larder::open("memory:").await?, options).await?;
//! places.upsert(vec![Row::new(1, vec![0.0, 1.0]), Row::new(2, vec![5.0, 5.0])]).await?;
//! let answer = places.search(&[0.0, 0.5], 1, &SearchOptions::new()).await?;
//! assert_eq!((&answer.hits[0].id, answer.hits[0].distance), (&1.into(), 0.25));
//! # places.close().await?;
//! # Ok::<(), larder::Error>(()) }).unwrap();
//! ```
//!
//! - [`StoreExt`] is what most code calls; [`Store`] is the contract, with options for everything.
//! - [`cookbook`] shows how common things are done.
//! - [`Guarantees`] says what a store promises; what it does not is refused by name.
//! - [`Error`] names what failed, on which key and store, and what to do; [`ErrorKind`] is what code matches on.

pub mod cookbook;

use std::sync::Arc;

#[cfg(feature = "dynamodb")]
pub use larder_store_backends::dynamodb;
#[cfg(feature = "file")]
pub use larder_store_backends::file;
#[cfg(feature = "gs")]
pub use larder_store_backends::gs;
#[cfg(feature = "lmdb")]
pub use larder_store_backends::lmdb;
#[cfg(feature = "memory")]
pub use larder_store_backends::memory;
#[cfg(feature = "redis")]
pub use larder_store_backends::redis;
#[cfg(feature = "s3")]
pub use larder_store_backends::s3;
#[cfg(feature = "conformance")]
pub use larder_store_core::conformance;
pub use larder_store_core::{
    Attributes, Backend, Batches, ByteRange, ByteStream, Call, CasScope, Consistency, Copied, CopyOptions,
    DeleteItem, DeleteOptions, Deleted, Destroy, Durability, Env, Error, ErrorKind, Expires, Extensions,
    Fill, GetOptions, Got, Guarantees, HeadOptions, IntoKey, Items, Key, ListOptions, Listed, ListedTimes,
    Listing, MAX_ATTRIBUTES, Meta, Native, Op, OpenOptions, Precondition, PutItem, PutOptions, Ranges,
    Registry, Removed, Result, Retention, Role, Secret, Served, Sharing, Step, StepDone, Store, StoreExt,
    StoreId, SweepOptions, Swept, Transacted, Transactions, UpdateOptions, Updated, Usage, Version, Versions,
    WriteId, Written, cbor, config, derived, env, layer, probe,
};

#[cfg(feature = "migrate")]
pub use larder_migrate as migrate;
pub use larder_tiered as tiered;
pub use larder_tiered::TieredStore;
#[cfg(feature = "vector")]
pub use larder_vector as vector;

/// The backends that are compiled in, and stacks of them.
pub fn registry() -> Registry {
    let mut registry = larder_store_backends::registry();
    registry.register_stacks(larder_tiered::Stacks).expect("nobody else opens stacks");
    registry
}

/// Opens a store by its URL, or several on top of each other by a stack string, and makes what is missing.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a URL that is wrong, [`ErrorKind::Unsupported`] for a scheme that is not compiled in, and
/// whatever opening meets.
pub async fn open(url: &str) -> Result<Arc<dyn Store>> {
    registry().open_url(url, &OpenOptions::default()).await
}

/// Opens a stack, and gives it as what it is: with [`TieredStore::stats`].
///
/// ```
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// # let folder = tempfile::tempdir()?;
/// # let url = format!("memory:?capacity=16MiB | file:{}?fresh=sole_writer", folder.path().join("data").display());
/// use larder::StoreExt;
///
/// let store = larder::open_stack(&url.parse()?).await?;
/// store.put("k", "v").await?;
/// store.get("k").await?;
/// assert_eq!(store.stats().tiers[0].hits, 1);
/// assert_eq!(store.stats().origin.reads, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
///
/// # Errors
/// As of [`open`].
pub async fn open_stack(stack: &config::StackConfig) -> Result<TieredStore> {
    TieredStore::open(&registry(), stack, &OpenOptions::default()).await
}

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The examples of the page of vectors, which run.
#[cfg(all(doctest, feature = "vector"))]
#[doc = include_str!("../docs/vectors.md")]
struct Vectors;
