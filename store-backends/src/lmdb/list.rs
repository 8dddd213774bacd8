//! Listings: some entries in each short transaction.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use larder_store_core::derived::{Cursor, Delimited};
use larder_store_core::record::Head;
use larder_store_core::{Items, ListOptions, Listed, Op, Result};

use super::handle::Handle;
use super::keys;
use super::read::stored;
use super::snapshot::Snapshot;
use super::tree::{Node, TreeCursor};

/// Entries that are looked at in one transaction.
const CHUNK: usize = 256;

const OP: Op = Op::List;

/// A listing under way.
struct Listing {
    handle: Arc<Handle>,
    options: ListOptions,
    cursor: Cursor,
    /// The last key of the environment that was looked at: expired entries move this on, and not the cursor.
    seen: Vec<u8>,
}

/// What one transaction gave.
struct Chunk {
    cursor: Cursor,
    seen: Vec<u8>,
    items: Vec<Result<Listed>>,
    more: bool,
}

/// Lists. An entry whose record is damaged is an error that names its key; the listing ends with it, and can be gone
/// on with after that key.
pub(super) fn list(handle: Arc<Handle>, options: ListOptions) -> Items<Listed> {
    if let Err(error) = handle.begin(OP, &options.call) {
        return stream::iter([Err(error)]).boxed();
    }
    let cursor = Cursor::new(&options);
    let listing = Listing { handle, options, cursor, seen: Vec::new() };
    stream::unfold(Some(listing), |listing| async move {
        let mut listing = listing?;
        match listing.next().await {
            Ok((items, true)) => Some((stream::iter(items), Some(listing))),
            Ok((items, false)) if items.is_empty() => None,
            Ok((items, false)) => Some((stream::iter(items), None)),
            Err(error) => Some((stream::iter(vec![Err(error.during(OP).at(&listing.handle.id))]), None)),
        }
    })
    .flatten()
    .boxed()
}

impl Listing {
    /// The next items, and whether there may be more.
    async fn next(&mut self) -> Result<(Vec<Result<Listed>>, bool)> {
        loop {
            self.handle.begin(OP, &self.options.call)?;
            let chunk = self.handle.read(OP, |snapshot| self.chunk(snapshot)).await?;
            (self.cursor, self.seen) = (chunk.cursor, chunk.seen);
            if !chunk.items.is_empty() || !chunk.more {
                return Ok((chunk.items, chunk.more));
            }
            // Only expired ones, or keys behind a common prefix: on.
            tokio::task::yield_now().await;
        }
    }

    fn chunk(&self, snapshot: &Snapshot<'_>) -> Result<Chunk> {
        let damage = |d| self.handle.damage(OP, d);
        let space = self.options.space();
        let (cursor, seen) = (self.cursor.clone(), self.seen.clone());
        let mut chunk = Chunk { cursor, seen, items: Vec::new(), more: false };
        let mut tree: Option<TreeCursor<'_>> = None;
        for _ in 0..CHUNK {
            let Some((text, mut inclusive)) = chunk.cursor.place().and_then(|place| place.bound()) else {
                return Ok(chunk);
            };
            let mut from = keys::place(space, &text);
            if chunk.seen >= from {
                from.clone_from(&chunk.seen);
                inclusive = false;
            }
            let mut at = match tree.take() {
                Some(at) => at,
                None => TreeCursor::seek(snapshot.view, &snapshot.meta.main, &from).map_err(damage)?,
            };
            let mut node = at.entry().map_err(damage)?;
            if !inclusive && node.is_some_and(|node| node.key == from) {
                at.advance();
                node = at.entry().map_err(damage)?;
            }
            let prefix = keys::place(space, self.options.prefix.as_bytes());
            let Some(node) = node.filter(|node| node.key.starts_with(&prefix)) else { return Ok(chunk) };
            chunk.seen = node.key.to_vec();
            let (item, next) = self.entry(&at, &node, &mut chunk.cursor);
            let failed = matches!(item, Some(Err(_)));
            chunk.items.extend(item);
            match next {
                Next::End => return Ok(chunk),
                _ if failed => return Ok(chunk),
                Next::Beside => {
                    at.advance();
                    tree = Some(at);
                }
                Next::Elsewhere => {}
            }
        }
        chunk.more = true;
        Ok(chunk)
    }

    /// What an entry is to the listing.
    fn entry(
        &self,
        at: &TreeCursor<'_>,
        node: &Node<'_>,
        place: &mut Cursor,
    ) -> (Option<Result<Listed>>, Next) {
        let key = match keys::record_key(node.key) {
            Some(Ok(key)) => key,
            Some(Err(why)) => {
                let name = String::from_utf8_lossy(&node.key[1..]).into_owned();
                return (Some(Ok(Listed::Foreign { name, why: why.to_owned() })), Next::Beside);
            }
            None => return (None, Next::End),
        };
        let found = at.value(node).map_err(|d| self.handle.damage(OP, d)).and_then(|stored_bytes| {
            let (_, record) = self.handle.shared.settings.split(stored_bytes);
            let (head, _) = Head::decode(record, Some(&key))?;
            let stored = stored(key.len(), record.len(), &head);
            Ok((head, stored))
        });
        if let Ok((head, _)) = &found
            && self.handle.is_expired(head)
        {
            return (None, Next::Beside);
        }
        match (place.meet(key.as_str()), found) {
            (Delimited::End, _) => (None, Next::End),
            (Delimited::Skip, _) => (None, Next::Elsewhere),
            (Delimited::Prefix(prefix), _) => (Some(Ok(Listed::Prefix(prefix))), Next::Elsewhere),
            (Delimited::Entry, Ok((head, stored))) => {
                (Some(Ok(Listed::Entry(head.into_meta(stored)))), Next::Beside)
            }
            (Delimited::Entry, Err(error)) => {
                let error = error.during(OP).at(&self.handle.id).on(&key);
                (Some(Err(error.hint("list on with this key as start_after"))), Next::Beside)
            }
        }
    }
}

/// Where the listing goes on.
enum Next {
    Beside,
    Elsewhere,
    End,
}
