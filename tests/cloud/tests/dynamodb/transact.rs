//! Transactions, beyond what the conformance suite asks of them.

use bytes::Bytes;
use larder::{
    Call, DeleteItem, ErrorKind, Key, Precondition, PutItem, PutOptions, Step, StepDone, Store, StoreExt,
};
use larder_cloud_tests::dynamodb::{Harm, Rule};

use crate::servers::{On, Server, drained, lacks, on_both};

on_both! { one_that_got_no_answer_is_made_once one_request_for_all too_many_are_refused_before_any_request }

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn put(text: &str, value: impl Into<Bytes>, pre: Precondition) -> Step {
    Step::Put(PutItem { key: key(text), value: value.into(), options: PutOptions::new().with_pre(pre) })
}

/// The emulator without transactions refuses them by its own name, where it is not told not to be asked.
async fn unless_it_has_none(test: &str, server: &Server) -> bool {
    if let Server::MiniStack(_) = server {
        return false;
    }
    lacks(test, On::Dynalite, "TransactWriteItems", "on_ministack");
    let url = larder_cloud_tests::dynamodb::url(server.port(), "table/p");
    drop(larder::open(&format!("{url}&create=true")).await.unwrap());
    let step = || vec![put("k", "v", Precondition::Any)];
    for (url, said) in
        [(url.clone(), "UnknownOperation"), (format!("{url}&transactions=false"), "transactions")]
    {
        let store = larder::open(&url).await.unwrap();
        let error = store.transact(step()).await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unsupported, true), "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(store.get("k").await.unwrap(), None);
    }
    true
}

async fn one_that_got_no_answer_is_made_once(server: &Server) {
    if unless_it_has_none("one_that_got_no_answer_is_made_once", server).await {
        return;
    }
    let proxy = server.behind_proxy().await;
    let store = larder::open(&proxy.url("table/p")).await.unwrap();
    let mut version = store.put("counter", "0").await.unwrap().version;
    store.put("gone", "v").await.unwrap();
    let harms = [Harm::LoseAnswer, Harm::FailAfter, Harm::LoseRequest, Harm::Throttle, Harm::Contended];
    for (n, harm) in harms.into_iter().enumerate() {
        proxy.set_rules(3, [Rule::once("TransactWriteItems", harm)]);
        let value = (n + 1).to_string();
        let steps = vec![
            put("counter", value.clone(), Precondition::Matches(version)),
            put("large", vec![n as u8; 10_000], Precondition::Any),
            put(&format!("new/{n}"), "v", Precondition::Absent),
        ];
        // A second attempt that were another transaction would be refused: what it wants is no longer so.
        let done =
            store.transact_opts(steps, &Call::default()).await.unwrap_or_else(|e| panic!("{harm:?}: {e}"));
        let answered = matches!(harm, Harm::Throttle | Harm::Contended);
        assert_eq!(done.settled, answered, "{harm:?}");
        assert_eq!(store.get("counter").await.unwrap().unwrap(), value);
        assert_eq!(store.get("large").await.unwrap().unwrap(), vec![n as u8; 10_000]);
        let StepDone::Written(written) = &done.steps[0] else { panic!("{:?}", done.steps[0]) };
        version = written.version.clone();
    }
    // A conflict that comes first is one.
    proxy.set_rules(3, []);
    let steps = vec![
        put("other", vec![1; 50_000], Precondition::Any),
        Step::Delete(DeleteItem { key: key("gone"), only: Some(version) }),
    ];
    let error = store.transact(steps).await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Conflict, Some(&key("gone"))), "{error}");
    assert!(error.settled() && error.current().is_some());
    assert_eq!(store.get("other").await.unwrap(), None);
    // Its chunks are gone again.
    drained(&*store).await;
    let chunks = crate::sweep::items(server.port(), "table").await;
    assert_eq!(chunks.iter().filter(|pk| pk.starts_with("c:")).count(), 5, "one for each that was made");
}

async fn one_request_for_all(server: &Server) {
    if unless_it_has_none("one_request_for_all", server).await {
        return;
    }
    let proxy = server.behind_proxy().await;
    let store = larder::open(&proxy.url("table/p")).await.unwrap();
    store.put("first", "v").await.unwrap();
    proxy.take_requests();
    let steps: Vec<_> = (0..100).map(|n| put(&format!("k/{n}"), "v", Precondition::Absent)).collect();
    let done = store.transact(steps.clone()).await.unwrap();
    assert_eq!((done.steps.len(), done.settled), (100, true));
    assert_eq!(proxy.take_requests(), [("TransactWriteItems".to_owned(), 1)].into());
    let error = store.transact(steps).await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Conflict, Some(&key("k/0"))));
    assert_eq!(proxy.take_requests(), [("TransactWriteItems".to_owned(), 1)].into());
    // What holds anyway is not asked for.
    let nothing = vec![Step::Check { key: key("first"), pre: Precondition::Any }];
    assert_eq!(store.transact(nothing).await.unwrap().steps, [StepDone::Checked]);
    assert_eq!(proxy.take_requests(), [].into());
}

async fn too_many_are_refused_before_any_request(server: &Server) {
    if unless_it_has_none("too_many_are_refused_before_any_request", server).await {
        return;
    }
    let proxy = server.behind_proxy().await;
    let store = larder::open(&proxy.url("table/p")).await.unwrap();
    let steps: Vec<_> = (0..101).map(|n| put(&format!("k/{n}"), "v", Precondition::Any)).collect();
    let error = store.transact(steps).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("101 steps"), "{error}");
    let twice = vec![put("k", "v", Precondition::Any), put("k", "w", Precondition::Any)];
    assert_eq!(store.transact(twice).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(proxy.take_requests(), [].into());
}
