//! The `lmdb:` scheme.

use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::env::InFlight;
use larder_store_core::{Backend, Destroy, Op, OpenOptions, Result, Store};

use super::config::{LmdbConfig, PARAMS};
use super::destroy;
use super::store::LmdbStore;

/// Opens `lmdb:PATH`.
#[derive(Debug, Clone, Copy, Default)]
pub struct LmdbBackend;

#[async_trait]
impl Backend for LmdbBackend {
    fn scheme(&self) -> &str {
        "lmdb"
    }

    fn params(&self) -> &[Param] {
        &PARAMS
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(LmdbStore::open_with(&LmdbConfig::try_from(config)?, options).await?))
    }

    async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool> {
        let path = LmdbConfig::try_from(config)?.path;
        let inflight = InFlight::new();
        options.env.blocking(Op::Exists, &inflight, move || destroy::exists(&path)).await
    }

    async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy> {
        let path = LmdbConfig::try_from(config)?.path;
        let (env, inflight) = (options.env.clone(), InFlight::new());
        let of = path.clone();
        let names = env.blocking(Op::Destroy, &inflight, move || destroy::names(&of)).await?;
        Ok(Destroy::new(names, async move {
            env.blocking(Op::Destroy, &inflight, move || destroy::destroy(&path)).await
        }))
    }
}
