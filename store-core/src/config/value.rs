//! Reading parameters, the same way for every backend.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::param::Param;
use super::store::{StoreConfig, wrong};
use super::units;
use crate::error::{Error, Result};

/// Readers of parameters. `None`: the parameter is not there, and its default holds.
///
/// Their errors name the parameter and what is wanted, and show what is there unless the parameter is a secret.
impl StoreConfig {
    /// A number of bytes: `64MiB`, `1GiB`, `4096`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid).
    ///
    /// ```
    /// use larder_store_core::config::{Param, StoreConfig};
    /// const CAPACITY: Param = Param { name: "capacity", about: "bytes kept; unbounded by default", secret: false };
    /// let config = StoreConfig::parse("memory:?capacity=64MiB")?;
    /// assert_eq!(config.size(&CAPACITY)?, Some(64 << 20));
    /// # Ok::<(), larder_store_core::Error>(())
    /// ```
    pub fn size(&self, param: &Param) -> Result<Option<u64>> {
        self.read(param, units::SIZE, units::parse_size)
    }

    /// A span of time: `30s`, `5m`, `100ms`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid).
    pub fn duration(&self, param: &Param) -> Result<Option<Duration>> {
        self.read(param, units::DURATION, units::parse_duration)
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid).
    pub fn flag(&self, param: &Param) -> Result<Option<bool>> {
        self.read(param, "true or false", |text| text.parse().ok())
    }

    /// One of a few words, by its place among them.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the words.
    ///
    /// ```
    /// use larder_store_core::config::{Param, StoreConfig};
    /// const SYNC: Param = Param { name: "sync", about: "full (default) or none", secret: false };
    /// let config = StoreConfig::parse("file:/data?sync=none")?;
    /// assert_eq!(config.choice(&SYNC, &["full", "none"])?, Some("none"));
    /// let error = config.choice(&SYNC, &["on", "off"]).unwrap_err();
    /// assert!(error.to_string().contains("on, off"));
    /// # Ok::<(), larder_store_core::Error>(())
    /// ```
    pub fn choice<'w>(&self, param: &Param, words: &[&'w str]) -> Result<Option<&'w str>> {
        let wanted = format!("one of {}", words.join(", "));
        self.read(param, wanted, |text| words.iter().find(|word| **word == text).copied())
    }

    /// A whole number in a range.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), with the range.
    pub fn number(&self, param: &Param, range: RangeInclusive<u64>) -> Result<Option<u64>> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        self.read(param, wanted, |text| {
            text.parse().ok().filter(|number| digits(text) && range.contains(number))
        })
    }

    /// Text that is not empty.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid).
    pub fn text(&self, param: &Param) -> Result<Option<&str>> {
        self.read(param, "text that is not empty", |text| Some(text).filter(|text| !text.is_empty()))
    }

    /// Reads a parameter with a function that gives `None` for what is not `wanted`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid).
    pub fn read<'c, T>(
        &'c self,
        param: &Param,
        wanted: impl Display,
        read: impl FnOnce(&'c str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(text) = self.param(param.name) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| self.unwanted(param, wanted, text))
    }

    /// The error of a parameter that must be given and is not.
    pub fn missing(&self, param: &Param) -> Error {
        wrong(format!("{}: the parameter {} is missing", self.scheme(), param.name)).hint(param.about)
    }

    fn unwanted(&self, param: &Param, wanted: impl Display, text: &str) -> Error {
        let got = match (param.secret, text.chars().count()) {
            (true, _) => "something else, which is a secret".to_owned(),
            (false, 0..=60) => format!("{text:?}"),
            (false, long) => format!("{long} characters"),
        };
        let why = format!("{}: {} wants {wanted}, and was given {got}", self.scheme(), param.name);
        wrong(why).hint(param.about)
    }
}
