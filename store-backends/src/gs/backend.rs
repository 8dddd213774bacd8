//! The `gs:` scheme.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{
    Backend, Call, DeleteItem, DeleteOptions, Destroy, Error, ErrorKind, ListOptions, Listed, Op,
    OpenOptions, Result, Store, system,
};

use super::config::{GsConfig, PARAMS};
use super::store::GsStore;

/// Values that are removed at a time.
const BATCH: usize = 1000;

/// Opens `gs://BUCKET/PREFIX`.
#[derive(Debug, Clone, Copy, Default)]
pub struct GsBackend;

#[async_trait]
impl Backend for GsBackend {
    fn scheme(&self) -> &str {
        "gs"
    }

    fn params(&self) -> &[Param] {
        PARAMS
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let config = GsConfig::try_from(config).map_err(|e| e.during(Op::Open))?;
        let store = GsStore::open_with(config, options).await?;
        // Larder makes no bucket, so there is nothing to create; who wants to know asks.
        if !options.create_if_missing && !store.exists(&Call::default()).await? {
            return Err(missing(Op::Open, &store));
        }
        Ok(Arc::new(store))
    }

    async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool> {
        let config = GsConfig::try_from(config).map_err(|e| e.during(Op::Exists))?;
        GsStore::open_with(config, options).await?.exists(&Call::default()).await
    }

    async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy> {
        let op = Op::Destroy;
        let config = GsConfig::try_from(config).map_err(|e| e.during(op))?;
        let place = config.place();
        let store = GsStore::open_with(config, options).await?;
        if !store.exists(&Call::default()).await? {
            return Err(missing(op, &store));
        }
        let under = match store.id().prefix() {
            "" => format!("every object of the bucket gs:{place}, and not the bucket"),
            prefix => format!("every object of the bucket gs:{place} whose name begins with {prefix:?}"),
        };
        let all = store.with_expired()?;
        // What others put there is theirs.
        if let Some(name) = foreign(&all).await? {
            let why = format!("there is an object that is no value of this store: {name:?}");
            return Err(Error::new(ErrorKind::Invalid, op, why)
                .at(store.id())
                .hint("remove it by hand first"));
        }
        Ok(Destroy::new(vec![under], async move { empty(&all).await.map_err(|e| e.during(op)) }))
    }
}

fn missing(op: Op, store: &GsStore) -> Error {
    Error::new(ErrorKind::Invalid, op, "there is no such bucket")
        .at(store.id())
        .hint("make the bucket first, or mend its name: Larder makes none")
}

/// The first object that is no value.
async fn foreign(store: &impl Store) -> Result<Option<String>> {
    let mut listed = store.list_opts(ListOptions::new());
    while let Some(item) = listed.try_next().await? {
        if let Listed::Foreign { name, .. } = item {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Removes every value, those of the system space last: a store that was destroyed half way is still known as one.
async fn empty(store: &impl Store) -> Result<()> {
    for options in [ListOptions::new(), system::listing(ListOptions::new())] {
        let keys = store.list_opts(options).try_filter_map(|item| async move {
            Ok(item.into_entry().map(|meta| DeleteItem { key: meta.key, only: None }))
        });
        let mut batches = Box::pin(keys.try_chunks(BATCH));
        while let Some(batch) = batches.try_next().await.map_err(|e| e.1)? {
            for done in store.delete_many_opts(batch, &DeleteOptions::new()).await {
                done?;
            }
        }
    }
    Ok(())
}
