//! Listing: a query for each write shard, merged in the order of the keys.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use larder_store_core::derived::{Cursor, Delimited, Place};
use larder_store_core::{Call, Error, ErrorKind, Items, Key, ListOptions, Listed, Op, Result, system};

use super::item::{self, Found, HEAD, Item, SK};
use super::name::MAX_SORT;
use super::wire::Wire;

/// Keys that one request brings, about: DynamoDB reads up to 1 MB of items, small bodies included (Amazon DynamoDB
/// Developer Guide, "Querying tables").
pub(super) const PAGE: usize = 1000;

/// How many items are asked for behind a common prefix, whose end is not known: twice as many each time.
const BEHIND_PREFIX: i32 = 64;

/// A place in a shard.
#[derive(Debug, Clone)]
enum Next {
    /// From the listing's own place on.
    Place,
    /// Where the service stopped.
    Token(Item),
    End,
}

struct Shard {
    pk: String,
    page: VecDeque<(Vec<u8>, Item)>,
    next: Next,
}

/// What one query asks for.
pub(super) struct Query<'a> {
    pub(super) pk: &'a str,
    /// The smallest sort key, and the largest; nothing for all.
    pub(super) low: Option<&'a [u8]>,
    pub(super) high: Option<&'a [u8]>,
    pub(super) token: Option<Item>,
    pub(super) limit: Option<i32>,
    pub(super) what: &'static str,
}

