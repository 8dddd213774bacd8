//! What a backend knows.

use std::fmt;

/// A parameter that a backend knows.
///
/// ```
/// use larder_store_core::config::Param;
/// const SYNC: Param = Param { name: "sync", about: "full (default) or none", secret: false };
/// assert_eq!(SYNC.to_string(), "sync: full (default) or none");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it does, its unit and default, in a clause.
    pub about: &'static str,
    /// Whether its value is a secret.
    pub secret: bool,
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.about)
    }
}
