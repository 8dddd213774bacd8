//! What is read is what was written.

use std::time::Duration;

use bytes::Bytes;

use crate::attributes::Attributes;
use crate::call::Call;
use crate::derived;
use crate::env::Env;
use crate::error::{ErrorKind, Result};
use crate::guarantees::{Ranges, Versions};
use crate::key::Key;
use crate::options::{DeleteOptions, GetOptions, HeadOptions, Precondition, PutItem, PutOptions, Step};
use crate::outcome::Got;
use crate::range::ByteRange;
use crate::store::Store;

use super::place::Place;
use super::{Found, kept};

fn put(call: &Call) -> PutOptions {
    PutOptions::new().with_call(call.clone())
}

async fn get(store: &dyn Store, call: &Call, key: &Key) -> Result<Got<Bytes>> {
    store.get_opts(key, &GetOptions::new().with_call(call.clone())).await
}

async fn head(store: &dyn Store, call: &Call, key: &Key) -> Result<Got<()>> {
    store.head_opts(key, &HeadOptions::new().with_call(call.clone())).await
}

/// A value is read as it was written, replaced and removed, at once, and empty is not absent.
pub(super) async fn read_after_write(store: &dyn Store, call: &Call, place: &Place) -> Result<Found> {
    let key = place.key("value")?;
    for value in ["first", ""] {
        let written = store.put_opts(&key, value.into(), &put(call)).await?;
        let got = get(store, call, &key).await?;
        if got.meta().and_then(|meta| meta.version.as_ref()) != Some(&written.version) {
            return Ok(Found::Broken("another version was read than the one that was written".into()));
        }
        if got.into_body().as_deref() != Some(value.as_bytes()) {
            return Ok(Found::Broken("another value was read than the one that was written".into()));
        }
        if head(store, call, &key).await?.meta().and_then(|meta| meta.size) != Some(value.len() as u64) {
            return Ok(Found::Broken("a head told another size than that of the value".into()));
        }
    }
    store.delete_opts(&key, &DeleteOptions::new().with_call(call.clone())).await?;
    let gone = get(store, call, &key).await? == Got::Absent;
    Ok(kept(gone, || "a value was read that had been removed".into()))
}

/// The same bytes twice.
pub(super) async fn versions(store: &dyn Store, call: &Call, place: &Place) -> Result<Found> {
    let key = place.key("value")?;
    let first = store.put_opts(&key, "same".into(), &put(call)).await?;
    let second = store.put_opts(&key, "same".into(), &put(call)).await?;
    let other = store.put_opts(&key, "other".into(), &put(call)).await?;
    if other.version == second.version {
        return Ok(Found::Broken("two contents had the same version".into()));
    }
    let held = store.guarantees().versions == Versions::PerContent || first.version != second.version;
    Ok(kept(held, || "two writes of the same bytes had the same version".into()))
}