impl Wire {
    /// One request: items in order, and where it stopped.
    pub(super) async fn query(
        &self,
        op: Op,
        call: &Call,
        query: Query<'_>,
    ) -> Result<(Vec<Item>, Option<Item>)> {
        let live = self.live(op, call).await?;
        let mut request = live
            .sdk
            .query()
            .table_name(self.table())
            .consistent_read(true)
            .projection_expression(query.what)
            .set_limit(query.limit)
            .set_exclusive_start_key(query.token)
            .expression_attribute_values(":pk", item::text(query.pk));
        request = match (query.low.filter(|low| !low.is_empty()), query.high) {
            (Some(low), Some(high)) => request
                .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
                .expression_attribute_values(":low", item::bytes(low))
                .expression_attribute_values(":high", item::bytes(high)),
            (Some(low), None) => request
                .key_condition_expression("pk = :pk AND sk >= :low")
                .expression_attribute_values(":low", item::bytes(low)),
            (None, Some(high)) => request
                .key_condition_expression("pk = :pk AND sk <= :high")
                .expression_attribute_values(":high", item::bytes(high)),
            (None, None) => request.key_condition_expression("pk = :pk"),
        };
        match self.read(op, call, &live, "dynamodb:Query", request.send()).await? {
            Ok(page) => Ok((page.items.unwrap_or_default(), page.last_evaluated_key)),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// Lists what `options` ask for. Each page is a request, which the stream makes when it is polled for.
pub(super) fn list(wire: &Arc<Wire>, options: ListOptions) -> Items<Listed> {
    let walk = Walk {
        wire: wire.clone(),
        cursor: Cursor::new(&options),
        high: highest(&options.prefix),
        options,
        shards: None,
        from: (Vec::new(), true),
        behind: None,
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

/// What no key with this prefix comes behind; `None` for all keys. No byte of a key is 0xff.
fn highest(prefix: &str) -> Option<Vec<u8>> {
    let mut high = prefix.as_bytes().to_vec();
    high.push(0xff);
    high.truncate(MAX_SORT);
    (!prefix.is_empty()).then_some(high)
}

struct Walk {
    wire: Arc<Wire>,
    cursor: Cursor,
    options: ListOptions,
    /// The largest sort key of the listing.
    high: Option<Vec<u8>>,
    /// `None` until it is known how many there are.
    shards: Option<Vec<Shard>>,
    /// The smallest sort key that counts, and whether it counts itself.
    from: (Vec<u8>, bool),
    /// How many items are asked for next, since a common prefix was passed.
    behind: Option<i32>,
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Listed>> {
        let _busy = match self.shards {
            None => Some(self.begin().await?),
            Some(_) => None,
        };
        loop {
            if self.cursor.place().is_none() {
                return Ok(None);
            }
            self.fill().await?;
            let Some((sk, item)) = self.first() else { return Ok(None) };
            if let Some(listed) = self.meet(&sk, &item)? {
                return Ok(Some(listed));
            }
        }
    }

    async fn begin(&mut self) -> Result<larder_store_core::env::InFlightGuard> {
        let (op, wire, call) = (Op::List, &self.wire, &self.options.call);
        let busy = wire.begin(op, call)?;
        let mut shards = Vec::new();
        if let Some(from) = self.cursor.place().as_ref().and_then(Place::bound) {
            self.from = from;
            let count = match self.options.space() {
                system::Space::User => wire.shards(op, call, false).await?,
                system::Space::System => {
                    wire.shards(op, call, false).await?;
                    1
                }
            };
            let shard = |n| Shard {
                pk: wire.names.heads(self.options.space(), n),
                page: VecDeque::new(),
                next: Next::Place,
            };
            shards = (0..count).map(shard).collect();
        }
        self.shards = Some(shards);
        Ok(busy)
    }

    /// Sees to it that each shard has its next item at hand, or none.
    async fn fill(&mut self) -> Result<()> {
        let wire = self.wire.clone();
        let call = self.options.call.clone();
        let (low, high, limit) = (self.low(), self.high.clone(), self.limit());
        let from = self.from.clone();
        let mut asked = false;
        loop {
            let shards = self.shards.as_mut().map(|shards| shards.iter_mut()).into_iter().flatten();
            let empty = shards.filter(|s| s.page.is_empty() && !matches!(s.next, Next::End));
            let fetches: Vec<_> =
                empty.map(|s| s.fetch(&wire, &call, &low, high.as_deref(), limit, &from)).collect();
            if fetches.is_empty() {
                break;
            }
            asked = true;
            for fetched in join_all(fetches).await {
                fetched?;
            }
        }
        if asked {
            self.behind = self.behind.map(|n| n.saturating_mul(2));
        }
        Ok(())
    }

    /// The smallest sort key of a query. What is longer than any key is cut: that no key before it comes up is looked
    /// to when it has.
    fn low(&self) -> Vec<u8> {
        self.from.0[..self.from.0.len().min(MAX_SORT)].to_vec()
    }

    fn limit(&self) -> Option<i32> {
        // What has expired does not count, and is seldom more than this.
        let of_caller = self.options.limit.filter(|_| self.options.delimiter.is_none());
        let of_caller = of_caller.and_then(|limit| i32::try_from(limit.saturating_add(8)).ok());
        self.behind.into_iter().chain(of_caller).min()
    }

    /// Takes the first item of all shards.
    fn first(&mut self) -> Option<(Vec<u8>, Item)> {
        let shards = self.shards.as_mut()?;
        let first = |s: &Shard| s.page.front().map(|(sk, _)| sk.clone());
        let shard = shards.iter_mut().filter(|s| !s.page.is_empty()).min_by_key(|s| first(s))?;
        shard.page.pop_front()
    }

    /// What an item means to the listing.
    fn meet(&mut self, sk: &[u8], item: &Item) -> Result<Option<Listed>> {
        let foreign =
            |why: String| Ok(Some(Listed::Foreign { name: String::from_utf8_lossy(sk).into_owned(), why }));
        let Ok(text) = str::from_utf8(sk) else { return foreign("its sort key is no text".into()) };
        let key = match system::key_in(self.options.space(), text) {
            Ok(key) => key,
            Err(error) => return foreign(error.why().to_owned()),
        };
        if item::binary(item, HEAD).is_none() {
            return foreign("it has no head of a record".into());
        }
        let found = Found::of(Op::List, item, Some(&key));
        if found.as_ref().is_ok_and(|found| found.head.is_expired(self.wire.env.wall())) {
            return Ok(None);
        }
        Ok(match self.cursor.meet(key.as_str()) {
            Delimited::Entry => Some(Listed::Entry(entry(&key, found)?)),
            Delimited::Prefix(prefix) => {
                self.pass();
                Some(Listed::Prefix(prefix))
            }
            Delimited::Skip => {
                self.pass();
                None
            }
            Delimited::End => None,
        })
    }

    /// Goes past all keys that begin as the last one did, however many there are.
    fn pass(&mut self) {
        let Some(from) = self.cursor.place().as_ref().and_then(Place::bound) else { return };
        self.from = from;
        self.behind = Some(BEHIND_PREFIX);
        for shard in self.shards.iter_mut().flatten() {
            while shard.page.front().is_some_and(|(sk, _)| *sk < self.from.0) {
                shard.page.pop_front();
            }
            if shard.page.is_empty() && !matches!(shard.next, Next::End) {
                shard.next = Next::Place;
            }
        }
    }
}

fn entry(key: &Key, found: Result<Found>) -> Result<larder_store_core::Meta> {
    let hint = "list on with this key as start_after";
    let found = found.map_err(|e| e.on(key).hint(hint))?;
    let stored = found.stored_size();
    Ok(found.head.into_meta(stored))
}

impl Shard {
    /// The next page.
    async fn fetch(
        &mut self,
        wire: &Wire,
        call: &Call,
        low: &[u8],
        high: Option<&[u8]>,
        limit: Option<i32>,
        from: &(Vec<u8>, bool),
    ) -> Result<()> {
        let op = Op::List;
        if high.is_some_and(|high| low > high) {
            self.next = Next::End;
            return Ok(());
        }
        let token = match std::mem::replace(&mut self.next, Next::End) {
            Next::Token(token) => Some(token),
            _ => None,
        };
        let query = Query { pk: &self.pk, low: Some(low), high, token, limit, what: "sk, h" };
        let (items, token) = wire.query(op, call, query).await?;
        for item in items {
            let Some(sk) = item::binary(&item, SK).map(<[u8]>::to_vec) else {
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    op,
                    "the service's answer has an item without a key",
                ));
            };
            let counts = if from.1 { sk >= from.0 } else { sk > from.0 };
            if counts {
                self.page.push_back((sk, item));
            }
        }
        self.next = token.map_or(Next::End, Next::Token);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_with_a_prefix_is_below_its_end() {
        assert_eq!(highest(""), None);
        for prefix in ["a", "a/", "\u{10ffff}", "é"] {
            let high = highest(prefix).unwrap();
            for more in ["", "\u{10ffff}", "\u{10ffff}\u{10ffff}", "z"] {
                assert!(format!("{prefix}{more}").as_bytes() <= &high[..]);
            }
            assert!(format!("{prefix}\u{10ffff}").as_bytes() < &high[..]);
        }
        assert_eq!(highest(&"x".repeat(2000)).unwrap().len(), MAX_SORT);
    }
}
