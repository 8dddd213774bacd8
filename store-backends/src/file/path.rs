//! Where in the store's folder the value of a key lies, and back.

use larder_store_core::system::Space;
use larder_store_core::{Error, ErrorKind, Key, Op, Result};

use super::config::Layout;
use super::name::{self, Kind};

/// The folder of Larder's own files. No key's chunk has this name, as its dot would be escaped.
pub(super) const PRIVATE: &str = ".larder";
/// The folder of system keys.
pub(super) const SYSTEM: &str = ".larder/system";
/// The longest path that Linux takes, without the NUL at its end.
const PATH_MAX: usize = 4095;
/// The longest name of a file.
const NAME_MAX: usize = 255;

/// The path of a value, relative to the store's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyPath {
    path: String,
    /// Where the name begins.
    name: usize,
}

impl KeyPath {
    /// Where the value of `key` lies.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] for a key that `layout=raw` cannot hold.
    pub(super) fn of(op: Op, key: &Key, layout: Layout) -> Result<KeyPath> {
        // System keys are records whatever the layout: they need what only records hold.
        let (path, name) = match (key.space(), layout) {
            (Space::User, Layout::Raw) => raw(op, key)?,
            (Space::User, Layout::Record) => record(String::new(), key.as_str()),
            (Space::System, _) => record(format!("{SYSTEM}/"), key.as_str()),
        };
        Ok(KeyPath { path, name })
    }

    /// The whole path.
    pub(super) fn as_str(&self) -> &str {
        &self.path
    }

    /// The folder that the file lies in; empty for the store's own.
    pub(super) fn parent(&self) -> &str {
        self.path[..self.name].trim_end_matches('/')
    }

    /// The file's name.
    pub(super) fn name(&self) -> &str {
        &self.path[self.name..]
    }
}

fn record(mut path: String, key: &str) -> (String, usize) {
    path.reserve(key.len() + name::SUFFIX.len() + 16);
    let mut rest = key;
    loop {
        let start = path.len();
        let (chunk, kind, after) = name::cut(rest);
        name::encode(chunk, kind, &mut path);
        if kind == Kind::Value {
            return (path, start);
        }
        path.push('/');
        rest = after;
    }
}

/// A key as a path, for files that others wrote.
fn raw(op: Op, key: &Key) -> Result<(String, usize)> {
    let text = key.as_str();
    if let Some(why) = text.split('/').find_map(odd) {
        let why = format!("the layout raw cannot hold a key with {why}");
        return Err(Error::new(ErrorKind::Unsupported, op, why).on(key));
    }
    if text == PRIVATE || text.starts_with(".larder/") {
        let why = "the layout raw keeps .larder for itself";
        return Err(Error::new(ErrorKind::Unsupported, op, why).on(key));
    }
    Ok((text.to_owned(), text.rfind('/').map_or(0, |at| at + 1)))
}

/// Whether a path is one that keys of `layout=raw` have.
pub(super) fn is_plain(path: &str) -> bool {
    path.split('/').all(|segment| odd(segment).is_none()) && path.split('/').next() != Some(PRIVATE)
}

/// Why a segment is no name of a file.
fn odd(segment: &str) -> Option<&'static str> {
    match segment {
        "" => Some("an empty segment"),
        "." | ".." => Some("a segment of dots"),
        _ if segment.len() > NAME_MAX => Some("a segment above 255 bytes"),
        _ => None,
    }
}

/// The longest path that a key of `len` bytes may need, `/` at its beginning and the system folder included.
fn longest(len: usize) -> usize {
    // Each byte takes at most three: escaped, or a `/` with the `%` of an empty chunk beside it. Each full chunk takes
    // its mark, a `/` and the `%` of an empty rest.
    let full_chunks = 3 * len / name::FULL;
    1 + SYSTEM.len() + 1 + 3 * len + 4 * full_chunks + 1 + name::SUFFIX.len()
}

/// The longest key that fits behind a root of `root_len` bytes, whatever its characters, in either layout.
pub(super) fn max_key(root_len: usize) -> usize {
    (0..=Key::MAX_LEN).rev().find(|len| root_len + longest(*len) <= PATH_MAX).unwrap_or(0)
}

#[cfg(test)]
mod tests;
