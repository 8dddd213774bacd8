//! Stacks from their configuration.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::config::{StackConfig, StoreConfig};
use larder_store_core::{
    Destroy, Error, ErrorKind, Op, OpenOptions, Registry, Result, Role, StackOpener, Store,
};

use crate::front::OpenFront;
use crate::store::TieredStore;

/// Opens stacks as [`TieredStore`]s. To be given to [`Registry::register_stacks`].
///
/// ```
/// use larder_store_core::Registry;
/// let mut registry = Registry::new();
/// registry.register_stacks(larder_tiered::Stacks)?;
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Stacks;

/// A front as it is configured.
struct Configured {
    registry: Registry,
    config: StoreConfig,
    options: OpenOptions,
}

impl fmt::Debug for Configured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Configured").field(&self.config.scheme()).finish()
    }
}

#[async_trait]
impl OpenFront for Configured {
    async fn open(&self) -> Result<Arc<dyn Store>> {
        self.registry.open(&self.config, &self.options).await
    }
}

fn split(stack: &StackConfig) -> Result<(&StoreConfig, &[StoreConfig])> {
    stack
        .tiers()
        .split_last()
        .ok_or_else(|| Error::new(ErrorKind::Invalid, Op::Open, "a stack needs at least one store"))
}

impl TieredStore {
    /// Opens a stack as it is configured, with the backends of a registry. A configuration of a single store is an
    /// origin without fronts.
    ///
    /// # Errors
    /// Those of [`Builder::open`](crate::Builder::open), and of opening the origin.
    pub async fn open(
        registry: &Registry,
        stack: &StackConfig,
        options: &OpenOptions,
    ) -> Result<TieredStore> {
        let (origin, fronts) = split(stack)?;
        let opened = registry.open(origin, &options.clone().with_role(Role::Origin)).await?;
        let mut builder =
            TieredStore::builder(opened.clone()).policy(stack.policy().clone()).env(options.env.clone());
        for front in fronts {
            builder = builder.front_from(Configured {
                registry: registry.clone(),
                config: front.clone(),
                // Whether the stack must be there is asked of its origin; caches come and go.
                options: options.clone().with_role(Role::Front).with_create_if_missing(true),
            });
        }
        match builder.open().await {
            Ok(store) => Ok(store),
            Err(error) => {
                let _ = opened.close(&Default::default()).await;
                Err(error)
            }
        }
    }
}

#[async_trait]
impl StackOpener for Stacks {
    async fn open(
        &self,
        registry: &Registry,
        stack: &StackConfig,
        options: &OpenOptions,
    ) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(TieredStore::open(registry, stack, options).await?))
    }

    async fn exists(&self, registry: &Registry, stack: &StackConfig, options: &OpenOptions) -> Result<bool> {
        let (origin, _) = split(stack)?;
        registry.exists(origin, &options.clone().with_role(Role::Origin)).await
    }

    async fn destroy(
        &self,
        registry: &Registry,
        stack: &StackConfig,
        options: &OpenOptions,
    ) -> Result<Destroy> {
        let (origin, fronts) = split(stack)?;
        let mut parts = Vec::new();
        // The fronts first: what is left when the origin cannot be destroyed is a store without its caches.
        for front in fronts {
            let options = options.clone().with_role(Role::Front);
            if registry.exists(front, &options).await? {
                parts.push(registry.destroy(front, &options).await?);
            }
        }
        parts.push(registry.destroy(origin, &options.clone().with_role(Role::Origin)).await?);
        let names = parts.iter().flat_map(|part| part.names().iter().cloned()).collect();
        Ok(Destroy::new(names, async move {
            for part in parts {
                part.confirm().await?;
            }
            Ok(())
        }))
    }
}
