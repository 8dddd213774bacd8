//! Names of values.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Op, Result};
use crate::system::Space;

/// The name of a value: UTF-8, 1 to 1024 bytes, no control characters.
///
/// Everything else is legal and means the same in every store: `..`, `//`, a leading `/`, right-to-left text,
/// names that Windows reserves. Keys order by their bytes. A key is cheap to clone.
///
/// ```
/// use larder_store_core::Key;
/// let key = Key::new("user/7")?;
/// assert_eq!(key.as_str(), "user/7");
/// assert!(Key::new("").is_err());
/// assert!(Key::new("a\nb").is_err());
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    // The space comes first, so that the derived order never mixes the two.
    space: Space,
    text: Arc<str>,
}

impl Key {
    /// The longest key there is, in bytes. A store may take less: see
    /// [`Guarantees::max_key`](crate::Guarantees::max_key).
    pub const MAX_LEN: usize = 1024;

    /// The longest key that every store takes, whatever its prefix, in bytes.
    pub const PORTABLE_LEN: usize = 480;

    /// Checks `text` and makes a key of it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an empty text, one above [`Key::MAX_LEN`], or one with a control character
    /// (Unicode category Cc: U+0000 to U+001F, U+007F to U+009F).
    pub fn new(text: impl AsRef<str> + Into<Arc<str>>) -> Result<Key> {
        check(text.as_ref())?;
        Ok(Key { space: Space::User, text: text.into() })
    }

    pub(crate) fn in_space(space: Space, text: Arc<str>) -> Result<Key> {
        check(&text)?;
        Ok(Key { space, text })
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Its length in bytes, never 0.
    #[allow(clippy::len_without_is_empty, reason = "a key is never empty")]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The key space it lives in. Callers only ever make keys of [`Space::User`].
    pub fn space(&self) -> Space {
        self.space
    }

    /// Whether it lives in the system space.
    pub fn is_system(&self) -> bool {
        self.space == Space::System
    }
}

/// Says why `text` is no key, or that it is one.
fn check(text: &str) -> Result<()> {
    let refuse = |why: String| Err(Error::new(ErrorKind::Invalid, Op::Key, why));
    if text.is_empty() {
        return refuse("a key cannot be empty".into());
    }
    if text.len() > Key::MAX_LEN {
        return refuse(format!("a key of {} bytes is longer than {}", text.len(), Key::MAX_LEN));
    }
    // Every control character is one or two bytes that start with these; most keys stop here.
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Ok(());
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, c)) => refuse(format!("a key cannot hold the control character {c:?} (byte {at})")),
        None => Ok(()),
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.space {
            Space::User => write!(f, "{:?}", self.text),
            Space::System => write!(f, "system:{:?}", self.text),
        }
    }
}

impl std::str::FromStr for Key {
    type Err = Error;
    fn from_str(text: &str) -> Result<Key> {
        Key::new(text)
    }
}

impl TryFrom<&str> for Key {
    type Error = Error;
    fn try_from(text: &str) -> Result<Key> {
        Key::new(text)
    }
}

impl TryFrom<String> for Key {
    type Error = Error;
    fn try_from(text: String) -> Result<Key> {
        Key::new(text)
    }
}

/// What [`StoreExt`](crate::StoreExt) takes as a key: a [`Key`], a reference to one, or text that is checked.
pub trait IntoKey {
    /// Makes the key.
    ///
    /// # Errors
    /// Those of [`Key::new`].
    fn into_key(self) -> Result<Key>;
}

impl IntoKey for Key {
    fn into_key(self) -> Result<Key> {
        Ok(self)
    }
}

impl IntoKey for &Key {
    fn into_key(self) -> Result<Key> {
        Ok(self.clone())
    }
}

impl IntoKey for &str {
    fn into_key(self) -> Result<Key> {
        Key::new(self)
    }
}

impl IntoKey for String {
    fn into_key(self) -> Result<Key> {
        Key::new(self)
    }
}

impl IntoKey for &String {
    fn into_key(self) -> Result<Key> {
        Key::new(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_keys_are_legal() {
        for text in ["..", "/", "//", "a//b", "/a", "CON", "nul.txt", "a\u{202e}b", " ", "%2e", "\u{10ffff}"]
        {
            assert_eq!(Key::new(text).unwrap().as_str(), text);
        }
        assert!(Key::new("x".repeat(Key::MAX_LEN)).is_ok());
    }

    #[test]
    fn others_are_refused() {
        for text in ["", "\0", "a\n", "\u{7f}", "\u{85}", "\u{9f}x"] {
            assert_eq!(Key::new(text).unwrap_err().kind(), ErrorKind::Invalid, "{text:?}");
        }
        assert!(Key::new("x".repeat(Key::MAX_LEN + 1)).is_err());
    }
}
