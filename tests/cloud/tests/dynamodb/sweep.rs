//! Chunks that belong to no value, and what becomes of them.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder::{Call, Key, PutItem, PutOptions, Step, Store, StoreExt, SweepOptions};
use larder_cloud_tests::dynamodb::{Harm, Rule};
use larder_store_core::conformance::TestClock;

use crate::servers::{On, Server, drained, lacks, on_both, open_at};

on_both! {
    what_writers_left_is_swept what_batches_orphan_is_swept what_was_replaced_stays_for_its_readers
    a_writer_that_was_swept_does_not_go_on transactions_orphan
}

/// A client that knows nothing of Larder.
pub(crate) fn client(port: u16) -> Client {
    let config = aws_sdk_dynamodb::config::Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

/// The partition keys of all items.
pub(crate) async fn items(port: u16, table: &str) -> Vec<String> {
    let pages = client(port).scan().table_name(table).projection_expression("pk").consistent_read(true);
    let items: Result<Vec<_>, _> = pages.into_paginator().items().send().collect().await;
    items.unwrap().into_iter().map(|item| item["pk"].as_s().unwrap().clone()).collect()
}

async fn chunks(server: &Server) -> usize {
    items(server.port(), "table").await.iter().filter(|pk| pk.starts_with("c:")).count()
}

async fn registered(server: &Server) -> usize {
    items(server.port(), "table").await.iter().filter(|pk| pk.starts_with("p:")).count()
}

fn later(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// A writer that was killed between its chunks and the head: to the service it is one that says no more.
async fn what_writers_left_is_swept(server: &Server) {
    let proxy = server.behind_proxy().await;
    let clock = TestClock::new();
    let url = format!("{}{}", proxy.url("table/p"), server.parameters());
    let store = open_at(&url, clock.env()).await;
    store.put("stands", vec![1; 500_000]).await.unwrap();
    store.put("k", "before").await.unwrap();
    let before = chunks(server).await;

    // Its head is sent, and nobody knows what became of it: the chunks are left where they are.
    proxy.set_rules(1, [Rule::often("PutItem", Harm::LoseRequest, 1.0).after(1 + 3)]);
    let impatient = larder::open(&format!("{url}&attempts=1")).await.unwrap();
    impatient.put("k", vec![2; 1_000_000]).await.unwrap_err();
    proxy.set_rules(1, []);
    drained(&*impatient).await;
    assert_eq!(chunks(server).await, before + 3);

    // One that is dropped on its way clears up behind itself.
    let broken = stream::iter([Ok(Bytes::from(vec![3; 1_000_000]))]).chain(stream::pending()).boxed();
    let mut upload = Box::pin(store.put_stream("k", broken));
    tokio::select! {
        _ = &mut upload => panic!("it has no end"),
        () = async { larder::Env::system().sleep(Duration::from_millis(1500)).await } => {}
    }
    assert!(chunks(server).await > before + 3, "nothing was under way");
    drop(upload);
    drained(&*store).await;
    assert_eq!(chunks(server).await, before + 3);

    let sweep = |older| SweepOptions::new().with_older_than(older);
    let young = store.sweep(&sweep(Duration::ZERO)).await.unwrap();
    assert_eq!(young.found, 0, "its head may land yet: {young:?}");
    clock.advance(later(2));
    let dry = store.sweep(&SweepOptions::new().with_dry_run(true)).await.unwrap();
    assert_eq!((dry.found, dry.removed, dry.bytes > 1_000_000), (1, 0, true), "{dry:?}");
    assert!(dry.names[0].contains("\"k\""), "{dry:?}");
    assert_eq!(chunks(server).await, before + 3);
    let swept = store.sweep(&SweepOptions::new()).await.unwrap();
    assert_eq!((swept.found, swept.removed), (1, 1));
    assert_eq!((chunks(server).await, registered(server).await), (before, 1));
    assert_eq!(store.sweep(&sweep(Duration::ZERO)).await.unwrap().found, 0);
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"before"[..]));
    assert_eq!(store.get("stands").await.unwrap().unwrap().len(), 500_000);
}

/// A batch tells nothing of what it replaces.
async fn what_batches_orphan_is_swept(server: &Server) {
    drop(server.behind_proxy().await);
    let clock = TestClock::new();
    let store = open_at(&server.url("table/p"), clock.env()).await;
    for n in 0..4 {
        store.put(format!("k/{n}"), vec![n; 10_000]).await.unwrap();
    }
    assert_eq!((chunks(server).await, registered(server).await), (4, 4));
    for put in store.put_many([("k/0", "small"), ("k/1", "small")]).await.unwrap() {
        put.unwrap();
    }
    for gone in store.delete_many(["k/2"]).await.unwrap() {
        gone.unwrap();
    }
    drained(&*store).await;
    assert_eq!(chunks(server).await, 4);
    clock.advance(later(2));
    let swept = store.sweep(&SweepOptions::new()).await.unwrap();
    assert_eq!((swept.found, swept.removed), (3, 3), "{swept:?}");
    assert_eq!((chunks(server).await, registered(server).await), (1, 1));
    assert_eq!(store.get("k/3").await.unwrap().unwrap(), vec![3; 10_000]);
    assert_eq!(store.get("k/0").await.unwrap().as_deref(), Some(&b"small"[..]));
}

