//! What was left behind is removed.

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use futures_util::StreamExt as _;
use larder_store_core::{Call, Key, ListOptions, Listed, Result};

use super::core::{Core, book_name};
use super::rewrite::keys;
use crate::manifest::NAME;

impl Core {
    /// Removes what no manifest names.
    pub(super) async fn sweep(&self, older_than: Duration, call: &Call) -> Result<usize> {
        let _turn = self.turn.lock().await;
        let view = self.view.load_full();
        let manifest = &view.manifest;
        let mut named: HashSet<String> = [NAME.to_owned()].into();
        for entry in &manifest.segments {
            named.extend(keys(entry));
        }
        named.extend(manifest.books.iter().map(|book| book_name(book.number)));
        named.extend(manifest.retired.iter().flat_map(|retired| retired.keys.iter().cloned()));
        let until = self.env.wall().checked_sub(older_than).unwrap_or(UNIX_EPOCH);
        let mut unnamed = Vec::new();
        for prefix in ["seg/", "book/", "wal/"] {
            let mut listed =
                self.store.list_opts(ListOptions::new().with_prefix(prefix).with_call(call.clone()));
            while let Some(item) = listed.next().await {
                let Listed::Entry(meta) = item? else { continue };
                let key: &Key = &meta.key;
                let slot =
                    key.as_str().strip_prefix("wal/").and_then(|hex| u64::from_str_radix(hex, 16).ok());
                let needed = match slot {
                    Some(slot) => slot > manifest.floor,
                    None => named.contains(key.as_str()),
                };
                let young = meta.modified.is_some_and(|at| at > until);
                if !needed && !young {
                    unnamed.push(key.as_str().to_owned());
                }
            }
        }
        let count = unnamed.len();
        self.remove(unnamed, call).await;
        Ok(count)
    }
}
