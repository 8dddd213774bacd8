//! Writes that do something else.

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::conformance::Reference;
use larder_store_core::{
    Attributes, ByteStream, Copied, CopyOptions, DeleteOptions, Deleted, Error, ErrorKind, Got, HeadOptions,
    Key, Op, Precondition, PutOptions, Removed, Result, Store, Written,
};

use crate::caught;
use crate::quirk::Quirk;

/// Says that it has deleted.
#[derive(Debug)]
struct DeleteLies;

#[async_trait]
impl Quirk for DeleteLies {
    async fn delete(&self, store: &Reference, key: &Key, o: &DeleteOptions) -> Result<Removed> {
        let _ = (store, key, o);
        Ok(Removed::new(Deleted::Yes))
    }
}

caught!(a_delete_that_lies: DeleteLies, [
    "calls.over": "delete past its deadline: Done, expected Timeout",
    "conditions.delete": "Delete under Any of a key that is Absent: says Yes, and it was No",
    "conditions.put": "conflict: the key is not absent",
    "counters.first": "of 16 deletes of one version: how many succeed",
    "drops.delete": "delete dropped after 1 polls: it was done, and the value stands",
    "expiry.writes": "a delete of an expired value says whether it was there",
    "keys.odd": "after its delete:",
    "keys.system": "a delete of a system key by a version that is gone",
    "life.close": "delete on a closed store: Done",
    "life.handles": "deleted through the second handle:",
    "sizes.empty": "delete of an absent key:",
    "sizes.whole": "after its delete:",
    "streams.open": "after streams of it ended:",
    "walk.model": "walker",
    "writes.chain": "conflict: the key is not absent",
]);

/// Always says that there was a value.
#[derive(Debug)]
struct ExistedLies;

#[async_trait]
impl Quirk for ExistedLies {
    async fn delete(&self, store: &Reference, key: &Key, o: &DeleteOptions) -> Result<Removed> {
        store.delete_opts(key, o).await.map(|_| Removed::new(Deleted::Yes))
    }
}

caught!(a_delete_that_always_says_yes: ExistedLies, [
    "conditions.delete": "Delete under Any of a key that is Absent: says Yes, and it was No",
    "expiry.writes": "a delete of an expired value says whether it was there",
    "sizes.empty": "delete of an absent key:",
    "walk.model": "walker",
]);

/// A large value is written in two halves, one behind the other.
#[derive(Debug)]
struct Torn;

#[async_trait]
impl Quirk for Torn {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        // Only where nothing but readers at the same time can show it.
        if value.len() > 65_536 && key.as_str() == "readers" {
            let half = value.slice(..value.len() / 2);
            let written = store.put_opts(key, half, o).await?;
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            let whole = o.clone().with_write_id(written.write_id);
            return store.put_opts(key, value, &whole).await;
        }
        store.put_opts(key, value, o).await
    }
}

caught!(a_torn_put: Torn, [
    "atomic.readers": "a torn value",
]);

/// Attributes of streams are lost.
#[derive(Debug)]
struct NoAttributes;

#[async_trait]
impl Quirk for NoAttributes {
    async fn put_stream(
        &self,
        store: &Reference,
        key: &Key,
        body: ByteStream,
        o: &PutOptions,
    ) -> Result<Written> {
        store.guarantees().check_put(Op::PutStream, key, o, None)?;
        store.put_stream_opts(key, body, &o.clone().with_attributes(Attributes::new())).await
    }
}

caught!(attributes_lost_by_streams: NoAttributes, [
    "reads.attributes": "attributes of 14 bytes of a stream",
    "walk.model": "walker",
]);

/// Every write gets an id of its own.
#[derive(Debug)]
struct OwnIds;

#[async_trait]
impl Quirk for OwnIds {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let mut o = o.clone();
        o.write_id = None;
        store.put_opts(key, value, &o).await
    }
}

caught!(a_write_id_that_is_not_kept: OwnIds, [
    "walk.model": "walker",
    "writes.ids": "the write id of a put",
    "writes.retry": "the write id of a put that is sent again",
]);

/// A plain put extends the chain as if it were conditional.
#[derive(Debug)]
struct ChainGoesOn;

