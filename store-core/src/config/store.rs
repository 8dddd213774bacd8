//! What names one store.

use std::collections::BTreeMap;
use std::fmt;

use super::param::Param;
use super::policy::is_stack_param;
use super::{print, url};
use crate::error::{Error, ErrorKind, Op, Result};
use crate::secret::Secret;

/// Names of the map form that no parameter may have.
pub(crate) const RESERVED: [&str; 3] = ["url", "scheme", "place"];

/// What names a store: a scheme, a place, parameters. Values of parameters may be secrets, so none is ever shown:
/// `Debug` and `Display` put `***` for each.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreConfig {
    pub(super) scheme: String,
    /// Whether the place begins with a host or bucket: `scheme://host/…`.
    pub(super) has_authority: bool,
    pub(super) place: String,
    pub(super) params: BTreeMap<String, Secret>,
}

impl StoreConfig {
    /// A store of this scheme at this place, without parameters. What is wrong with them is said when the store is
    /// opened.
    pub fn new(scheme: impl Into<String>, place: impl Into<String>) -> StoreConfig {
        StoreConfig {
            scheme: scheme.into(),
            has_authority: false,
            place: place.into(),
            params: BTreeMap::new(),
        }
    }

    /// Reads a URL: see the [module](super) for its form.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], without the text that was given.
    pub fn parse(text: &str) -> Result<StoreConfig> {
        let config = url::parse(text, 0)?;
        config.refuse_stack_params()?;
        Ok(config)
    }

    /// Reads a map: `url`, or `scheme` and `place`; each other entry is a parameter.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], without the values that were given.
    ///
    /// ```
    /// use larder_store_core::config::StoreConfig;
    /// let map = [("scheme", "redis"), ("place", "host:6379/0"), ("password", "p@ss")];
    /// assert_eq!(StoreConfig::from_map(map)?.param("password"), Some("p@ss"));
    /// # Ok::<(), larder_store_core::Error>(())
    /// ```
    pub fn from_map<K: Into<String>, V: Into<Secret>>(
        map: impl IntoIterator<Item = (K, V)>,
    ) -> Result<StoreConfig> {
        let config = StoreConfig::from_map_of_tier(map)?;
        config.refuse_stack_params()?;
        Ok(config)
    }

    /// [`StoreConfig::from_map`] for a tier of a stack: the last one also has the stack's parameters, which
    /// [`StackConfig::from_tiers`](super::StackConfig::from_tiers) takes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], without the values that were given.
    pub fn from_map_of_tier<K: Into<String>, V: Into<Secret>>(
        map: impl IntoIterator<Item = (K, V)>,
    ) -> Result<StoreConfig> {
        let mut entries = BTreeMap::new();
        for (name, value) in map {
            let name = name.into();
            if entries.contains_key(&name) {
                return Err(wrong(format!("the map names {} twice", shown(&name))));
            }
            entries.insert(name, value.into());
        }
        let scheme = entries.remove("scheme");
        let place = entries.remove("place");
        let mut config = match (entries.remove("url"), scheme) {
            (Some(url), None) if place.is_none() => url::parse(url.reveal(), 0)?,
            (Some(_), _) => return Err(wrong("the map has `url`, and `scheme` or `place` beside it")),
            (None, Some(scheme)) => {
                StoreConfig::new(scheme.reveal(), place.as_ref().map_or("", Secret::reveal))
            }
            (None, None) => return Err(wrong("the map has neither `url` nor `scheme`")),
        };
        for (name, value) in entries {
            config.insert(&name, value)?;
        }
        config.check()?;
        Ok(config)
    }

    /// Adds a parameter that must not be there yet.
    pub(super) fn insert(&mut self, name: &str, value: Secret) -> Result<()> {
        if self.params.contains_key(name) {
            return Err(wrong(format!("{}: the parameter {} stands twice", self.scheme, shown(name))));
        }
        self.params.insert(name.to_owned(), value);
        Ok(())
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

    /// The place: a path, a bucket and prefix, a name. Never a secret.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What stands between `//` and the next `/`, where the URL has it: a host and port, a bucket.
    ///
    /// ```
    /// use larder_store_core::config::StoreConfig;
    /// assert_eq!(StoreConfig::parse("s3://bucket/prefix")?.authority(), Some("bucket"));
    /// assert_eq!(StoreConfig::parse("file:///abs")?.authority(), None);
    /// # Ok::<(), larder_store_core::Error>(())
    /// ```
    pub fn authority(&self) -> Option<&str> {
        self.has_authority.then(|| self.place.split('/').next().unwrap_or_default())
    }

    /// The place as a path, for stores on disk.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an empty place, and for `file://name`, whose `name` would be a host: whoever writes
    /// it means either `file:name` or `file:/name`.
    pub fn path(&self) -> Result<&std::path::Path> {
        if self.place.is_empty() {
            return Err(wrong(format!("{}: no path is given", self.scheme))
                .hint(format!("{0}:relative/path or {0}:/absolute/path", self.scheme)));
        }
        if self.has_authority {
            return Err(wrong(format!(
                "{}: two slashes stand before a host, and this store has none",
                self.scheme
            ))
            .hint(format!("{0}:relative/path, {0}:/absolute/path or {0}:///absolute/path", self.scheme)));
        }
        Ok(std::path::Path::new(&self.place))
    }

    /// A parameter's value, which may be a secret.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(Secret::reveal)
    }

