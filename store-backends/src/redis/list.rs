//! Listing: a thousand keys a request, from the index of each shard, merged.

use std::collections::VecDeque;
use std::sync::Arc;

use ::redis::Value;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};
use larder_store_core::derived::{Cursor, Delimited, Place};
use larder_store_core::system::Space;
use larder_store_core::{Items, ListOptions, Listed, Op, Result, time};

use super::client::Lane;
use super::command::{LIST, plain, script};
use super::index;
use super::name::Shard;
use super::wire::Wire;

/// Keys that one request brings.
pub(super) const PAGE: usize = 1000;
/// Keys that are asked for beyond a limit, as some of those that come may have expired.
const SPARE: usize = 8;

/// Lists what `options` ask for. Each page is a request, which the stream makes when it is polled for.
pub(super) fn list(wire: &Arc<Wire>, options: ListOptions) -> Items<Listed> {
    let walk = Walk {
        cursor: Cursor::new(&options),
        shards: wire.names.shards().map(Page::new).collect(),
        wire: wire.clone(),
        options,
        begun: false,
    };
    stream::unfold(Some(walk), |walk| async move {
        let mut walk = walk?;
        match walk.next().await {
            Ok(Some(listed)) => Some((Ok(listed), Some(walk))),
            Ok(None) => None,
            Err(error) => Some((Err(error.during(Op::List).at(&walk.wire.id)), None)),
        }
    })
    .boxed()
}

/// What came of one shard, and is not reported yet.
struct Page {
    shard: Shard,
    entries: VecDeque<Vec<u8>>,
    /// Where the next page begins, as `ZRANGEBYLEX` takes it.
    from: Vec<u8>,
    more: bool,
}

impl Page {
    fn new(shard: Shard) -> Page {
        Page { shard, entries: VecDeque::new(), from: b"-".to_vec(), more: true }
    }

    /// Drops entries before a bound, which the next page begins at unless some are left.
    fn skip_to(&mut self, bound: &[u8], from: &[u8]) {
        while self.entries.front().is_some_and(|entry| &entry[..] < bound) {
            self.entries.pop_front();
        }
        if self.entries.is_empty() {
            self.from = from.to_vec();
        }
    }
}

/// Where keys from `place` on begin in an index: the smallest member, and the bound as `ZRANGEBYLEX` takes it.
fn begin(place: &Place) -> Option<(Vec<u8>, Vec<u8>)> {
    let (mut bound, inclusive) = place.bound()?;
    if !inclusive {
        // Behind a key comes a zero byte in its member, and nothing below a blank in any longer key.
        bound.push(1);
    }
    let from = [b"[", &bound[..]].concat();
    Some((bound, from))
}

struct Walk {
    wire: Arc<Wire>,
    cursor: Cursor,
    options: ListOptions,
    shards: Vec<Page>,
    begun: bool,
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Listed>> {
        if !self.begun {
            self.begun = true;
            let busy = self.wire.begin(Op::List, &self.options.call)?;
            if self.cursor.place().is_none() {
                return Ok(None);
            }
            self.seek();
            self.wire.home(Op::List, &self.options.call, false).await?;
            self.fetch().await?;
            drop(busy);
        }
        loop {
            if self.cursor.place().is_none() {
                return Ok(None);
            }
            self.fetch().await?;
            let first = self.shards.iter_mut().filter(|page| !page.entries.is_empty());
            let Some(page) = first.min_by(|a, b| a.entries[0].cmp(&b.entries[0])) else { return Ok(None) };
            let Some(entry) = page.entries.pop_front() else { return Ok(None) };
            if let Some(listed) = self.meet(&entry) {
                return Ok(Some(listed));
            }
        }
    }

    /// Goes on where the cursor is.
    fn seek(&mut self) {
        let Some((bound, from)) = self.cursor.place().as_ref().and_then(begin) else {
            // Nothing can follow.
            self.shards.clear();
            return;
        };
        for page in &mut self.shards {
            page.skip_to(&bound, &from);
        }
    }

    /// What an entry means to the listing.
    fn meet(&mut self, entry: &[u8]) -> Option<Listed> {
        let space = self.options.space();
        let meta = match index::read(space, entry) {
            Ok(meta) => meta,
            Err(why) => {
                let text = index::text(entry).map_or_else(|| String::from_utf8_lossy(entry), Into::into);
                return Some(Listed::Foreign { name: text.into_owned(), why: why.into() });
            }
        };
        let name = meta.key.as_bytes();
        let (bound, inclusive) = self.cursor.place()?.bound()?;
        // The zero behind a key is one of the bytes that a bound may have.
        if name < &bound[..] || (name == bound && !inclusive) {
            return None;
        }
        // The first of a folder stands for all of it, and had not expired when it came.
        let first = self.folder(meta.key.as_str()).is_some();
        if !first && index::is_expired(&meta, self.wire.env.wall()) {
            return None;
        }
        match self.cursor.meet(meta.key.as_str()) {
            Delimited::Entry => Some(Listed::Entry(meta)),
            Delimited::Prefix(prefix) => {
                self.seek();
                Some(Listed::Prefix(prefix))
            }
            Delimited::Skip => {
                self.seek();
                None
            }
            Delimited::End => None,
        }
    }

