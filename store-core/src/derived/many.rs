//! Many by one, with bounded concurrency.

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::call::Call;
use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::options::{DeleteItem, DeleteOptions, GetOptions, PutItem};
use crate::outcome::{Got, Removed, Written};
use crate::store::Store;

/// How many run at once.
const WIDTH: usize = 64;

/// Reads keys one by one, some at a time.
pub async fn get_many_by_one<S: Store + ?Sized>(
    store: &S,
    keys: &[Key],
    options: &GetOptions,
) -> Vec<Result<Got<Bytes>>> {
    let gets = keys.iter().map(|key| async move {
        let got = match store.try_get(key, options) {
            Some(got) => got,
            None => store.get_opts(key, options).await,
        };
        got.map_err(|e| e.during(Op::GetMany))
    });
    // Collected first: a lazy iterator of borrowing futures trips the compiler's `Send` analysis.
    let gets: Vec<_> = gets.collect();
    stream::iter(gets).buffered(WIDTH).collect().await
}

/// Writes items one by one, in order where they share a key, else some at a time.
pub async fn put_many_by_one<S: Store + ?Sized>(
    store: &S,
    items: Vec<PutItem>,
    call: &Call,
) -> Vec<Result<Written>> {
    let width = if distinct(items.iter().map(|i| &i.key)) { WIDTH } else { 1 };
    let puts = items.into_iter().map(|mut item| async move {
        item.options.call = call.clone();
        store.put_opts(&item.key, item.value, &item.options).await.map_err(|e| e.during(Op::PutMany))
    });
    let puts: Vec<_> = puts.collect();
    stream::iter(puts).buffered(width).collect().await
}

/// Removes keys one by one, in order where they repeat, else some at a time.
pub async fn delete_many_by_one<S: Store + ?Sized>(
    store: &S,
    items: Vec<DeleteItem>,
    options: &DeleteOptions,
) -> Vec<Result<Removed>> {
    if let Err(error) = check_delete_many(options) {
        return items.iter().map(|item| Err(error.clone().at(store.id()).on(&item.key))).collect();
    }
    let width = if distinct(items.iter().map(|i| &i.key)) { WIDTH } else { 1 };
    let deletes = items.into_iter().map(|item| async move {
        let mut one = options.clone();
        one.only = item.only;
        store.delete_opts(&item.key, &one).await.map_err(|e| e.during(Op::DeleteMany))
    });
    let deletes: Vec<_> = deletes.collect();
    stream::iter(deletes).buffered(width).collect().await
}

/// Refuses options that name one version for every key of many.
///
/// # Errors
/// [`ErrorKind::Invalid`].
pub fn check_delete_many(options: &DeleteOptions) -> Result<()> {
    match options.only {
        None => Ok(()),
        Some(_) => {
            Err(Error::new(ErrorKind::Invalid, Op::DeleteMany, "one version cannot be that of many keys")
                .hint("give each item its own"))
        }
    }
}

fn distinct<'a>(keys: impl Iterator<Item = &'a Key>) -> bool {
    let mut seen = std::collections::HashSet::new();
    keys.into_iter().all(|key| seen.insert(key))
}
