//! Which scheme opens which store. Third parties add their own.

mod backend;
mod destroy;
mod log;
mod options;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{self, Param, StackConfig, StoreConfig};
use crate::error::{Error, ErrorKind, Op, Result};
use crate::store::Store;

pub use backend::{Backend, StackOpener};
pub use destroy::Destroy;
pub use options::{OpenOptions, Role};

/// Schemes, and the features of the facade that they come with.
const FEATURES: [(&str, &str); 8] = [
    ("memory", "memory"),
    ("file", "file"),
    ("lmdb", "lmdb"),
    ("s3", "s3"),
    ("gs", "gs"),
    ("dynamodb", "dynamodb"),
    ("redis", "redis"),
    ("rediss", "redis"),
];

/// Which scheme opens which store, and who opens several on top of each other.
///
/// A backend of one's own, with a scheme of its own:
/// ```
/// use std::sync::Arc;
///
/// use async_trait::async_trait;
/// use larder_store_core::config::{Param, StoreConfig};
/// use larder_store_core::{Backend, Destroy, Error, ErrorKind, Op, OpenOptions, Registry, Result, Store};
///
/// const RACK: Param = Param { name: "rack", about: "which rack, 1 to 40; any by default", secret: false };
/// const TOKEN: Param = Param { name: "token", about: "what the tape robot asks for", secret: true };
///
/// /// Opens `tape:NAME?rack=7&token=…`.
/// #[derive(Debug)]
/// struct Tape;
///
/// #[async_trait]
/// impl Backend for Tape {
///     fn scheme(&self) -> &str {
///         "tape"
///     }
///
///     fn params(&self) -> &[Param] {
///         const { &[RACK, TOKEN] }
///     }
///
///     async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
///         let rack = config.number(&RACK, 1..=40)?;
///         let token = config.text(&TOKEN)?.ok_or_else(|| config.missing(&TOKEN))?;
///         # let _ = (rack, token, options);
///         // … which would give the store; this robot is out.
///         Err(Error::new(ErrorKind::Unavailable, Op::Open, "the robot does not answer"))
///     }
///
///     async fn exists(&self, _config: &StoreConfig, _options: &OpenOptions) -> Result<bool> {
///         Ok(false)
///     }
///
///     async fn destroy(&self, config: &StoreConfig, _options: &OpenOptions) -> Result<Destroy> {
///         Ok(Destroy::new(vec![format!("the tape {}", config.place())], async { Ok(()) }))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<()> {
/// let mut registry = Registry::new();
/// registry.register(Tape)?;
/// let options = OpenOptions::new();
///
/// let error = registry.open_url("tape:archive?token=s3same", &options).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unavailable);
/// let error = registry.open_url("tape:archive?token=s3same&rack=41", &options).await.unwrap_err();
/// assert!(error.to_string().contains("rack wants a whole number from 1 to 40"));
/// let error = registry.open_url("tape:archive?shelf=1", &options).await.unwrap_err();
/// assert!(error.to_string().contains("known: rack, token"));
///
/// let destroy = registry.destroy_url("tape:archive", &options).await?;
/// assert_eq!(destroy.names(), ["the tape archive"]);
/// destroy.confirm().await
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Registry {
    backends: BTreeMap<String, Arc<dyn Backend>>,
    stacks: Option<Arc<dyn StackOpener>>,
}

impl Registry {
    /// One that knows no scheme yet.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a backend.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if its scheme is none or is taken, or it declares a parameter that it cannot have.
    pub fn register(&mut self, backend: impl Backend) -> Result<()> {
        let scheme = backend.scheme().to_owned();
        let refuse = |why: String| Err(Error::new(ErrorKind::Invalid, Op::Open, why));
        if !config::is_scheme(&scheme) {
            return refuse(format!(
                "{scheme:?} is no scheme: lower-case letters, digits and -, a letter first"
            ));
        }
        if self.backends.contains_key(&scheme) {
            return refuse(format!("the scheme {scheme:?} is taken"));
        }
        let names: Vec<_> = backend.params().iter().map(|p| p.name).collect();
        for (i, name) in names.iter().enumerate() {
            if name.is_empty() || names[..i].contains(name) {
                return refuse(format!("{scheme}: the parameter {name:?} has no name, or is declared twice"));
            }
            if config::is_stack_param(name) || config::RESERVED.contains(name) {
                return refuse(format!("{scheme}: the parameter name {name:?} is not for backends"));
            }
        }
        self.backends.insert(scheme, Arc::new(backend));
        Ok(())
    }