    /// What a key has in common with others that the listing names once.
    fn folder<'k>(&self, key: &'k str) -> Option<&'k str> {
        let (prefix, delimiter) = (self.options.prefix.len(), self.options.delimiter.as_ref()?);
        let found = key.get(prefix..)?.find(delimiter.as_str()).filter(|_| !delimiter.is_empty())?;
        Some(&key[..prefix + found + delimiter.len()])
    }

    /// Sees to it that the next entry of each shard that has one is there: nothing can be said before.
    async fn fetch(&mut self) -> Result<()> {
        let lacking = self.shards.iter().enumerate().filter(|(_, page)| page.more && page.entries.is_empty());
        let asked: Vec<_> = lacking.map(|(at, page)| (at, page.shard, page.from.clone())).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let pages = asked.iter().map(|(_, shard, from)| self.ask(*shard, from));
        let pages = try_join_all(pages.collect::<Vec<_>>()).await?;
        for ((at, ..), (entries, more)) in asked.into_iter().zip(pages) {
            let from =
                entries.back().map(|last| match index::text(last).and_then(|text| self.folder(text)) {
                    // What the server passed over need not come now.
                    Some(folder) => [b"[", folder.as_bytes(), b"\xff"].concat(),
                    None => [b"(", &last[..]].concat(),
                });
            let page = &mut self.shards[at];
            page.from = from.unwrap_or_else(|| page.from.clone());
            (page.entries, page.more) = (entries, more);
        }
        Ok(())
    }

    /// A page of a shard's index, and whether more may follow.
    async fn ask(&self, shard: Shard, from: &[u8]) -> Result<(VecDeque<Vec<u8>>, bool)> {
        let (op, wire, options) = (Op::List, &self.wire, &self.options);
        let space: Space = options.space();
        let wanted = options.limit.map_or(PAGE, |limit| limit.saturating_add(SPARE).min(PAGE));
        let index = wire.names.index(shard, space);
        let to = Place::Past(options.prefix.clone()).bound().filter(|_| !options.prefix.is_empty());
        let to = to.map_or_else(|| b"+".to_vec(), |(bound, _)| [b"(", &bound[..]].concat());
        let delimiter = options.delimiter.as_deref().filter(|text| !text.is_empty());
        let count = wanted.to_string();
        let commands = match delimiter {
            None => {
                let bounds: [&[u8]; 6] = [&index, from, &to, b"LIMIT", b"0", count.as_bytes()];
                vec![wire.ask_marker(shard), plain("ZRANGEBYLEX", &bounds)]
            }
            Some(delimiter) => {
                let mut command = script(&LIST, &[&wire.names.marker(shard), &index], 200);
                command.arg(from).arg(&to[..]).arg(wanted).arg(delimiter).arg(options.prefix.len());
                let now = time::to_nanos(wire.env.wall()).unwrap_or(0);
                command.arg(now >> 32).arg(now & 0xffff_ffff);
                vec![command]
            }
        };
        let mut answers =
            wire.ask(op, &options.call, Lane::Small, &wire.to(shard), commands).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let (entries, more) = match delimiter {
            None => {
                wire.check_marker(op, next())?;
                let entries = wire.list(op, next())?;
                let more = entries.len() == wanted;
                (entries, more)
            }
            Some(_) => {
                let mut parts = wire.list(op, next())?.into_iter();
                wire.check_marker(op, parts.next().unwrap_or(Value::Nil))?;
                let entries = wire.list(op, parts.next().unwrap_or(Value::Nil))?;
                (entries, parts.next() == Some(Value::Int(1)))
            }
        };
        let read = |entry| match entry {
            Value::BulkString(bytes) => Ok(bytes),
            other => Err(super::error::strange(op, false, super::wire::kind_of(&other))),
        };
        Ok((entries.into_iter().map(read).collect::<Result<_>>()?, more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_begin_where_keys_do() {
        let entry = |text: &str| [text.as_bytes(), b"\0facts"].concat();
        let after = begin(&Place::After("a".into())).unwrap();
        assert!(after.0 > entry("a") && after.0 < entry("a ") && after.1 == b"[a\x01");
        let from = begin(&Place::From("a".into())).unwrap();
        assert!(from.0 < entry("a") && from.0 > entry("Z"));
        let past = begin(&Place::Past("a/".into())).unwrap();
        assert!(past.0 > entry("a/\u{10ffff}") && past.0 < entry("a0"));
    }

    #[test]
    fn what_is_passed_over_is_not_asked_for() {
        let mut page = Page::new(Shard(0));
        page.entries = [b"a".to_vec(), b"b".to_vec(), b"c".to_vec()].into();
        page.skip_to(b"b", b"[b");
        assert_eq!((page.entries.len(), &page.from[..]), (2, &b"-"[..]));
        page.skip_to(b"d", b"[d");
        assert_eq!((page.entries.len(), &page.from[..]), (0, &b"[d"[..]));
    }
}
