//! Keys that are not what they seem.

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::conformance::Reference;
use larder_store_core::{
    DeleteOptions, ErrorKind, GetOptions, Got, HeadOptions, Items, Key, ListOptions, Listed, PutOptions,
    Removed, Result, Store, Written, system,
};

use crate::caught;
use crate::quirk::Quirk;

/// Keys cut to what a file name may have.
#[derive(Debug)]
struct Cut;

fn cut(key: &Key) -> Key {
    let end = key.as_str().char_indices().map(|(i, c)| i + c.len_utf8()).take_while(|end| *end <= 255).last();
    system::key_in(key.space(), &key.as_str()[..end.unwrap_or(key.len())]).unwrap()
}

#[async_trait]
impl Quirk for Cut {
    fn try_get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        store.try_get(&cut(key), o)
    }
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        store.get_opts(&cut(key), o).await
    }
    async fn head(&self, store: &Reference, key: &Key, o: &HeadOptions) -> Result<Got<()>> {
        store.head_opts(&cut(key), o).await
    }
    async fn put_many(
        &self,
        store: &Reference,
        mut items: Vec<larder_store_core::PutItem>,
        call: &larder_store_core::Call,
    ) -> Vec<Result<Written>> {
        items.iter_mut().for_each(|item| item.key = cut(&item.key));
        store.put_many_opts(items, call).await
    }
}

caught!(keys_cut_at_255_bytes: Cut, [
    "keys.lengths": "after all long keys were put:",
]);

/// Keys that fold case, as some file systems do.
#[derive(Debug)]
struct Folded;

fn fold(key: &Key) -> Key {
    system::key_in(key.space(), key.as_str().to_ascii_lowercase()).unwrap()
}

#[async_trait]
impl Quirk for Folded {
    fn try_get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        let _ = (store, key, o);
        None
    }
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        Ok(store.get_opts(&fold(key), o).await?.map_meta(|mut meta| {
            meta.key = key.clone();
            meta
        }))
    }
    async fn put_many(
        &self,
        store: &Reference,
        mut items: Vec<larder_store_core::PutItem>,
        call: &larder_store_core::Call,
    ) -> Vec<Result<Written>> {
        items.iter_mut().for_each(|item| item.key = fold(&item.key));
        store.put_many_opts(items, call).await
    }
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        store.put_opts(&fold(key), value, o).await
    }
    async fn delete(&self, store: &Reference, key: &Key, o: &DeleteOptions) -> Result<Removed> {
        store.delete_opts(&fold(key), o).await
    }
}

caught!(keys_that_fold_case: Folded, [
    "conditions.delete": "Delete under OfAnother of a key that is Absent: the key that the conflict names",
    "conditions.put": "and get: whether there is a value",
    "drops.put": "and get: whether there is a value",
    "keys.odd": "and get: whether there is a value",
    "life.leftovers": "and get: whether there is a value",
    "life.quiet": "and get: whether there is a value",
    "life.reopen": "and get: whether there is a value",
    "list.tree": "got 41 names, expected 43",
    "walk.model": "walker",
]);

/// One space for all: system keys under a prefix that callers can name too, and listed with theirs.
#[derive(Debug)]
struct Leaking;

impl Quirk for Leaking {
    fn list(&self, store: &Reference, o: ListOptions) -> Items<Listed> {
        let (own, theirs) = (store.list_opts(o.clone()), store.list_opts(system::listing(o.clone())));
        let merged = async move {
            let mut all: Vec<Listed> = own.chain(theirs).try_collect().await?;
            all.sort_by(|a, b| a.name().cmp(b.name()));
            all.dedup_by(|a, b| a.name() == b.name());
            all.truncate(o.limit.unwrap_or(usize::MAX));
            Ok(stream::iter(all.into_iter().map(Ok)))
        };
        stream::once(merged).try_flatten().boxed()
    }
}

caught!(system_keys_that_are_listed: Leaking, [
    "keys.system": "the listing of a store with system keys alone",
    "list.tree": "a listing names the system key",
]);

/// Says "absent" where it should say that it takes no such key.
#[derive(Debug)]
struct TooLongIsAbsent;

#[async_trait]
impl Quirk for TooLongIsAbsent {
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        match store.get_opts(key, o).await {
            Err(error) if error.is(ErrorKind::Unsupported) => Ok(Got::Absent),
            other => other,
        }
    }
}

caught!(a_key_that_is_too_long_is_absent: TooLongIsAbsent, [
    "keys.lengths": "expected the error kind Unsupported",
], promises: {
    let mut guarantees = Reference::best();
    guarantees.max_key = 500;
    guarantees
});