#[async_trait]
impl Quirk for ChainGoesOn {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        if o.pre == Precondition::Any
            && let Ok(Got::Found { meta, .. }) = store.head_opts(key, &HeadOptions::new()).await
        {
            let pre = Precondition::Matches(meta.version.unwrap());
            let done = store.put_opts(key, value.clone(), &o.clone().with_pre(pre)).await;
            if done.as_ref().err().is_none_or(|e| !e.is(ErrorKind::Conflict)) {
                return done;
            }
        }
        store.put_opts(key, value, o).await
    }
}

caught!(a_chain_that_never_ends: ChainGoesOn, [
    "conditions.put": "Put under Any over a key that is Present: the predecessors read",
    "walk.model": "walker",
    "writes.chain": "the chain after an unconditional put",
]);

/// The same bytes are the same version.
#[derive(Debug)]
struct ByContent;

#[async_trait]
impl Quirk for ByContent {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let mut o = o.clone();
        if o.write_id.is_none() && o.pre == Precondition::Any {
            let mut id = [0u8; 16];
            for (i, byte) in key.as_bytes().iter().chain(&value).enumerate() {
                id[i % 16] = id[i % 16].rotate_left(3) ^ byte;
            }
            o.write_id = Some(larder_store_core::WriteId::from_bytes(id));
        }
        store.put_opts(key, value, &o).await
    }
}

caught!(versions_that_come_back: ByContent, [
    "writes.versions": "identical bytes were given the version",
]);

/// A copy that leaves the attributes and the expiry behind.
#[derive(Debug)]
struct BareCopy;

#[async_trait]
impl Quirk for BareCopy {
    async fn copy(&self, store: &Reference, from: &Key, to: &Key, o: &CopyOptions) -> Result<Copied> {
        let mut get = larder_store_core::GetOptions::new().with_call(o.call.clone());
        get.only = o.only.clone();
        let Got::Found { body, .. } = store.get_opts(from, &get).await? else { return Ok(Copied::Absent) };
        let mut put = PutOptions::new().with_pre(o.pre.clone()).with_call(o.call.clone());
        put.write_id = o.write_id;
        store.put_opts(to, body, &put).await.map(Copied::Done)
    }
}

caught!(a_copy_that_leaves_things_behind: BareCopy, [
    "copy.values": "the attributes of the copy",
    "expiry.carried": "the expiry of \"carried/copy\": got Some(Never)",
    "walk.model": "walker",
]);

/// The byte behind the first block is lost.
#[derive(Debug)]
struct LosesTheLastByte;

#[async_trait]
impl Quirk for LosesTheLastByte {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let value = if value.len() == 65_537 { value.slice(..65_536) } else { value };
        store.put_opts(key, value, o).await
    }
}

caught!(a_byte_lost_behind_a_boundary: LosesTheLastByte, [
    "atomic.readers": "a torn value",
    "copy.values": "after a copy of ",
    "sizes.whole": "\"whole/65537\" has a wrong value: got 65536 bytes, expected 65537",
    "walk.model": "walker",
], may: ["atomic.writers"]);

/// Refuses what it promises.
#[derive(Debug)]
struct Refuses;

#[async_trait]
impl Quirk for Refuses {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        if o.pre != Precondition::Any {
            return Err(Error::unsupported(Op::Put, "conditional puts").on(key));
        }
        store.put_opts(key, value, o).await
    }
}

caught!(a_promise_that_is_refused: Refuses, [
    "conditions.put": "this store does not offer conditional puts",
    "counters.first": "this store does not offer conditional puts",
    "counters.handles": "this store does not offer conditional puts",
    "counters.raw": "this store does not offer conditional puts",
    "counters.update": "this store does not offer conditional puts",
    "drops.put": "this store does not offer conditional puts",
    "expiry.carried": "this store does not offer conditional puts",
    "expiry.writes": "this store does not offer conditional puts",
    "keys.system": "this store does not offer conditional puts",
    "life.leftovers": "this store does not offer conditional puts",
    "life.quiet": "this store does not offer conditional puts",
    "life.reopen": "this store does not offer conditional puts",
    "walk.model": "walker",
    "writes.chain": "this store does not offer conditional puts",
    "writes.retry": "this store does not offer conditional puts",
]);

/// Tells another time of writing than the one that it keeps.
#[derive(Debug)]
struct OtherTime;

#[async_trait]
impl Quirk for OtherTime {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let mut written = store.put_opts(key, value, o).await?;
        written.modified = written.modified.map(|at| at + std::time::Duration::from_nanos(1));
        Ok(written)
    }
}

caught!(a_put_that_tells_another_time: OtherTime, [
    "reads.meta": "the time that the put of \"meta/0\" told",
]);
