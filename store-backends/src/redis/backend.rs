//! The `redis:` and `rediss:` schemes.

use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Backend, Call, Destroy, Error, ErrorKind, Op, OpenOptions, Result, Store, StoreId};

use super::config::{PARAMS, RedisConfig};
use super::store::RedisStore;

/// Opens `redis://HOST:PORT/DB/NAMESPACE`, or the same with `rediss:`, which is encrypted.
#[derive(Debug, Clone, Copy)]
pub struct RedisBackend {
    scheme: &'static str,
}

impl RedisBackend {
    /// The one of `redis:`.
    pub const PLAIN: RedisBackend = RedisBackend { scheme: "redis" };
    /// The one of `rediss:`.
    pub const ENCRYPTED: RedisBackend = RedisBackend { scheme: "rediss" };
}

#[async_trait]
impl Backend for RedisBackend {
    fn scheme(&self) -> &str {
        self.scheme
    }

    fn params(&self) -> &[Param] {
        PARAMS
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let config = RedisConfig::try_from(config).map_err(|e| e.during(Op::Open))?;
        let store = RedisStore::open_with(config, options).await?;
        // A namespace begins with its first write, so there is nothing to create; who wants to know asks.
        if !options.create_if_missing && !store.exists(&Call::default()).await? {
            return Err(missing(Op::Open, store.id()));
        }
        Ok(Arc::new(store))
    }

    async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool> {
        let config = RedisConfig::try_from(config).map_err(|e| e.during(Op::Exists))?;
        RedisStore::open_with(config, options).await?.exists(&Call::default()).await
    }

    async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy> {
        let op = Op::Destroy;
        let config = RedisConfig::try_from(config).map_err(|e| e.during(op))?;
        let place = config.place();
        let store = RedisStore::open_with(config, options).await?;
        if !store.exists(&Call::default()).await? {
            return Err(missing(op, store.id()));
        }
        // What others put there is theirs.
        store.check_destroy().await?;
        let what = format!("every key of redis:{place} whose name begins with {:?}", store.root());
        Ok(Destroy::new(vec![what], async move { store.destroy().await }))
    }
}

fn missing(op: Op, id: &StoreId) -> Error {
    Error::new(ErrorKind::Invalid, op, "nothing was ever written in this namespace")
        .at(id)
        .hint("is its name right? it begins with its first write")
}
