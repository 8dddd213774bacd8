//! Expiry that comes late, early, or never.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use larder_store_core::conformance::Reference;
use larder_store_core::{
    Call, Env, GetOptions, Got, Guarantees, HeadOptions, Items, Key, ListOptions, Listed, Precondition,
    PutItem, PutOptions, Result, Store, Written,
};

use crate::caught;
use crate::quirk::Quirk;

/// Values that never expire: the clock stands.
#[derive(Debug)]
struct NeverExpires;

impl Quirk for NeverExpires {
    fn env(&self, _: &Env) -> Env {
        Env::system()
    }
}

caught!(expiry_that_is_ignored: NeverExpires, [
    "conditions.delete": "Delete under Any of a key that is Expired: says Yes, and it was No",
    "conditions.put": "conflict: the key is not absent",
    "expiry.carried": "after it expired:",
    "expiry.exactly": "must be absent, and has",
    "expiry.reads": "after it expired:",
    "expiry.writes": "a delete of an expired value says whether it was there",
    "walk.model": "walker",
]);

/// The end of a life belongs to it.
#[derive(Debug)]
struct ATickLate;

fn late(o: &PutOptions) -> PutOptions {
    let mut o = o.clone();
    o.expires = o.expires.map(|at| at + std::time::Duration::from_nanos(1));
    o
}

fn on_time(mut meta: larder_store_core::Meta) -> larder_store_core::Meta {
    if let Some(larder_store_core::Expires::At(at)) = meta.expires {
        meta.expires = Some(larder_store_core::Expires::At(at - std::time::Duration::from_nanos(1)));
    }
    meta
}

#[async_trait]
impl Quirk for ATickLate {
    fn try_get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        let _ = (store, key, o);
        None
    }
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        Ok(store.get_opts(key, o).await?.map_meta(on_time))
    }
    async fn get_many(&self, store: &Reference, keys: &[Key], o: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let got = store.get_many_opts(keys, o).await;
        got.into_iter().map(|got| Ok(got?.map_meta(on_time))).collect()
    }
    async fn get_stream(
        &self,
        store: &Reference,
        key: &Key,
        o: &GetOptions,
    ) -> Result<Got<larder_store_core::ByteStream>> {
        Ok(store.get_stream_opts(key, o).await?.map_meta(on_time))
    }
    async fn head(&self, store: &Reference, key: &Key, o: &HeadOptions) -> Result<Got<()>> {
        Ok(store.head_opts(key, o).await?.map_meta(on_time))
    }
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        store.put_opts(key, value, &late(o)).await
    }
    fn list(&self, store: &Reference, o: ListOptions) -> Items<Listed> {
        let items = store.list_opts(o).map_ok(|item| match item {
            Listed::Entry(meta) => Listed::Entry(on_time(meta)),
            other => other,
        });
        items.boxed()
    }
}

caught!(expiry_that_comes_a_tick_late: ATickLate, [
    "expiry.carried": "the expiry of \"carried/stream\"",
    "expiry.exactly": "must be absent, and has",
    "walk.model": "walker",
]);

/// Refuses to expire values, and takes them all the same.
#[derive(Debug)]
struct TakesWhatItRefuses;

#[async_trait]
impl Quirk for TakesWhatItRefuses {
    async fn put_many(
        &self,
        store: &Reference,
        mut items: Vec<PutItem>,
        call: &Call,
    ) -> Vec<Result<Written>> {
        items.iter_mut().for_each(|item| item.options.expires = None);
        store.put_many_opts(items, call).await
    }
}

fn without_expiry() -> Guarantees {
    let mut guarantees = Reference::best();
    guarantees.expiry = false;
    guarantees
}

caught!(an_option_that_is_ignored_instead_of_refused: TakesWhatItRefuses, [
    "expiry.carried": "put_many that expires",
    "expiry.exactly": "put_many that expires",
    "expiry.reads": "put_many that expires",
    "expiry.writes": "put_many that expires",
    "minimum.guarantees": "it promises too little: values must be able to expire",
], promises: without_expiry());

/// An expired value stands in the way of a put that wants the key absent.
#[derive(Debug)]
struct ExpiredIsThere;

#[async_trait]
impl Quirk for ExpiredIsThere {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        if o.pre == Precondition::Absent && key.as_str() == "writes/3" {
            let any = PutOptions::new().with_pre(Precondition::Matches(
                larder_store_core::Version::of_write(larder_store_core::WriteId::from_bytes([3; 16]), []),
            ));
            return store.put_opts(key, value, &any).await;
        }
        store.put_opts(key, value, o).await
    }
}

caught!(an_expired_value_that_is_in_the_way: ExpiredIsThere, ["expiry.writes": "conflict"]);
