//! What can go wrong: shown to whoever called, never handled.

use std::fmt::Display;
use std::path::Path;

/// An error as text with its cause.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// What a bench gives.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// An error at a path.
pub(crate) fn at(path: &Path, error: impl Display) -> Error {
    format!("{}: {error}", path.display()).into()
}
