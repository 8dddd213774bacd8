//! One configuration for every form: typed builder, URL, map, and the one-line stack.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, ErrorKind, Op, Result};
use crate::secret::Secret;

/// A parameter that a backend knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it does, its unit and default, in a clause.
    pub about: &'static str,
    /// Whether its value is a secret.
    pub secret: bool,
}

/// What names a store: a scheme, a place, parameters. Values of parameters may be secrets, so none is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreConfig {
    scheme: String,
    place: String,
    params: BTreeMap<String, Secret>,
}

impl StoreConfig {
    /// A store of this scheme at this place, without parameters.
    pub fn new(scheme: impl Into<String>, place: impl Into<String>) -> StoreConfig {
        StoreConfig { scheme: scheme.into(), place: place.into(), params: BTreeMap::new() }
    }

    /// Sets a parameter.
    pub fn with_param(mut self, name: impl Into<String>, value: impl Into<Secret>) -> StoreConfig {
        self.params.insert(name.into(), value.into());
        self
    }

    /// The scheme.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The place: a path, a bucket and prefix, a name.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// A parameter's value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(Secret::reveal)
    }

    /// Refuses parameters that are not `known`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], with the list of those that are.
    pub fn check_params(&self, known: &[Param]) -> Result<()> {
        let Some(unknown) = self.params.keys().find(|name| known.iter().all(|p| p.name != *name)) else {
            return Ok(());
        };
        let names: Vec<_> = known.iter().map(|p| p.name).collect();
        let why = format!("{}: does not know the parameter {unknown:?}", self.scheme);
        Err(Error::new(ErrorKind::Invalid, Op::Parse, why).hint(format!("known: {}", names.join(", "))))
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreConfig({}:{}", self.scheme, self.place)?;
        for name in self.params.keys() {
            write!(f, " {name}=***")?;
        }
        f.write_str(")")
    }
}
