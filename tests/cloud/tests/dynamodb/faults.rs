//! Writes whose answer does not come.

use bytes::Bytes;
use larder::{Call, ErrorKind, Key, PutItem, PutOptions, Store, StoreExt};
use larder_cloud_tests::dynamodb::{Harm, Rule};

use crate::servers::{Server, drained, on_both};

on_both! {
    a_lost_answer_is_looked_for a_lost_request_is_sent_again no_increment_is_lost_or_made_twice large_values_under_harm
    batches_under_harm
}

const LOST: [Harm; 2] = [Harm::LoseAnswer, Harm::FailAfter];

async fn a_lost_answer_is_looked_for(server: &Server) {
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    let mut version = store.put("k", "0").await.unwrap().version;
    for (n, harm) in LOST.into_iter().enumerate() {
        // It was made: whoever takes the refusal of the second attempt for the truth says that it was not.
        proxy.set_rules(1, [Rule::once("PutItem", harm)]);
        let key = format!("new/{n}");
        let written = store.put_if_absent(&*key, "v").await.unwrap();
        assert!(!written.settled, "{harm:?}: an attempt got no answer");
        assert_eq!(store.get_versioned(&*key).await.unwrap().unwrap().1, written.version);

        proxy.set_rules(1, [Rule::once("PutItem", harm)]);
        let written = store.put_if_matches("k", format!("{n}"), version.clone()).await.unwrap();
        assert!(!written.settled);
        assert_eq!(written.version.predecessors()[0], version.write_id().unwrap());
        assert_eq!(store.get("k").await.unwrap().unwrap(), format!("{n}"));
        version = written.version;

        // Of a delete nobody knows whose it was.
        proxy.set_rules(1, [Rule::once("DeleteItem", harm)]);
        let only = larder::DeleteOptions::new().with_only(version.clone());
        let error = store.delete_opts(&Key::new("k").unwrap(), &only).await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false), "{error}");
        proxy.set_rules(1, []);
        assert_eq!(store.get("k").await.unwrap(), None);
        version = store.put("k", "again").await.unwrap().version;
    }
}

async fn a_lost_request_is_sent_again(server: &Server) {
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    store.put("first", "v").await.unwrap();
    proxy.set_rules(1, [Rule::once("PutItem", Harm::LoseRequest)]);
    let written = store.put_if_absent("k", "v").await.unwrap();
    assert!(!written.settled, "it may still land");
    proxy.set_rules(1, [Rule::once("PutItem", Harm::Contended)]);
    let written = store.put_if_matches("k", "w", written.version).await.unwrap();
    assert!(written.settled, "that others were at it is an answer");
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"w"[..]));
}

/// The counter of many tasks, while one answer of ten is lost: what was acknowledged is there, and nothing twice.
async fn no_increment_is_lost_or_made_twice(server: &Server) {
    const TASKS: u64 = 8;
    const ROUNDS: u64 = 15;
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    store.put("n", "0").await.unwrap();
    let often = |operation, harm| Rule::often(operation, harm, 0.08);
    proxy.set_rules(
        99,
        [
            often("PutItem", Harm::LoseAnswer),
            often("PutItem", Harm::LoseRequest),
            often("PutItem", Harm::FailAfter),
            often("PutItem", Harm::Throttle),
            often("GetItem", Harm::LoseAnswer),
        ],
    );
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let store = store.clone();
        tasks.spawn(async move {
            let (mut made, mut unknown) = (0, 0);
            for _ in 0..ROUNDS {
                let number = |old: Option<Bytes>| {
                    let old = String::from_utf8(old.unwrap().to_vec()).unwrap().parse::<u64>().unwrap();
                    Some(Bytes::from((old + 1).to_string()))
                };
                match store.update("n", number).await {
                    Ok(_) => made += 1,
                    Err(error) if error.is(ErrorKind::Unknown) => unknown += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            (made, unknown)
        });
    }
    let (mut made, mut unknown) = (0, 0);
    while let Some(task) = tasks.join_next().await {
        let done = task.unwrap();
        (made, unknown) = (made + done.0, unknown + done.1);
    }
    proxy.set_rules(1, []);
    let value = store.get("n").await.unwrap().unwrap();
    let value: u64 = String::from_utf8(value.to_vec()).unwrap().parse().unwrap();
    assert!(
        (made..=made + unknown).contains(&value),
        "{value} of {made} that were made and {unknown} unknown"
    );
    assert!(made > TASKS * ROUNDS / 2, "{made} of {}: nearly nothing was tested", TASKS * ROUNDS);
}

async fn large_values_under_harm(server: &Server) {
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    store.put("first", "v").await.unwrap();
    let often = |operation, harm| Rule::often(operation, harm, 0.1);
    for seed in 1..6u8 {
        let value = Bytes::from(vec![seed; 2_500_000 + usize::from(seed)]);
        proxy.set_rules(
            u64::from(seed),
            [
                often("PutItem", Harm::LoseAnswer),
                often("PutItem", Harm::LoseRequest),
                often("PutItem", Harm::Throttle),
                often("GetItem", Harm::LoseAnswer),
                often("GetItem", Harm::Throttle),
            ],
        );
        match store.put("k", value.clone()).await {
            Ok(_) => assert!(store.get("k").await.unwrap().unwrap() == value, "seed {seed}"),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Unknown), "seed {seed}: {error}");
                let now = store.get("k").await.unwrap();
                let whole = now.is_none_or(|now| now.iter().all(|byte| *byte == now[0]));
                assert!(whole, "seed {seed}: a mix");
            }
        }
    }
    proxy.set_rules(1, []);
    drained(&*store).await;
    assert!(store.get("k").await.unwrap().is_some());
}

async fn batches_under_harm(server: &Server) {
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    store.put("first", "v").await.unwrap();
    proxy.set_rules(
        5,
        [Rule::once("BatchWriteItem", Harm::LoseAnswer), Rule::once("BatchGetItem", Harm::LoseAnswer)],
    );
    let keys: Vec<_> = (0..60).map(|n| Key::new(format!("k/{n}")).unwrap()).collect();
    let item = |key: &Key| PutItem { key: key.clone(), value: "v".into(), options: PutOptions::new() };
    let put = store.put_many_opts(keys.iter().map(item).collect(), &Call::default()).await;
    let unsettled = put.iter().filter(|put| !put.as_ref().unwrap().settled).count();
    assert!((1..=25).contains(&unsettled), "{unsettled} of one request whose answer was lost");
    for got in store.get_many(keys).await.unwrap() {
        assert_eq!(got.unwrap().as_deref(), Some(&b"v"[..]));
    }
}
