//! Listing in order what is kept in none.
//!
//! Each chunk goes once over all entries, and keeps the next few keys: bounded memory, and time that grows with the
//! square of the number of keys, divided by the size of a chunk. That a cache is listed at all is the exception.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicBool};

use futures_util::{StreamExt, stream};
use larder_store_core::derived::{Cursor, Delimited};
use larder_store_core::{Env, Error, Items, ListOptions, Listed, Meta, Op, Result, StoreId, closed};

use super::name::{Kind, Name};
use super::shelf::Shelf;
use crate::memory::entry::Entry;

/// Keys that are kept of one walk over all entries.
const CHUNK: usize = 8192;

/// A listing under way. It owns its share of the cache.
pub(super) struct Listing {
    pub(super) options: ListOptions,
    pub(super) shelf: Arc<Shelf>,
    pub(super) closed: Arc<AtomicBool>,
    pub(super) env: Env,
    pub(super) id: StoreId,
}

impl Listing {
    pub(super) fn stream(self) -> Items<Listed> {
        let cursor = Cursor::new(&self.options);
        stream::unfold(Some((self, cursor)), |state| async move {
            let (listing, mut cursor) = state?;
            if let Err(error) = listing.check() {
                // Reported once, and nothing more comes.
                return Some((stream::iter(vec![Err(error)]), None));
            }
            let mut items = Vec::new();
            // Chunks can be without items: what expired, what stands behind a common prefix.
            while items.is_empty() {
                if !listing.chunk(&mut cursor, &mut items) {
                    return (!items.is_empty()).then_some((stream::iter(items), None));
                }
                tokio::task::yield_now().await;
            }
            Some((stream::iter(items), Some((listing, cursor))))
        })
        .flatten()
        .boxed()
    }

    fn check(&self) -> Result<()> {
        if self.closed.load(atomic::Ordering::Acquire) {
            return Err(closed(Op::List, &self.id));
        }
        self.options.call.check(&self.env, Op::List).map_err(|e| e.at(&self.id))
    }

    /// Adds the next items. `false` at the end.
    fn chunk(&self, cursor: &mut Cursor, items: &mut Vec<Result<Listed>>) -> bool {
        let Some(mut bound) = cursor.place().and_then(|place| place.bound()) else { return false };
        let found = self.next_entries(&bound);
        // With a chunk that is full there is more behind its last key.
        let is_last = found.len() < CHUNK;
        let mut at = 0;
        loop {
            let (text, inclusive) = &bound;
            let rest = &found[at..];
            at += rest.partition_point(|found| {
                let key = found.name.key.as_bytes();
                if *inclusive { key < &text[..] } else { key <= &text[..] }
            });
            let Some(Found { meta, .. }) = found.get(at) else { return !is_last };
            match cursor.meet(meta.key.as_str()) {
                Delimited::End => return false,
                other => items.extend(other.listed(|| meta.clone()).map(Ok::<_, Error>)),
            }
            match cursor.place().and_then(|place| place.bound()) {
                Some(next) => bound = next,
                None => return false,
            }
        }
    }

    /// The first entries that lie behind a place, in order.
    fn next_entries(&self, (text, inclusive): &(Vec<u8>, bool)) -> Vec<Found> {
        let (space, now) = (self.options.space(), self.env.wall());
        let mut found: Vec<Found> = Vec::new();
        // Once there are enough: those at or behind this key are not among the first.
        let mut limit: Option<Arc<Name>> = None;
        for (name, held) in self.shelf.entries() {
            let bytes = name.key.as_bytes();
            let is_behind = if *inclusive { bytes >= &text[..] } else { bytes > &text[..] };
            let is_wanted = is_behind
                && name.kind == Kind::Value
                && name.key.space() == space
                && bytes.starts_with(self.options.prefix.as_bytes())
                && limit.as_ref().is_none_or(|limit| bytes < limit.key.as_bytes());
            let alive = |entry: &Entry| entry.is_alive(|| now).then(|| entry.meta.clone());
            let meta = if is_wanted { held.with_value(alive).flatten() } else { None };
            let Some(meta) = meta else { continue };
            found.push(Found { meta, name });
            if found.len() == 2 * CHUNK {
                let (_, last, _) = found.select_nth_unstable_by(CHUNK - 1, Found::order);
                limit = Some(last.name.clone());
                found.truncate(CHUNK);
            }
        }
        found.sort_unstable_by(Found::order);
        found.truncate(CHUNK);
        found
    }
}

/// An entry of a chunk. Its value is not held: a listing takes no memory from others.
struct Found {
    name: Arc<Name>,
    meta: Meta,
}

impl Found {
    fn order(a: &Found, b: &Found) -> Ordering {
        a.name.key.as_bytes().cmp(b.name.key.as_bytes())
    }
}
