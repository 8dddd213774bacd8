//! Many at once, one of them wrong.

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::conformance::Reference;
use larder_store_core::{
    Call, DeleteItem, DeleteOptions, Deleted, GetOptions, Got, Key, PutItem, Removed, Result, Store, Version,
    WriteId, Written,
};

use crate::caught;
use crate::quirk::Quirk;

/// Loses the last of many, and says that it was written.
#[derive(Debug)]
struct LosesTheLast;

#[async_trait]
impl Quirk for LosesTheLast {
    async fn put_many(
        &self,
        store: &Reference,
        mut items: Vec<PutItem>,
        call: &Call,
    ) -> Vec<Result<Written>> {
        if items.len() < 100 {
            return store.put_many_opts(items, call).await;
        }
        items.pop();
        let mut done = store.put_many_opts(items, call).await;
        let id = WriteId::from_bytes([1; 16]);
        done.push(Ok(Written::new(Version::of_write(id, []), id, store.guarantees().durability)));
        done
    }
}

caught!(a_batch_that_loses_its_last: LosesTheLast, [
    "keys.lengths": "after all long keys were put:",
    "keys.odd": "after all odd keys were put:",
    "list.live": "keys that stand throughout, named by a listing during writes",
    "list.many": "got 2000 names, expected 2001",
    "list.pages": "got 998 names, expected 999",
    "many.large": "get_many, item ",
]);

/// Of a key named twice the first value stays.
#[derive(Debug)]
struct FirstWins;

#[async_trait]
impl Quirk for FirstWins {
    async fn put_many(
        &self,
        store: &Reference,
        mut items: Vec<PutItem>,
        call: &Call,
    ) -> Vec<Result<Written>> {
        items.reverse();
        let mut done = store.put_many_opts(items, call).await;
        done.reverse();
        done
    }
}

caught!(a_batch_written_backwards: FirstWins, [
    "many.twice": "after put_many that names it three times:",
    "walk.model": "walker",
]);

/// One that fails takes all others along.
#[derive(Debug)]
struct AllOrNothing;

#[async_trait]
impl Quirk for AllOrNothing {
    async fn put_many(&self, store: &Reference, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let bad = items.iter().find_map(|item| {
            let size = Some(item.value.len() as u64);
            store.guarantees().check_put(larder_store_core::Op::PutMany, &item.key, &item.options, size).err()
        });
        match bad {
            Some(error) => items.iter().map(|_| Err(error.clone())).collect(),
            None => store.put_many_opts(items, call).await,
        }
    }
}

caught!(a_batch_that_fails_as_a_whole: AllOrNothing, [
    "many.mixed": "put_many, item 0: put_many",
]);

/// Answers in the order of the keys.
#[derive(Debug)]
struct InOrder;

#[async_trait]
impl Quirk for InOrder {
    async fn get_many(&self, store: &Reference, keys: &[Key], o: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let mut keys = keys.to_vec();
        keys.sort();
        store.get_many_opts(&keys, o).await
    }
}

caught!(answers_in_the_order_of_keys: InOrder, [
    "many.large": "get_many, item 1",
    "many.twice": "get_many of a repeated key",
    "walk.model": "walker",
]);

/// Leaves out those that are absent.
#[derive(Debug)]
struct OnlyFound;

#[async_trait]
impl Quirk for OnlyFound {
    async fn get_many(&self, store: &Reference, keys: &[Key], o: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let mut got = store.get_many_opts(keys, o).await;
        if keys.len() > 1 {
            got.retain(|got| !matches!(got, Ok(Got::Absent)));
        }
        got
    }
}

caught!(answers_only_for_what_is_there: OnlyFound, [
    "expiry.reads": "get_many: whether key 0 is there",
    "many.large": "outcomes of get_many",
    "walk.model": "walker",
]);

/// Deletes the first page only.
#[derive(Debug)]
struct OnePage;

#[async_trait]
impl Quirk for OnePage {
    async fn delete_many(
        &self,
        store: &Reference,
        items: Vec<DeleteItem>,
        o: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        let n = items.len();
        let mut done = store.delete_many_opts(items.into_iter().take(1000).collect(), o).await;
        done.resize_with(n, || Ok(Removed::new(Deleted::Yes)));
        done
    }
}

caught!(deletes_of_one_page: OnePage, [
    "many.large": "the listing after delete_many of all but one",
]);

/// Looks at the call of each item.
#[derive(Debug)]
struct OwnCalls;

#[async_trait]
impl Quirk for OwnCalls {
    async fn put_many(&self, store: &Reference, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let mut done = Vec::new();
        for item in items {
            let mut options = item.options;
            if options.call.deadline.is_none() {
                options.call = call.clone();
            }
            done.push(store.put_opts(&item.key, item.value, &options).await);
        }
        done
    }
}

caught!(a_batch_that_looks_at_the_calls_of_its_items: OwnCalls, [
    "many.calls": "put_many looked at the call of its item: put",
]);
