//! Reads that are wrong.

use std::collections::HashMap;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::conformance::Reference;
use larder_store_core::{ByteRange, GetOptions, Got, Key, PutOptions, Result, Store, Written};

use crate::caught;
use crate::quirk::Quirk;

/// Takes the end of a range for its last byte.
#[derive(Debug)]
struct OffByOne;

fn one_more(o: &GetOptions) -> GetOptions {
    let mut o = o.clone();
    if let Some(ByteRange::Bounded { start, end }) = o.range
        && start < end
    {
        o.range = Some(ByteRange::Bounded { start, end: end.saturating_add(1) });
    }
    o
}

#[async_trait]
impl Quirk for OffByOne {
    fn try_get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        store.try_get(key, &one_more(o))
    }
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        store.get_opts(key, &one_more(o)).await
    }
}

caught!(a_range_that_is_off_by_one: OffByOne, [
    "ranges.blocks": "got b\"o\\0\", expected b\"o\"",
    "ranges.ends": "got b\"\\0\\0\", expected b\"\\0\"",
    "reads.versions": "got Found([50, 51, 52, 53]), expected Found([50, 51, 52])",
    "walk.model": "walker",
]);

/// Suffixes longer than the value are an error.
#[derive(Debug)]
struct LongSuffix;

#[async_trait]
impl Quirk for LongSuffix {
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        if let Some(ByteRange::Suffix(bytes)) = o.range
            && let Got::Found { meta, .. } = store.get_opts(key, &GetOptions::new()).await?
            && let Some(size) = meta.size.filter(|size| *size < bytes)
        {
            return Err(
                larder_store_core::Error::range_not_satisfiable(larder_store_core::Op::Get, size).on(key)
            );
        }
        store.get_opts(key, o).await
    }
}

caught!(a_suffix_longer_than_the_value_is_an_error: LongSuffix, [
    "ranges.ends": "get Suffix(2) of",
    "walk.model": "walker",
]);

/// A cache that a put does not empty: the first read behind it gives the old value.
#[derive(Debug, Default)]
struct Stale(Mutex<HashMap<Key, Got<Bytes>>>);

#[async_trait]
impl Quirk for Stale {
    fn try_get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        let _ = (store, key, o);
        None
    }
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        match self.0.lock().unwrap().remove(key) {
            Some(old) if o.only.is_none() && o.unless.is_none() && o.range.is_none() => return Ok(old),
            _ => {}
        }
        store.get_opts(key, o).await
    }
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let old = store.get_opts(key, &GetOptions::new()).await;
        let written = store.put_opts(key, value, o).await?;
        if let Ok(old @ Got::Found { .. }) = old {
            self.0.lock().unwrap().insert(key.clone(), old);
        }
        Ok(written)
    }
}

caught!(a_stale_read_after_a_write: Stale::default(), [
    "atomic.readers": "a stale read",
    "atomic.writers": "and get give different values",
    "calls.ending": "and get give different values",
    "conditions.delete": "and get give different values",
    "conditions.put": "and get give different values",
    "copy.conditions": "and get give different values",
    "counters.handles": "and get give different values",
    "counters.raw": "and get give different values",
    "counters.update": "and get give different values",
    "drops.delete": "and get give different values",
    "drops.many": "bytes after drain and is 100 bytes a moment later",
    "drops.put": "and get give different values",
    "drops.transact": "bytes after drain and is 50 bytes a moment later",
    "expiry.carried": "and get give different values",
    "expiry.exactly": "and get: whether there is a value",
    "keys.system": "and get give different values",
    "life.handles": "and get give different values",
    "life.leftovers": "and get give different values",
    "life.quiet": "and get give different values",
    "life.reopen": "and get give different values",
    "many.mixed": "and get give different values",
    "reads.meta": "and get give different values",
    "reads.versions": "the size of the whole value",
    "sizes.empty": "and get give different values",
    "sizes.whole": "and get give different values",
    "transact.none": "and get give different values",
    "walk.model": "walker",
    "writes.chain": "and get give different values",
    "writes.ids": "and get give different values",
    "writes.retry": "the meta",
    "writes.versions": "the meta",
]);

