//! The stores that campaigns run against.

use std::path::Path;
use std::sync::Arc;

use larder_store_core::config::StoreConfig;
use larder_store_core::{OpenOptions, Registry, Store};

use crate::Outcome;
use crate::args::Args;

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// In this process.
    Memory,
    /// A file for each value.
    File,
    /// One LMDB environment.
    Lmdb,
}

impl Kind {
    /// Those that this build has.
    pub const BUILT: &'static [Kind] = &[
        #[cfg(feature = "memory")]
        Kind::Memory,
        #[cfg(feature = "file")]
        Kind::File,
        #[cfg(feature = "lmdb")]
        Kind::Lmdb,
    ];

    /// Its scheme.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::File => "file",
            Kind::Lmdb => "lmdb",
        }
    }

    /// Whether what it holds outlives the process.
    pub fn is_on_disk(self) -> bool {
        self != Kind::Memory
    }

    /// Those that `text` names: one, several with commas, or `all`.
    ///
    /// # Errors
    /// A kind that this build does not have.
    pub fn list(text: &str) -> Outcome<Vec<Kind>> {
        if text == "all" {
            return Ok(Kind::BUILT.to_vec());
        }
        let find = |name: &str| {
            let known: Vec<_> = Kind::BUILT.iter().map(|kind| kind.name()).collect();
            let found = Kind::BUILT.iter().find(|kind| kind.name() == name);
            found.copied().ok_or_else(|| format!("the store {name:?} is none of {}", known.join(", ")).into())
        };
        text.split(',').map(find).collect()
    }

    /// Those on disk that `--store` names; all by default.
    ///
    /// # Errors
    /// A kind that is none, or that a build without it was asked for.
    pub fn on_disk(args: &mut Args) -> Outcome<Vec<Kind>> {
        let text = args.text("store")?.unwrap_or_else(|| "all".to_owned());
        let kinds: Vec<_> = Kind::list(&text)?.into_iter().filter(|kind| kind.is_on_disk()).collect();
        match kinds.is_empty() {
            true => Err("this campaign is for stores on disk, and there is none here".into()),
            false => Ok(kinds),
        }
    }

    /// The configuration of one in `folder`, with parameters as in a URL: `sync=none&…`.
    ///
    /// # Errors
    /// A folder that is not UTF-8.
    pub fn at(self, folder: &Path, params: &str) -> Outcome<StoreConfig> {
        let place = match self {
            Kind::Memory => "",
            _ => folder.to_str().ok_or("the folder's name is not UTF-8")?,
        };
        let pairs = params.split('&').filter(|pair| !pair.is_empty());
        Ok(pairs.fold(StoreConfig::new(self.name(), place), |config, pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            config.with_param(name, value)
        }))
    }
}

/// A registry of all stores that this build has.
pub fn registry() -> Registry {
    #[allow(unused_mut, reason = "a build may have none")]
    let mut registry = Registry::new();
    #[cfg(feature = "memory")]
    registry.register(larder_store_backends::memory::MemoryBackend).expect("the scheme is free");
    #[cfg(feature = "file")]
    registry.register(larder_store_backends::file::FileBackend).expect("the scheme is free");
    #[cfg(feature = "lmdb")]
    registry.register(larder_store_backends::lmdb::LmdbBackend).expect("the scheme is free");
    registry
}

/// Opens a store, created if it is missing.
///
/// # Errors
/// Those of opening it.
pub async fn open(config: &StoreConfig) -> larder_store_core::Result<Arc<dyn Store>> {
    registry().open(config, &OpenOptions::new()).await
}

/// The URL of a store for the arguments of a child.
pub fn url(config: &StoreConfig) -> String {
    config.to_secret_url().reveal().to_owned()
}

/// Runs async work on this thread.
///
/// # Panics
/// If there is no runtime to be had.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(work)
}
