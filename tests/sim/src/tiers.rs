//! Stacks for campaigns: memory over an LMDB cache over a folder of files, or a part of that.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::config::{Freshness, StoreConfig};
use larder_store_core::{Result as StoreResult, Store};
use larder_tiered::{Builder, OpenFront, TieredStore};

use crate::Outcome;
use crate::stores::{self, Kind};

/// The name of the fence file in the folder of the cache.
pub const FENCE: &str = "larder.fence";
/// The name of LMDB's file.
pub const DATA: &str = "data.mdb";

/// A stack in a folder: `origin` and `cache` are below it.
#[derive(Debug, Clone)]
pub struct Tiers {
    /// The folder.
    pub folder: PathBuf,
    /// Bytes of a front in memory, where there is one.
    pub memory: Option<u64>,
    /// Bytes of the LMDB cache.
    pub cache: u64,
    /// How fresh answers are.
    pub fresh: Freshness,
    /// Slots of the fence.
    pub slots: u32,
}

/// A front that is opened with the stack, and later if that fails.
#[derive(Debug)]
struct Later(StoreConfig);

#[async_trait]
impl OpenFront for Later {
    async fn open(&self) -> StoreResult<Arc<dyn Store>> {
        stores::open(&self.0).await
    }
}

impl Tiers {
    /// Where the cache is.
    pub fn cache_folder(&self) -> PathBuf {
        self.folder.join("cache")
    }

    /// Where the origin is.
    pub fn origin_folder(&self) -> PathBuf {
        self.folder.join("origin")
    }

    /// Opens the origin alone.
    ///
    /// # Errors
    /// Those of opening it.
    pub async fn origin(&self) -> Outcome<Arc<dyn Store>> {
        Ok(stores::open(&Kind::File.at(&self.origin_folder(), "sync=none")?).await?)
    }

    /// The cache's configuration.
    ///
    /// # Errors
    /// A folder that is not UTF-8.
    pub fn cache(&self, folder: &Path) -> Outcome<StoreConfig> {
        Kind::Lmdb.at(folder, &format!("role=cache&capacity={}", self.cache))
    }

    /// A stack in the making over an origin.
    ///
    /// # Errors
    /// A folder that is not UTF-8.
    pub fn over(&self, origin: impl Store) -> Outcome<Builder> {
        let mut builder = TieredStore::builder(origin).fresh(self.fresh).fence_slots(self.slots);
        if let Some(bytes) = self.memory {
            builder =
                builder.front_from(Later(Kind::Memory.at(Path::new(""), &format!("capacity={bytes}"))?));
        }
        Ok(builder.front_from(Later(self.cache(&self.cache_folder())?)))
    }

    /// Opens the stack.
    ///
    /// # Errors
    /// Those of opening it.
    pub async fn open(&self) -> Outcome<TieredStore> {
        Ok(self.over(self.origin().await?)?.open().await?)
    }
}