async fn what_was_replaced_stays_for_its_readers(server: &Server) {
    drop(server.behind_proxy().await);
    let clock = TestClock::new();
    let store = open_at(&server.url("table/p"), clock.env()).await;
    let old = Bytes::from((0..3_000_000u32).map(|n| (n / 7) as u8).collect::<Vec<_>>());
    store.put("k", old.clone()).await.unwrap();
    let before = chunks(server).await;
    let mut reading = store.get_stream("k").await.unwrap().unwrap();
    let mut read = reading.next().await.unwrap().unwrap().to_vec();
    store.put("k", "new").await.unwrap();
    drained(&*store).await;
    assert_eq!(chunks(server).await, before, "they are the reader's still");
    clock.advance(Duration::from_secs(10 * 60));
    assert_eq!(store.sweep(&SweepOptions::new().with_older_than(Duration::ZERO)).await.unwrap().found, 0);
    while let Some(piece) = reading.next().await {
        read.extend_from_slice(&piece.unwrap());
    }
    assert!(read == old, "a reader of what was replaced reads it to its end");
    // They are marked with when the service may remove them.
    let marked = client(server.port()).scan().table_name("table").filter_expression("attribute_exists(#t)");
    let marked = marked.expression_attribute_names("#t", "ttl").consistent_read(true).send().await.unwrap();
    let now = clock.env().wall().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for item in marked.items() {
        let at: u64 = item["ttl"].as_n().unwrap().parse().unwrap();
        assert!(
            at >= now + 4 * 60,
            "15 minutes from when it was replaced, not {} s from now",
            at as i64 - now as i64
        );
    }
    assert!(marked.count() >= 1);
    // Where the service has no TTL, a sweep removes what is marked; where it has, the service does.
    clock.advance(later(2));
    let swept = store.sweep(&SweepOptions::new()).await.unwrap();
    match server {
        Server::Dynalite(_) => {
            lacks("what_was_replaced", On::Dynalite, "TTL", "that the service is left to remove");
            assert_eq!((swept.found, chunks(server).await), (1, 0));
        }
        Server::MiniStack(_) => assert_eq!((swept.found, chunks(server).await), (0, before)),
    }
    clock.advance(later(24 * 4));
    store.sweep(&SweepOptions::new()).await.unwrap();
    assert_eq!((chunks(server).await, registered(server).await), (0, 0), "one that does not do so is helped");
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"new"[..]));
}

/// A writer that is held up for hours, and swept meanwhile, puts no head to chunks that are gone.
async fn a_writer_that_was_swept_does_not_go_on(server: &Server) {
    drop(server.behind_proxy().await);
    let clock = TestClock::new();
    let url = server.url("table/p");
    let (store, other) = (open_at(&url, clock.env()).await, open_at(&url, clock.env()).await);
    store.put("k", "before").await.unwrap();
    let (go, gate) = tokio::sync::oneshot::channel::<()>();
    let (tell, reached) = tokio::sync::oneshot::channel();
    let tail = stream::once(async move {
        let _ = tell.send(());
        let _ = gate.await;
        Ok(Bytes::from_static(b"the end"))
    });
    let body = stream::iter([Ok(Bytes::from(vec![7; 2_000_000]))]).chain(tail).boxed();
    let mut upload = tokio::task::JoinSet::new();
    upload.spawn({
        let store = store.clone();
        async move { store.put_stream("k", body).await }
    });
    reached.await.unwrap();
    while chunks(server).await < 5 {
        larder::Env::system().sleep(Duration::from_millis(20)).await;
    }
    larder::Env::system().sleep(Duration::from_millis(200)).await;
    clock.advance(later(2));
    let swept = other.sweep(&SweepOptions::new()).await.unwrap();
    assert_eq!(swept.removed, 1, "to everybody else it is dead");
    let _ = go.send(());
    let error = upload.join_next().await.unwrap().unwrap().unwrap_err();
    assert!(error.to_string().contains("swept"), "{error}");
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"before"[..]));
    // One that is slow, and not swept, goes on.
    let slow = stream::unfold(0u8, move |n| {
        let clock = clock.clone();
        async move {
            // What is under way is answered by then.
            larder::Env::system().sleep(Duration::from_millis(300)).await;
            clock.advance(Duration::from_secs(3000));
            (n < 5).then(|| (Ok(Bytes::from(vec![n; 500_000])), n + 1))
        }
    });
    store.put_stream("k", slow.boxed()).await.unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap().len(), 2_500_000);
}

/// Of what a transaction replaces the service tells nothing either.
async fn transactions_orphan(server: &Server) {
    if let Server::Dynalite(_) = server {
        return lacks("transactions_orphan", On::Dynalite, "TransactWriteItems", "on_ministack");
    }
    drop(server.behind_proxy().await);
    let clock = TestClock::new();
    let store = open_at(&server.url("table/p"), clock.env()).await;
    store.put("k", vec![1; 10_000]).await.unwrap();
    let key = Key::new("k").unwrap();
    let put = |value: Vec<u8>| {
        Step::Put(PutItem { key: key.clone(), value: value.into(), options: PutOptions::new() })
    };
    store.transact_opts(vec![put(vec![2; 20_000])], &Call::default()).await.unwrap();
    assert_eq!(chunks(server).await, 2);
    clock.advance(later(2));
    assert_eq!(store.sweep(&SweepOptions::new()).await.unwrap().removed, 1);
    assert_eq!((chunks(server).await, registered(server).await), (1, 1));
    assert_eq!(store.get("k").await.unwrap().unwrap(), vec![2; 20_000]);
}
