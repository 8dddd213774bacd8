//! The `memory:` scheme.

use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Backend, Destroy, Error, ErrorKind, Op, OpenOptions, Result, Role, Store, StoreId};

use super::cache::MemoryCache;
use super::names;
use super::store::MemoryStore;

const CAPACITY: Param = Param {
    name: "capacity",
    about: "bytes of memory that it may take; then it is a cache, which forgets what was used least recently; default above another tier 64MiB, else none",
    secret: false,
};

/// Opens `memory:`, `memory:NAME` and `memory:?capacity=SIZE`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryBackend;

/// A name, or nothing for a store of its own.
fn name(config: &StoreConfig) -> Option<&str> {
    Some(config.place()).filter(|name| !name.is_empty())
}

/// The capacity, if the store is to be a cache.
fn capacity(config: &StoreConfig, role: Role) -> Result<Option<u64>> {
    let given = config.size(&CAPACITY)?;
    let refuse = |why: &str, hint: &'static str| {
        Err(Error::new(ErrorKind::Invalid, Op::Open, format!("memory: {why}")).hint(hint))
    };
    match (given, name(config), role) {
        (Some(_), Some(_), _) => refuse(
            "a store with a name keeps everything, and cannot have a capacity",
            "leave the name out for a cache, or the capacity for a store",
        ),
        (Some(_), None, Role::Origin) => refuse(
            "a capacity makes it a cache, and the last tier of a stack must keep everything",
            "leave the capacity out, or put another store below it",
        ),
        (None, Some(_), Role::Front) => refuse(
            "a store with a name has no bound, and a front of a stack must have one",
            "write memory:?capacity=64MiB",
        ),
        (None, None, Role::Front) => Ok(Some(MemoryCache::DEFAULT)),
        (given, _, _) => Ok(given),
    }
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
        &[CAPACITY]
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        if let Some(capacity) = capacity(config, options.role)? {
            // A front has nothing that could be missing.
            if !options.create_if_missing && options.role != Role::Front {
                return Err(missing(Op::Open, None));
            }
            return Ok(Arc::new(MemoryCache::new(capacity)?.with_env(options.env.clone())));
        }
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
