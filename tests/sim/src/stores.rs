//! The stores that campaigns run against.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder_store_core::config::{StackConfig, StoreConfig};
use larder_store_core::{Env, OpenOptions, Registry, Role, Store};
use larder_tiered::{DEFAULT_FRONT_TIMEOUT, OpenFront, Stacks, TieredStore};

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
    #[cfg(feature = "s3")]
    registry.register(larder_store_backends::s3::S3Backend).expect("the scheme is free");
    #[cfg(feature = "gs")]
    registry.register(larder_store_backends::gs::GsBackend).expect("the scheme is free");
    #[cfg(feature = "dynamodb")]
    registry.register(larder_store_backends::dynamodb::DynamoBackend).expect("the scheme is free");
    #[cfg(feature = "redis")]
    registry.register(larder_store_backends::redis::RedisBackend::PLAIN).expect("the scheme is free");
    registry.register_stacks(Stacks).expect("nobody opens them yet");
    registry
}

/// Opens a store, created if it is missing.
///
/// # Errors
/// Those of opening it.
pub async fn open(config: &StoreConfig) -> larder_store_core::Result<Arc<dyn Store>> {
    registry().open(config, &OpenOptions::new()).await
}

/// Puts something around a front; its place in the stack is given, 0 being the hottest.
pub type Wrap = Arc<dyn Fn(usize, Arc<dyn Store>) -> Arc<dyn Store> + Send + Sync>;

/// A front, opened by its configuration.
struct Configured {
    at: usize,
    config: StoreConfig,
    options: OpenOptions,
    wrap: Option<Wrap>,
}

impl std::fmt::Debug for Configured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Configured").field(&self.config.scheme()).finish()
    }
}

#[async_trait::async_trait]
impl OpenFront for Configured {
    async fn open(&self) -> larder_store_core::Result<Arc<dyn Store>> {
        let store = registry().open(&self.config, &self.options).await?;
        Ok(match &self.wrap {
            Some(wrap) => wrap(self.at, store),
            None => store,
        })
    }
}

/// A stack, with what no string can say.
#[derive(Clone)]
pub struct StackSetup {
    /// Its string.
    pub text: String,
    /// How long doubt lasts.
    pub window: Duration,
    /// How long a call of a front may take.
    pub front_timeout: Duration,
    /// Where it runs.
    pub env: Env,
    /// What is around its fronts.
    pub wrap: Option<Wrap>,
}

impl std::fmt::Debug for StackSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StackSetup").field(&self.text).finish()
    }
}

impl StackSetup {
    /// A plain one.
    pub fn new(text: impl Into<String>, window: Duration) -> StackSetup {
        let (text, env) = (text.into(), Env::system());
        StackSetup { text, window, front_timeout: DEFAULT_FRONT_TIMEOUT, env, wrap: None }
    }

    /// Opens it. The second is its origin, by which one gets past the fence.
    ///
    /// # Errors
    /// Those of opening it.
    pub async fn open(&self) -> larder_store_core::Result<(TieredStore, Arc<dyn Store>)> {
        let stack = StackConfig::parse(&self.text)?;
        let options = OpenOptions::new().with_env(self.env.clone());
        let (origin, fronts) = stack.tiers().split_last().expect("a stack has a tier");
        let origin = registry().open(origin, &options.clone().with_role(Role::Origin)).await?;
        let mut builder = TieredStore::builder(origin.clone()).policy(stack.policy().clone());
        for (at, front) in fronts.iter().enumerate() {
            let options = options.clone().with_role(Role::Front);
            let (config, wrap) = (front.clone(), self.wrap.clone());
            builder = builder.front_from(Configured { at, config, options, wrap });
        }
        let builder = builder.doubt_window(self.window).front_timeout(self.front_timeout);
        Ok((builder.env(self.env.clone()).open().await?, origin))
    }
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work)
}
