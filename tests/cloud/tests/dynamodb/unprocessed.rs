//! Batches of which the service does a part, and services that have too much to do.

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{
    Call, DeleteItem, DeleteOptions, ErrorKind, GetOptions, Got, Key, PutItem, PutOptions, Store, StoreExt,
};
use larder_cloud_tests::dynamodb::{Harm, Rule};

use crate::servers::{Server, on_both};

on_both! { what_is_left_undone_is_done_in_the_end throttling_is_waited_for nothing_at_all_is_an_error }

const COUNT: usize = 600;

fn keys() -> Vec<Key> {
    (0..COUNT).map(|n| Key::new(format!("many/{n:04}")).unwrap()).collect()
}

fn items(keys: &[Key], round: usize) -> Vec<PutItem> {
    let item = |key: &Key| PutItem {
        key: key.clone(),
        value: Bytes::from(format!("{round} {key}")),
        options: PutOptions::new(),
    };
    keys.iter().map(item).collect()
}

async fn what_is_left_undone_is_done_in_the_end(server: &Server) {
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    let keys = keys();
    for (round, share) in [0.1, 0.4, 0.7].into_iter().enumerate() {
        proxy.set_partial(Some(share));
        proxy.take_requests();
        for put in store.put_many_opts(items(&keys, round), &Call::default()).await {
            assert!(put.unwrap().settled, "what is left undone is an answer");
        }
        let writes = proxy.take_requests()["BatchWriteItem"];
        assert!(writes > 24, "{writes} requests: nothing was left undone");
        let got = store.get_many_opts(&keys, &GetOptions::new()).await;
        for (got, key) in got.into_iter().zip(&keys) {
            assert_eq!(got.unwrap().into_body().unwrap(), format!("{round} {key}"));
        }
        assert!(proxy.take_requests()["BatchGetItem"] > 6, "nothing was left unread");
    }
    let gone = keys.iter().map(|key| DeleteItem { key: key.clone(), only: None }).collect();
    for gone in store.delete_many_opts(gone, &DeleteOptions::new()).await {
        gone.unwrap();
    }
    for got in store.get_many_opts(&keys, &GetOptions::new()).await {
        assert_eq!(got.unwrap(), Got::Absent);
    }
    store.close(&Call::default()).await.unwrap();
}

async fn throttling_is_waited_for(server: &Server) {
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    let operations =
        ["GetItem", "PutItem", "DeleteItem", "Query", "UpdateItem", "BatchWriteItem", "BatchGetItem"];
    proxy.set_rules(7, operations.map(|operation| Rule::often(operation, Harm::Throttle, 0.1)));
    proxy.set_partial(Some(0.2));
    let keys = keys();
    for put in store.put_many_opts(items(&keys, 0), &Call::default()).await {
        assert!(put.unwrap().settled, "a throttled write was surely not made");
    }
    for n in 0..20 {
        let key = format!("one/{n}");
        assert!(store.put(&*key, "v").await.unwrap().settled);
        store.update(&*key, |_| Some("w".into())).await.unwrap();
        assert_eq!(store.get(&*key).await.unwrap().as_deref(), Some(&b"w"[..]));
    }
    let large = Bytes::from(vec![7; 3 << 20]);
    store.put("large", large.clone()).await.unwrap();
    assert_eq!(store.get("large").await.unwrap(), Some(large));
    for got in store.get_many_opts(&keys, &GetOptions::new()).await {
        assert!(got.unwrap().into_body().is_some());
    }
    assert_eq!(store.list("many/").try_collect::<Vec<_>>().await.unwrap().len(), COUNT);
    store.close(&Call::default()).await.unwrap();
}

/// A service that does nothing any more is given up on, with an error for each key that says so.
async fn nothing_at_all_is_an_error(server: &Server) {
    let proxy = server.behind_proxy().await;
    let url = format!("{}{}&attempts=3", proxy.url("table/p"), server.parameters());
    let store = larder::open(&url).await.unwrap();
    store.put("k", "v").await.unwrap();
    proxy.set_rules(7, [Rule::often("BatchWriteItem", Harm::Throttle, 1.0)]);
    for put in store.put_many_opts(items(&keys()[..30], 0), &Call::default()).await {
        let error = put.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Throttled, true), "{error}");
        assert!(error.key().is_some() && error.to_string().contains("attempts"), "{error}");
    }
    proxy.set_rules(7, []);
    for got in store.get_many_opts(&keys()[..30], &GetOptions::new()).await {
        assert_eq!(got.unwrap(), Got::Absent, "nothing was done");
    }
}
