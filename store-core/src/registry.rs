//! Which scheme opens which store. Third parties add their own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::config::{Param, StoreConfig};
use crate::env::{BoxFuture, Env};
use crate::error::{Error, ErrorKind, Op, Result};
use crate::store::Store;

/// A kind of store, by its URL scheme.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The scheme: lower-case letters, digits, `-`.
    fn scheme(&self) -> &str;

    /// Every parameter that it knows. The registry refuses others before it calls.
    fn params(&self) -> &[Param];

    /// Opens the store that `config` names.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a configuration that is wrong or a store that is missing, and whatever opening meets.
    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>>;

    /// Whether the store that `config` names is there. Creates nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] or [`ErrorKind::Unavailable`] where that cannot be told.
    async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool>;

    /// Says what destroying the store would delete, and deletes nothing before [`Destroy::confirm`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if there is no such store, or its place holds what Larder did not write.
    async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy>;
}

/// Options of opening.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Whether a store that is missing is created (the default) or an error.
    pub create_if_missing: bool,
    /// The environment that the store runs in.
    pub env: Env,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions { create_if_missing: true, env: Env::system() }
    }
}

impl OpenOptions {
    /// The default ones.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Whether a store that is missing is created.
    pub fn with_create_if_missing(mut self, create: bool) -> OpenOptions {
        self.create_if_missing = create;
        self
    }

    /// The environment that the store runs in.
    pub fn with_env(mut self, env: Env) -> OpenOptions {
        self.env = env;
        self
    }
}

/// What destroying a store would delete. Dropped, it deletes nothing.
#[must_use = "nothing is deleted before confirm()"]
pub struct Destroy {
    names: Vec<String>,
    run: BoxFuture<'static, Result<()>>,
}

impl Destroy {
    /// `names` say what will be deleted (folders, files, tables, prefixes of a bucket); `run` deletes it.
    pub fn new(names: Vec<String>, run: impl Future<Output = Result<()>> + Send + 'static) -> Destroy {
        Destroy { names, run: Box::pin(run) }
    }

    /// What will be deleted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Deletes it.
    ///
    /// # Errors
    /// Whatever deleting meets; what is left can be destroyed again.
    pub async fn confirm(self) -> Result<()> {
        self.run.await
    }
}

impl fmt::Debug for Destroy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Destroy").field(&self.names).finish()
    }
}

/// Which scheme opens which store.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    backends: BTreeMap<String, Arc<dyn Backend>>,
}

impl Registry {
    /// One that knows no scheme yet.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a backend.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if its scheme is taken.
    pub fn register(&mut self, backend: impl Backend) -> Result<()> {
        let scheme = backend.scheme().to_owned();
        if self.backends.contains_key(&scheme) {
            return Err(Error::new(ErrorKind::Invalid, Op::Open, format!("the scheme {scheme:?} is taken")));
        }
        self.backends.insert(scheme, Arc::new(backend));
        Ok(())
    }

    /// The schemes that it knows.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.backends.keys().map(String::as_str)
    }

    /// The backend of a configuration, after a check of its parameters.
    fn backend(&self, op: Op, config: &StoreConfig) -> Result<&Arc<dyn Backend>> {
        let backend = self.backends.get(config.scheme()).ok_or_else(|| {
            let known: Vec<_> = self.schemes().collect();
            Error::new(
                ErrorKind::Unsupported,
                op,
                format!("the scheme {:?} is not known here", config.scheme()),
            )
            .hint(format!("known: {}; others need their feature compiled in", known.join(", ")))
        })?;
        config.check_params(backend.params()).map_err(|e| e.during(op))?;
        Ok(backend)
    }

    /// Opens a store from its configuration.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a scheme that is not known here; [`ErrorKind::Invalid`] for a parameter that is
    /// not; those of [`Backend::open`].
    pub async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        self.backend(Op::Open, config)?.open(config, options).await
    }

    /// Whether a store is there.
    ///
    /// # Errors
    /// Those of [`Registry::open`].
    pub async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool> {
        self.backend(Op::Exists, config)?.exists(config, options).await
    }

    /// Says what destroying a store would delete.
    ///
    /// # Errors
    /// Those of [`Registry::open`].
    pub async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy> {
        self.backend(Op::Destroy, config)?.destroy(config, options).await
    }
}
