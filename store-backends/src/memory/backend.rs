//! The `memory:` scheme.

use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Backend, Destroy, Error, ErrorKind, Op, OpenOptions, Result, Store, StoreId};

use super::names;
use super::store::MemoryStore;

/// Opens `memory:` and `memory:NAME`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryBackend;

/// A name, or nothing for a store of its own.
fn name(config: &StoreConfig) -> Option<&str> {
    Some(config.place()).filter(|name| !name.is_empty())
}

/// A store that is not there.
fn missing(op: Op, name: Option<&str>) -> Error {
    match name {
        Some(name) => {
            Error::new(ErrorKind::Invalid, op, "there is no memory store of that name in this process")
                .at(&StoreId::new("memory", name, "object"))
        }
        None => Error::new(
            ErrorKind::Invalid,
            op,
            "a memory store without a name is never there before it is opened",
        ),
    }
}

#[async_trait]
impl Backend for MemoryBackend {
    fn scheme(&self) -> &str {
        "memory"
    }

    fn params(&self) -> &[Param] {
        &[]
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let store = match name(config) {
            None if options.create_if_missing => MemoryStore::new(),
            Some(name) if options.create_if_missing => MemoryStore::named(name)?,
            name => match name.and_then(MemoryStore::find) {
                Some(store) => store,
                None => return Err(missing(Op::Open, name)),
            },
        };
        Ok(Arc::new(store.with_env(options.env.clone())))
    }

    async fn exists(&self, config: &StoreConfig, _: &OpenOptions) -> Result<bool> {
        Ok(name(config).is_some_and(|name| names::find(name).is_some()))
    }

    async fn destroy(&self, config: &StoreConfig, _: &OpenOptions) -> Result<Destroy> {
        let found = name(config).filter(|name| names::find(name).is_some());
        let Some(name) = found.map(str::to_owned) else {
            return Err(missing(Op::Destroy, name(config)));
        };
        let what = format!("everything in the memory store {name:?} of this process");
        Ok(Destroy::new(vec![what], async move {
            names::forget(&name);
            Ok(())
        }))
    }
}