    /// Says who opens stores on top of each other.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if somebody does already.
    pub fn register_stacks(&mut self, opener: impl StackOpener) -> Result<()> {
        if self.stacks.is_some() {
            return Err(Error::new(ErrorKind::Invalid, Op::Open, "somebody opens stacks already"));
        }
        self.stacks = Some(Arc::new(opener));
        Ok(())
    }

    /// The schemes that it knows.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.backends.keys().map(String::as_str)
    }

    /// The parameters that a scheme knows; none for a scheme that is not known here.
    pub fn params(&self, scheme: &str) -> &[Param] {
        self.backends.get(scheme).map_or(&[], |backend| backend.params())
    }

    /// The backend of a configuration, after a check of its parameters.
    fn backend(&self, op: Op, config: &StoreConfig) -> Result<&Arc<dyn Backend>> {
        config.check().map_err(|e| e.during(op))?;
        let backend = self.backends.get(config.scheme()).ok_or_else(|| {
            let known: Vec<_> = self.schemes().collect();
            let why = format!("the scheme {:?} is not known here", config.scheme());
            let hint = match FEATURES.iter().find(|(scheme, _)| *scheme == config.scheme()) {
                Some((_, feature)) => {
                    format!("it comes with larder's feature {feature:?}: features = [{feature:?}]")
                }
                None => format!("known: {}; others need their feature compiled in", known.join(", ")),
            };
            Error::new(ErrorKind::Unsupported, op, why).hint(hint)
        })?;
        config.check_params(backend.params()).map_err(|e| e.during(op))?;
        Ok(backend)
    }

    fn stacks(&self, op: Op, stack: &StackConfig) -> Result<&Arc<dyn StackOpener>> {
        self.stacks.as_ref().ok_or_else(|| {
            let why = format!("a stack of {} stores: stacks come with larder-tiered", stack.tiers().len());
            Error::new(ErrorKind::Unsupported, op, why).hint("open one of them alone")
        })
    }

    /// Opens a store from its configuration.
    ///
    /// The first time in a process that a configuration is opened, what is given and which defaults hold is logged
    /// at the level `INFO`, later at `DEBUG`; no secret is.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a scheme that is not known here; [`ErrorKind::Invalid`] for a parameter that is
    /// not; those of [`Backend::open`].
    pub async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        let backend = self.backend(Op::Open, config)?;
        let store = backend.open(config, options).await?;
        log::opened(config, backend.params(), options, &*store);
        Ok(store)
    }

    /// Opens a store, or several on top of each other, from their text.
    ///
    /// # Errors
    /// Those of [`StackConfig::parse`] and [`Registry::open_stack`].
    pub async fn open_url(&self, text: &str, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        self.open_stack(&StackConfig::parse(text)?, options).await
    }

    /// Opens a store, or several on top of each other.
    ///
    /// # Errors
    /// Those of [`Registry::open`]; [`ErrorKind::Unsupported`] for a stack where nobody opens them
    /// ([`Registry::register_stacks`]).
    pub async fn open_stack(&self, stack: &StackConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        match stack.alone() {
            Some(store) => self.open(store, options).await,
            None => self.stacks(Op::Open, stack)?.open(self, stack, options).await,
        }
    }

    /// Whether a store is there. Creates nothing.
    ///
    /// # Errors
    /// Those of [`Backend::exists`], and of a configuration as in [`Registry::open`].
    pub async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool> {
        self.backend(Op::Exists, config)?.exists(config, options).await
    }

    /// Whether the store, or stack, that a text names is there.
    ///
    /// # Errors
    /// Those of [`StackConfig::parse`], [`Registry::exists`] and, for a stack, [`Registry::open_stack`].
    pub async fn exists_url(&self, text: &str, options: &OpenOptions) -> Result<bool> {
        let stack = StackConfig::parse(text)?;
        match stack.alone() {
            Some(store) => self.exists(store, options).await,
            None => self.stacks(Op::Exists, &stack)?.exists(self, &stack, options).await,
        }
    }

    /// Says what destroying a store would delete.
    ///
    /// # Errors
    /// Those of [`Backend::destroy`], and of a configuration as in [`Registry::open`].
    pub async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy> {
        self.backend(Op::Destroy, config)?.destroy(config, options).await
    }

    /// Says what destroying the store, or stack, that a text names would delete.
    ///
    /// # Errors
    /// Those of [`StackConfig::parse`], [`Registry::destroy`] and, for a stack, [`Registry::open_stack`].
    pub async fn destroy_url(&self, text: &str, options: &OpenOptions) -> Result<Destroy> {
        let stack = StackConfig::parse(text)?;
        match stack.alone() {
            Some(store) => self.destroy(store, options).await,
            None => self.stacks(Op::Destroy, &stack)?.destroy(self, &stack, options).await,
        }
    }
}
