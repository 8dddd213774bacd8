//! Many at once, in the service's own batches.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{DeleteRequest, KeysAndAttributes, PutRequest, WriteRequest};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::{
    Call, DeleteItem, DeleteOptions, Deleted, Error, ErrorKind, GetOptions, Got, Key, Op, PutItem, Removed,
    Result, Written,
};

use super::config::INLINE;
use super::item::{self, Item};
use super::name::{ALONE, SetId};
use super::put::Draft;
use super::single::Single;

/// Writes of one request (Amazon DynamoDB API Reference, BatchWriteItem).
pub(super) const WRITES: usize = 25;
/// Reads of one request (Amazon DynamoDB API Reference, BatchGetItem).
pub(super) const READS: usize = 100;

/// Requests of one call under way at once.
const AT_ONCE: usize = 8;
/// Values of one call that are read or written by themselves at once.
const ALONE_AT_ONCE: usize = 16;

/// The longest first pause before what was left undone is sent again, and the longest of all.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Where an item is.
type Place = (String, Vec<u8>);

fn place(item: &Item) -> Option<Place> {
    Some((item::string(item, item::PK)?.to_owned(), item::binary(item, item::SK)?.to_owned()))
}

fn place_of(write: &WriteRequest) -> Option<Place> {
    match (&write.put_request, &write.delete_request) {
        (Some(put), _) => place(&put.item),
        (_, Some(delete)) => place(&delete.key),
        _ => None,
    }
}

fn invalid(op: Op, e: &aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::new(ErrorKind::Invalid, op, format!("the request could not be made: {e}"))
}

pub(super) fn put_of(op: Op, item: Item) -> Result<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item)).build().map_err(|e| invalid(op, &e))?;
    Ok(WriteRequest::builder().put_request(put).build())
}

pub(super) fn delete_of(op: Op, key: Item) -> Result<WriteRequest> {
    let delete = DeleteRequest::builder().set_key(Some(key)).build().map_err(|e| invalid(op, &e))?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}

/// What the service did not get to.
fn unprocessed(op: Op) -> Error {
    Error::new(ErrorKind::Throttled, op, "the service left it unprocessed, as it has too much to do")
}

/// What became of one request: which of its positions were left undone, with what they are.
type Done<T> = Result<(Vec<(usize, T)>, Vec<usize>)>;

impl Single {
    /// Sends writes to items that are all different: an outcome for each.
    pub(super) async fn write_batches(
        &self,
        op: Op,
        call: &Call,
        writes: Vec<WriteRequest>,
    ) -> Vec<Result<()>> {
        let places: Vec<_> = writes.iter().map(place_of).collect();
        let (writes, places) = (&writes, &places);
        self.batches(op, call, writes.len(), WRITES, |positions| async move {
            let sent = positions.iter().map(|at| writes[*at].clone()).collect();
            let live = self.wire.live(op, call).await?;
            let request = live.sdk.batch_write_item().request_items(self.wire.table(), sent).send();
            let answer = self.wire.write(op, call, &live, "dynamodb:BatchWriteItem", 0, request).await?;
            let done = answer.map_err(Error::from)?;
            let left = done.unprocessed_items.unwrap_or_default().into_values().flatten();
            let left: HashSet<Place> = left.filter_map(|write| place_of(&write)).collect();
            let is_left = |at: &usize| places[*at].as_ref().is_some_and(|place| left.contains(place));
            let (left, done): (Vec<_>, Vec<_>) = positions.into_iter().partition(is_left);
            Ok((done.into_iter().map(|at| (at, ())).collect(), left))
        })
        .await
    }

