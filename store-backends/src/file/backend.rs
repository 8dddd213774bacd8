//! The `file:` scheme.

use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Backend, Destroy, Op, OpenOptions, Result, Store};

use super::config::{FileConfig, PARAMS};
use super::destroy;
use super::store::FileStore;

/// Opens `file:PATH`.
#[derive(Debug, Clone, Copy, Default)]
pub struct FileBackend;

#[async_trait]
impl Backend for FileBackend {
    fn scheme(&self) -> &str {
        "file"
    }

    fn params(&self) -> &[Param] {
        PARAMS
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let config = FileConfig::try_from(config).map_err(|e| e.during(Op::Open))?;
        Ok(Arc::new(FileStore::open_with(config, options).await?))
    }

    async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool> {
        let config = FileConfig::try_from(config).map_err(|e| e.during(Op::Exists))?;
        FileStore::exists(config, options).await
    }

    async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy> {
        let config = FileConfig::try_from(config).map_err(|e| e.during(Op::Destroy))?;
        destroy::destroy(config, options).await
    }
}