    /// The names of its parameters, in order.
    pub fn param_names(&self) -> impl Iterator<Item = &str> {
        self.params.keys().map(String::as_str)
    }

    /// Refuses what no URL could say: a scheme that is none, a NUL, a reserved or empty parameter name. What
    /// [`StoreConfig::parse`] gives has passed this.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`].
    pub fn check(&self) -> Result<()> {
        if !is_scheme(&self.scheme) {
            return Err(wrong("the scheme is none").hint(SCHEME_FORM));
        }
        let holds_nul = |text: &str| text.contains('\0');
        if holds_nul(&self.place) {
            return Err(wrong(format!("{}: a place cannot hold a NUL", self.scheme)));
        }
        for (name, value) in &self.params {
            if name.is_empty() {
                return Err(wrong(format!("{}: a parameter has no name", self.scheme)));
            }
            if holds_nul(name) || holds_nul(value.reveal()) {
                let why = format!("{}: the parameter {} holds a NUL", self.scheme, shown(name));
                return Err(wrong(why));
            }
            if RESERVED.contains(&name.as_str()) {
                let why = format!("{}: no parameter can have the name {name:?}", self.scheme);
                return Err(wrong(why).hint("the map form needs it for itself"));
            }
            if value.reveal() == print::STARS {
                let why = format!("{}: the value of {} is blacked out", self.scheme, shown(name));
                return Err(wrong(why).hint("this text was printed for a log: put the true value back"));
            }
        }
        Ok(())
    }

    /// Refuses parameters that are not `known`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], with the list of those that are.
    pub fn check_params(&self, known: &[Param]) -> Result<()> {
        let Some(unknown) = self.param_names().find(|name| known.iter().all(|p| p.name != *name)) else {
            return Ok(());
        };
        self.refuse_stack_params()?;
        let names: Vec<_> = known.iter().map(|p| p.name).collect();
        let known = match names.is_empty() {
            true => "it has none".to_owned(),
            false => format!("known: {}", names.join(", ")),
        };
        Err(wrong(format!("{}: does not know the parameter {}", self.scheme, shown(unknown))).hint(known))
    }

    pub(super) fn refuse_stack_params(&self) -> Result<()> {
        match self.param_names().find(|name| is_stack_param(name)) {
            None => Ok(()),
            Some(name) => Err(wrong(format!(
                "{}: {} is a parameter of a stack, and this store stands alone",
                self.scheme,
                shown(name)
            ))
            .hint("leave it out, or put a front before the store: memory:?capacity=64MiB | …")),
        }
    }

    /// The URL, secrets included: for handing on to another process, never for an output.
    ///
    /// [`StoreConfig::parse`] gives the same configuration back.
    pub fn to_secret_url(&self) -> Secret {
        print::url(self, |name, value| (name, value))
    }

    /// The URL with `***` for each value that is not known to be harmless: a secret of `known`, and what is not in
    /// `known` at all. A name with odd characters is hidden too, since it may be a piece of a secret with a bare `&`.
    ///
    /// Without such a value, [`StoreConfig::parse`] gives the same configuration back. With one it refuses the text,
    /// so that nobody logs in with three stars.
    ///
    /// ```
    /// use larder_store_core::config::{Param, StoreConfig};
    /// const REGION: Param = Param { name: "region", about: "where", secret: false };
    /// let config = StoreConfig::parse("s3://bucket/a%7Cb?region=eu&secret_key=abc")?;
    /// assert_eq!(config.to_redacted_url(&[REGION]), "s3://bucket/a%7Cb?region=eu&secret_key=***");
    /// # Ok::<(), larder_store_core::Error>(())
    /// ```
    pub fn to_redacted_url(&self, known: &[Param]) -> String {
        let harmless = |name: &str| known.iter().any(|p| p.name == name && !p.secret);
        let show = |name, value| match (harmless(name), is_plain(name)) {
            (true, _) => (name, value),
            (false, true) => (name, print::STARS),
            (false, false) => (print::STARS, print::STARS),
        };
        print::url(self, show).reveal().to_owned()
    }
}

/// What a scheme looks like, for hints.
pub(crate) const SCHEME_FORM: &str =
    "a store is scheme:place, as in file:/var/data; a scheme is lower-case letters, digits and -";

/// Lower-case letters, digits and `-`, a letter first.
pub(crate) fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A parameter's name for a message. What does not look like one may be a piece of a secret that was not escaped.
pub(super) fn shown(name: &str) -> String {
    if is_plain(name) {
        format!("{name:?}")
    } else if name.starts_with("fresh.") {
        "\"fresh.…\"".to_owned()
    } else {
        "whose name has odd characters".to_owned()
    }
}

/// Whether it looks like the name of a parameter.
fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=40).contains(&name.len()) && name.bytes().all(plain)
}

/// The error of a configuration.
pub(super) fn wrong(why: impl Into<std::sync::Arc<str>>) -> Error {
    Error::new(ErrorKind::Invalid, Op::Parse, why)
}

impl std::str::FromStr for StoreConfig {
    type Err = Error;
    fn from_str(text: &str) -> Result<StoreConfig> {
        StoreConfig::parse(text)
    }
}

impl fmt::Display for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_redacted_url(&[]))
    }
}

impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreConfig({self})")
    }
}