    /// Reads items that are all different, by their keys: what is there of each.
    pub(super) async fn read_batches(
        &self,
        op: Op,
        call: &Call,
        keys: Vec<Item>,
        what: &'static str,
    ) -> Vec<Result<Option<Item>>> {
        let places: Vec<_> = keys.iter().map(place).collect();
        let (keys, places) = (&keys, &places);
        self.batches(op, call, keys.len(), READS, |positions| async move {
            let sent = positions.iter().map(|at| keys[*at].clone()).collect();
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(sent))
                .consistent_read(true)
                .projection_expression(what)
                .build()
                .map_err(|e| invalid(op, &e))?;
            let live = self.wire.live(op, call).await?;
            let request = live.sdk.batch_get_item().request_items(self.wire.table(), wanted).send();
            let answer = self.wire.read(op, call, &live, "dynamodb:BatchGetItem", request).await?;
            let found = answer.map_err(Error::from)?;
            let left = found.unprocessed_keys.unwrap_or_default().into_values().flat_map(|some| some.keys);
            let left: HashSet<Place> = left.filter_map(|key| place(&key)).collect();
            let found = found.responses.unwrap_or_default().into_values().flatten();
            let mut found: HashMap<Place, Item> =
                found.filter_map(|item| Some((place(&item)?, item))).collect();
            let (mut done, mut open) = (Vec::new(), Vec::new());
            for at in positions {
                match &places[at] {
                    Some(place) if left.contains(place) => open.push(at),
                    Some(place) => done.push((at, found.remove(place))),
                    None => done.push((at, None)),
                }
            }
            Ok((done, open))
        })
        .await
    }

    /// Sends all positions in requests of at most `size`, and what was left undone again, after a pause, as long as
    /// anything at all is done. What the service does not get to any more is for the layer above.
    async fn batches<T, F, A>(
        &self,
        op: Op,
        call: &Call,
        count: usize,
        size: usize,
        send: F,
    ) -> Vec<Result<T>>
    where
        F: Fn(Vec<usize>) -> A + Sync,
        A: Future<Output = Done<T>> + Send,
        T: Send,
    {
        let mut outcomes: Vec<Option<Result<T>>> = (0..count).map(|_| None).collect();
        let mut open: Vec<usize> = (0..count).collect();
        let mut round = 0;
        while !open.is_empty() {
            let requests = open.chunks(size).map(|positions| {
                let (positions, sent) = (positions.to_vec(), send(positions.to_vec()));
                async move { (positions, sent.await) }
            });
            let requests: Vec<_> = requests.collect();
            let ended: Vec<_> = stream::iter(requests).buffer_unordered(AT_ONCE).collect().await;
            let mut left = Vec::new();
            for (positions, ended) in ended {
                match ended {
                    Ok((done, undone)) => {
                        done.into_iter().for_each(|(at, done)| outcomes[at] = Some(Ok(done)));
                        left.extend(undone);
                    }
                    Err(error) => positions.iter().for_each(|at| outcomes[*at] = Some(Err(error.clone()))),
                }
            }
            left.sort_unstable();
            let stop = match left.len() == open.len() {
                true => Err(unprocessed(op)),
                false if left.is_empty() => break,
                false => self.pause(op, call, round).await,
            };
            if let Err(error) = stop {
                left.iter().for_each(|at| outcomes[*at] = Some(Err(error.clone())));
                break;
            }
            (open, round) = (left, round + 1);
        }
        let missing = || Err(Error::new(ErrorKind::Unknown, op, "the item was left out of its batch"));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    async fn pause(&self, op: Op, call: &Call, round: u32) -> Result<()> {
        let env = &self.wire.env;
        let (first, longest) = PAUSES;
        let drawn = env.random_u64() as f64 / u64::MAX as f64;
        let pause = first.saturating_mul(1 << round.min(10)).min(longest).mul_f64(drawn);
        let paused = async {
            env.sleep(pause).await;
            Ok(())
        };
        call.guard(env, op, paused).await
    }

    /// The shards for a batch: a marker that cannot be read at once must not cost each of its keys an attempt.
    async fn shards_for(&self, op: Op, call: &Call, writes: bool) -> Result<u16> {
        self.retries.run(op, call, |_| self.wire.shards(op, call, writes)).await
    }

    /// Reads many values: an outcome for each.
    pub(super) async fn get_many(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let (op, call, wire) = (Op::GetMany, &options.call, &self.wire);
        let shards = match self.shards_for(op, call, false).await {
            Ok(shards) => shards,
            Err(error) => return keys.iter().map(|_| Err(error.clone())).collect(),
        };
        // A key that is named twice is asked for once.
        let mut positions: HashMap<&Key, usize> = HashMap::with_capacity(keys.len());
        let mut asked = Vec::with_capacity(keys.len());
        for key in keys {
            if wire.guarantees.check_get(op, key, options).is_ok() && !positions.contains_key(key) {
                positions.insert(key, asked.len());
                asked.push(item::key(wire.names.head(key, shards), key.as_bytes()));
            }
        }
        let found = self.read_batches(op, call, asked, "pk, sk, h, b").await;
        let given = keys.iter().map(|key| {
            let found = positions.get(key).map(|at| found[*at].clone());
            async move {
                wire.guarantees.check_get(op, key, options)?;
                let item = found.unwrap_or(Ok(None))?;
                match self.give(op, key, wire.names.head(key, shards), item, options).await {
                    // Replaced between head and chunks.
                    Err(error) if error.is(ErrorKind::Conflict) && options.only.is_none() => {
                        self.get(op, key, options).await
                    }
                    got => got,
                }
            }
        });
        let given: Vec<_> = given.collect();
        stream::iter(given).buffered(ALONE_AT_ONCE).collect().await
    }

    /// Writes many values of different keys: small ones without a condition in batches, the others by themselves.
    pub(super) async fn put_many(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let (op, wire) = (Op::PutMany, &self.wire);
        let shards = match self.shards_for(op, call, true).await {
            Ok(shards) => shards,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut outcomes: Vec<Option<Result<Written>>> = items.iter().map(|_| None).collect();
        let (mut batch, mut drafts, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for (at, mut item) in items.into_iter().enumerate() {
            item.options.call = call.clone();
            if item.options.pre != larder_store_core::Precondition::Any || item.value.len() > INLINE {
                alone.push((at, item));
                continue;
            }
            let size = Some(item.value.len() as u64);
            let drafted = wire.guarantees.check_put(op, &item.key, &item.options, size).and_then(|_| {
                let head = wire.head_for(&item.key, &item.options);
                let mut draft =
                    Draft::new(wire.names.head(&item.key, shards), head, Some(&item.value), wire)?;
                Ok((put_of(op, std::mem::take(&mut draft.item))?, draft))
            });
            match drafted {
                Ok((write, draft)) => {
                    batch.push(write);
                    drafts.push((at, draft));
                }
                Err(error) => outcomes[at] = Some(Err(error)),
            }
        }
        let alone: Vec<_> =
            alone
                .into_iter()
                .map(|(at, item)| async move {
                    (at, self.put_sized(op, &item.key, item.value, &item.options).await)
                })
                .collect();
        let alone = stream::iter(alone).buffer_unordered(ALONE_AT_ONCE).collect::<Vec<_>>();
        let (written, alone) = futures_util::future::join(self.write_batches(op, call, batch), alone).await;
        for ((at, draft), written) in drafts.iter().zip(written) {
            outcomes[*at] = Some(written.map(|()| draft.written()));
        }
        alone.into_iter().for_each(|(at, done)| outcomes[at] = Some(done));
        let missing = || Err(Error::new(ErrorKind::Unknown, op, "the item was left out of its batch"));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    /// Removes many values of different keys: those without a condition in batches, the others by themselves.
    pub(super) async fn delete_many(
        &self,
        items: &[DeleteItem],
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        let (op, call, wire) = (Op::DeleteMany, &options.call, &self.wire);
        let shards = match self.shards_for(op, call, false).await {
            Ok(shards) => shards,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let mut outcomes: Vec<Option<Result<Removed>>> = items.iter().map(|_| None).collect();
        let (mut batch, mut positions, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for (at, item) in items.iter().enumerate() {
            if options.tell || item.only.is_some() {
                alone.push(async move {
                    let mut one = options.clone();
                    one.only = item.only.clone();
                    (at, self.delete(op, &item.key, &one).await)
                });
                continue;
            }
            let key = item::key(wire.names.head(&item.key, shards), item.key.as_bytes());
            let checked =
                wire.guarantees.check_delete(op, &item.key, false).and_then(|()| delete_of(op, key));
            match checked {
                Ok(delete) => {
                    batch.push(delete);
                    positions.push(at);
                }
                Err(error) => outcomes[at] = Some(Err(error)),
            }
        }
        let alone = stream::iter(alone).buffer_unordered(ALONE_AT_ONCE).collect::<Vec<_>>();
        let (removed, alone) = futures_util::future::join(self.write_batches(op, call, batch), alone).await;
        for (at, removed) in positions.into_iter().zip(removed) {
            outcomes[at] = Some(removed.map(|()| Removed::new(Deleted::NotTold)));
        }
        alone.into_iter().for_each(|(at, done)| outcomes[at] = Some(done));
        let missing = || Err(Error::new(ErrorKind::Unknown, op, "the item was left out of its batch"));
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }

    /// Removes items by their keys, until they are gone or there is no attempt left.
    pub(super) async fn remove_all(&self, op: Op, call: &Call, keys: Vec<Item>) -> Result<()> {
        for some in keys.chunks(AT_ONCE * WRITES) {
            let removed = self.retries.run(op, call, |_| async move {
                let deletes = some.iter().map(|key| delete_of(op, key.clone())).collect::<Result<_>>()?;
                self.write_batches(op, call, deletes).await.into_iter().collect::<Result<()>>()
            });
            removed.await?;
        }
        Ok(())
    }

    /// Removes the first `bound` chunks of a set, and then its entry in the register.
    pub(super) async fn remove_chunks(
        &self,
        op: Op,
        call: &Call,
        set: &SetId,
        bound: u32,
        entry: bool,
    ) -> Result<()> {
        const STEP: usize = AT_ONCE * WRITES;
        for from in (0..bound).step_by(STEP) {
            let numbers = from..bound.min(from.saturating_add(STEP as u32));
            let keys = numbers.map(|number| item::key(self.wire.names.chunk(set, number), ALONE)).collect();
            self.remove_all(op, call, keys).await?;
        }
        if entry {
            self.remove_all(op, call, vec![self.wire.set_key(set)]).await?;
        }
        Ok(())
    }
}

/// Whether no key stands twice.
pub(super) fn distinct<'k>(keys: impl ExactSizeIterator<Item = &'k Key>) -> bool {
    let mut seen = HashSet::with_capacity(keys.len());
    keys.into_iter().all(|key| seen.insert(key))
}
