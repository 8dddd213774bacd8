//! Stores and collections for tests.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use larder_store_backends::memory::MemoryStore;
use larder_store_core::{Store, StoreExt as _};
use larder_vector::{Collection, CollectionOptions, Metric, Schema};

pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// Nothing happens by itself.
pub(crate) fn options(dims: u32, metric: Metric) -> CollectionOptions {
    CollectionOptions::new()
        .with_schema(Schema::new(dims, metric))
        .with_background(false)
        .with_retain(Duration::ZERO)
        .with_seal_rows(300)
        .with_book_rows(256)
        .with_memory(64 << 20)
        .with_disk(64 << 20)
        .with_code_width(4)
}

/// The keys of all objects but those of the log.
pub(crate) async fn objects(store: &Arc<dyn Store>) -> Vec<String> {
    let mut keys: Vec<String> =
        store.entries("").map_ok(|meta| meta.key.as_str().to_owned()).try_collect().await.unwrap();
    keys.retain(|key| !key.starts_with("wal/"));
    keys
}

pub(crate) async fn open(store: &Arc<dyn Store>, options: CollectionOptions) -> Collection {
    Collection::open(store.clone(), options).await.unwrap()
}