/// A value that goes in and comes out in pieces.
pub(super) async fn streams(store: &dyn Store, call: &Call, place: &Place) -> Result<Found> {
    let key = place.key("stream")?;
    let value: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    let pieces: Vec<_> = value.chunks(30_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    let body = Box::pin(futures_util::stream::iter(pieces));
    store.put_stream_opts(&key, body, &put(call)).await?;
    let got = store.get_stream_opts(&key, &GetOptions::new().with_call(call.clone())).await?;
    let Some(body) = got.into_body() else {
        return Ok(Found::Broken("a value that was streamed is absent".into()));
    };
    let read = derived::collect(body, value.len() as u64).await?;
    Ok(kept(read == value, || "another value was read than the one that was streamed".into()))
}

/// Parts of a value, and none past its end.
pub(super) async fn ranges(store: &dyn Store, call: &Call, place: &Place) -> Result<Found> {
    if store.guarantees().ranges == Ranges::None {
        return Ok(Found::NotPromised);
    }
    let key = place.key("range")?;
    let value: Vec<u8> = (0..100).collect();
    store.put_opts(&key, value.clone().into(), &put(call)).await?;
    let part = |range: ByteRange| {
        let (key, options) = (&key, GetOptions::new().with_range(range).with_call(call.clone()));
        async move { store.get_opts(key, &options).await }
    };
    for range in
        [ByteRange::from(10..20), ByteRange::from(90..), ByteRange::from(95..200), ByteRange::suffix(7)]
    {
        let wanted = range.resolve(100)?;
        let wanted = &value[wanted.start as usize..wanted.end as usize];
        if part(range).await?.into_body().as_deref() != Some(wanted) {
            return Ok(Found::Broken(format!("{range:?} of 100 bytes gave others")));
        }
    }
    let past = part(ByteRange::from(100..)).await;
    let held = matches!(&past, Err(error) if error.unsatisfied_range() == Some(100));
    Ok(kept(held, || "a range past the end was not refused".into()))
}

/// What is kept beside a value.
pub(super) async fn attributes(store: &dyn Store, call: &Call, place: &Place) -> Result<Found> {
    if store.guarantees().max_attributes == 0 {
        return Ok(Found::NotPromised);
    }
    let key = place.key("attributes")?;
    let given = Attributes::new().content_type("text/plain").cache_control("no-store").set("owner", "zoë");
    store.put_opts(&key, "v".into(), &put(call).with_attributes(given.clone())).await?;
    let told = head(store, call, &key).await?.meta().and_then(|meta| meta.attributes.clone());
    Ok(kept(told.as_ref() == Some(&given), || "others were told than those that were given".into()))
}

/// A value whose time is over is absent to reads and to conditions; one whose time is to come is not.
pub(super) async fn expiry(store: &dyn Store, env: &Env, call: &Call, place: &Place) -> Result<Found> {
    if !store.guarantees().expiry {
        return Ok(Found::NotPromised);
    }
    let (key, now, second) = (place.key("expired")?, env.wall(), Duration::from_secs(1));
    store.put_opts(&key, "later".into(), &put(call).with_expires(now + 3600 * second)).await?;
    if get(store, call, &key).await?.into_body().is_none() {
        return Ok(Found::Broken("a value was absent an hour before its time".into()));
    }
    store.put_opts(&key, "over".into(), &put(call).with_expires(now - second)).await?;
    let held = get(store, call, &key).await? == Got::Absent && head(store, call, &key).await? == Got::Absent;
    Ok(kept(held, || "a value was read whose time was over".into()))
}

/// A key of as many bytes as the store says that it takes.
pub(super) async fn longest_key(store: &dyn Store, call: &Call, place: &Place) -> Result<Found> {
    let key = place.long(store.guarantees().max_key)?;
    store.put_opts(&key, "long".into(), &put(call)).await?;
    let read = get(store, call, &key).await?.into_body();
    Ok(kept(read.as_deref() == Some(b"long"), || "the value under it was not read".into()))
}

/// All steps are made, or none.
pub(super) async fn transactions(store: &dyn Store, call: &Call, place: &Place) -> Result<Found> {
    if store.guarantees().transactions.is_none() {
        return Ok(Found::NotPromised);
    }
    let step = |name: &str, value: &'static str, pre: Precondition| -> Result<Step> {
        let options = PutOptions::new().with_pre(pre);
        Ok(Step::Put(PutItem { key: place.key(name)?, value: value.into(), options }))
    };
    let both = vec![step("one", "1", Precondition::Absent)?, step("two", "1", Precondition::Absent)?];
    store.transact_opts(both, call).await?;
    let half = vec![step("one", "2", Precondition::Any)?, step("two", "2", Precondition::Absent)?];
    match store.transact_opts(half, call).await {
        Ok(_) => return Ok(Found::Broken("a step whose precondition does not hold was made".into())),
        Err(error) if error.is(ErrorKind::Conflict) => {}
        Err(error) => return Err(error),
    }
    for name in ["one", "two"] {
        if get(store, call, &place.key(name)?).await?.into_body().as_deref() != Some(b"1") {
            return Ok(Found::Broken("a transaction was made by half".into()));
        }
    }
    Ok(Found::Kept)
}
