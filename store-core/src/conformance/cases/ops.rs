//! Every operation once, for cases about calls that must not be carried out.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;

use crate::Call;
use crate::conformance::values::key;
use crate::error::{Error, Result};
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, HeadOptions, ListOptions, PutItem, PutOptions, Step,
    SweepOptions,
};
use crate::store::Store;

/// How an operation ended.
#[derive(Debug)]
pub(super) enum Ended {
    Failed(Error),
    /// It was carried out.
    Done,
    /// It left the answer to another operation.
    Skipped,
}

fn ended<A>(answer: Result<A>) -> Ended {
    match answer {
        Ok(_) => Ended::Done,
        Err(error) => Ended::Failed(error),
    }
}

/// The keys that the operations are about: one that may stand, and one that nobody writes elsewhere.
pub(super) const STANDS: &str = "ops/stands";
pub(super) const FRESH: &str = "ops/fresh";

/// Every operation but close, under `call`. Those that write would replace, remove and create something.
pub(super) async fn all(store: &Arc<dyn Store>, call: &Call) -> Vec<(&'static str, Ended)> {
    let (stands, fresh) = (key(STANDS), key(FRESH));
    let value = Bytes::from_static(b"must not be written");
    let get = GetOptions::new().with_call(call.clone());
    let put = PutOptions::new().with_call(call.clone());
    let delete = DeleteOptions::new().with_call(call.clone());
    let items = || {
        let item =
            |k: &crate::Key| PutItem { key: k.clone(), value: value.clone(), options: PutOptions::new() };
        vec![item(&stands), item(&fresh)]
    };
    let mut done = Vec::new();
    let quick = store.try_get(&stands, &get).map_or(Ended::Skipped, ended);
    done.push(("try_get", quick));
    done.push(("get", ended(store.get_opts(&stands, &get).await)));
    done.push(("get_stream", ended(store.get_stream_opts(&stands, &get).await)));
    let head = HeadOptions::new().with_call(call.clone());
    done.push(("head", ended(store.head_opts(&stands, &head).await)));
    for k in [&stands, &fresh] {
        done.push(("put", ended(store.put_opts(k, value.clone(), &put).await)));
        let body = crate::derived::pieces(value.clone());
        done.push(("put_stream", ended(store.put_stream_opts(k, body, &put).await)));
    }
    done.push(("delete", ended(store.delete_opts(&stands, &delete).await)));
    for got in store.get_many_opts(&[stands.clone(), fresh.clone()], &get).await {
        done.push(("get_many", ended(got)));
    }
    for written in store.put_many_opts(items(), call).await {
        done.push(("put_many", ended(written)));
    }
    let gone = vec![DeleteItem { key: stands.clone(), only: None }];
    for removed in store.delete_many_opts(gone, &delete).await {
        done.push(("delete_many", ended(removed)));
    }
    let copy = CopyOptions::new().with_call(call.clone());
    done.push(("copy", ended(store.copy_opts(&stands, &fresh, &copy).await)));
    let steps = items().into_iter().map(Step::Put).collect();
    done.push(("transact", ended(store.transact_opts(steps, call).await)));
    let mut listing = store.list_opts(ListOptions::new().with_call(call.clone()));
    done.push(("list", listing.next().await.map_or(Ended::Done, ended)));
    let sweep = SweepOptions::new().with_call(call.clone());
    done.push(("sweep", ended(store.sweep(&sweep).await)));
    done.push(("flush", ended(store.flush(call).await)));
    done.push(("drain", ended(store.drain(call).await)));
    done
}
