//! From the caller's names to the inner store's, and back.

use crate::error::{Error, Result};
use crate::key::Key;
use crate::meta::Meta;
use crate::options::ListOptions;
use crate::outcome::Listed;
use crate::store_id::StoreId;
use crate::system;

/// What a view needs to rename; shared by the streams that outlive a call.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) prefix: String,
    /// The view.
    pub(super) outer: StoreId,
    /// The store beneath.
    pub(super) inner: StoreId,
}

impl Names {
    /// The inner store's key, of a key that is short enough.
    pub(super) fn down(&self, key: &Key) -> Result<Key> {
        let down = system::key_in(key.space(), [&self.prefix, key.as_str()].concat());
        down.map_err(|e| e.at(&self.outer).on(key))
    }

    /// The inner store's listing.
    pub(super) fn down_list(&self, mut options: ListOptions) -> ListOptions {
        // The key that is the prefix itself has no name here: the listing begins behind it.
        let after = match options.start_after.take() {
            None if options.prefix.is_empty() => Some(self.prefix.clone()),
            None => None,
            Some(after) => Some([self.prefix.as_str(), &after].concat()),
        };
        options.start_after = after;
        options.prefix.insert_str(0, &self.prefix);
        options
    }

    /// The caller's key; `None` for one that is not behind the prefix.
    fn up_key(&self, key: &Key) -> Option<Key> {
        system::key_in(key.space(), key.as_str().strip_prefix(&self.prefix)?).ok()
    }

    pub(super) fn up_meta(&self, mut meta: Meta) -> Meta {
        if let Some(key) = self.up_key(&meta.key) {
            meta.key = key;
        }
        meta
    }

    /// Names the view and the caller's key. An error of another store (the source of a body that is being written, a
    /// tier further down) keeps the names that it has there.
    pub(super) fn up_error(&self, error: Error) -> Error {
        if error.store().is_some_and(|store| *store != self.inner) {
            return error;
        }
        let key = error.key().and_then(|key| self.up_key(key));
        let error = error.at_instead(&self.outer);
        match key {
            Some(key) => error.on_instead(&key),
            None => error,
        }
    }

    pub(super) fn up_listed(&self, listed: Listed) -> Listed {
        let strip = |name: String| match name.strip_prefix(&self.prefix) {
            Some(rest) => rest.to_owned(),
            None => name,
        };
        match listed {
            Listed::Entry(meta) => Listed::Entry(self.up_meta(meta)),
            Listed::Prefix(name) => Listed::Prefix(strip(name)),
            Listed::Foreign { name, why } => Listed::Foreign { name: strip(name), why },
        }
    }
}