/// Every failure is "absent".
#[derive(Debug)]
struct ErrorIsAbsent;

#[async_trait]
impl Quirk for ErrorIsAbsent {
    fn try_get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        let _ = (store, key, o);
        None
    }
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        Ok(store.get_opts(key, o).await.unwrap_or(Got::Absent))
    }
}

caught!(an_error_that_is_absent: ErrorIsAbsent, [
    "calls.over": "get past its deadline: Done, expected Timeout",
    "life.close": "get on a closed store: Done",
    "minimum.identity": "a get past its deadline",
    "ranges.blocks": "expected the error kind Invalid",
    "ranges.ends": "expected the error kind Invalid",
    "reads.versions": "got Absent, expected Conflict",
    "walk.model": "walker",
]);

/// A value of no bytes is no value.
#[derive(Debug)]
struct EmptyIsAbsent;

#[async_trait]
impl Quirk for EmptyIsAbsent {
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        match store.get_opts(key, o).await? {
            Got::Found { body, .. } if body.is_empty() => Ok(Got::Absent),
            got => Ok(got),
        }
    }
}

caught!(an_empty_value_that_is_absent: EmptyIsAbsent, [
    "copy.values": "and get: whether there is a value",
    "life.leftovers": "and get: whether there is a value",
    "life.quiet": "and get: whether there is a value",
    "life.reopen": "and get: whether there is a value",
    "reads.meta": "and get: whether there is a value",
    "sizes.empty": "and get: whether there is a value",
    "sizes.streamed": "and get: whether there is a value",
    "sizes.whole": "and get: whether there is a value",
    "transact.whole": "and get: whether there is a value",
    "walk.model": "walker",
    "writes.ids": "and get: whether there is a value",
]);

/// A fast path that does not know of expiry or conditions, only of values.
#[derive(Debug)]
struct FastAndWrong;

impl Quirk for FastAndWrong {
    fn try_get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        store.try_get(key, &GetOptions::new().with_call(o.call.clone()))
    }
}

caught!(a_fast_path_that_ignores_options: FastAndWrong, [
    "ranges.blocks": "try_get Bounded",
    "ranges.ends": "try_get Bounded",
    "reads.versions": "try_get \"versioned\" only None unless None range Some(",
    "walk.model": "walker",
]);

/// "Unchanged" is never said.
#[derive(Debug)]
struct UnlessIgnored;

#[async_trait]
impl Quirk for UnlessIgnored {
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        let mut o = o.clone();
        o.unless = None;
        store.get_opts(key, &o).await
    }
}

caught!(a_get_that_ignores_unless: UnlessIgnored, [
    "reads.versions": "expected Unchanged",
    "walk.model": "walker",
]);

/// The meta of a range has the size of the range.
#[derive(Debug)]
struct SizeOfRange;

#[async_trait]
impl Quirk for SizeOfRange {
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        let got = store.get_opts(key, o).await?;
        Ok(match got {
            Got::Found { mut meta, body, served } => {
                meta.size = Some(body.len() as u64);
                Got::Found { meta, body, served }
            }
            got => got,
        })
    }
}

caught!(a_range_that_gives_its_own_size: SizeOfRange, [
    "atomic.readers": "a torn value",
    "atomic.writers": "a torn value",
    "ranges.blocks": "the size of the whole value",
    "ranges.ends": "the size of the whole value",
    "reads.versions": "the size of the whole value",
    "walk.model": "walker",
]);

/// Panics over a value of no bytes.
#[derive(Debug)]
struct Panics;

#[async_trait]
impl Quirk for Panics {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        assert!(key.as_str() != "empty" || !value.is_empty(), "nothing to write");
        store.put_opts(key, value, o).await
    }
}

caught!(a_store_that_panics: Panics, ["sizes.empty": "panicked: nothing to write"]);
