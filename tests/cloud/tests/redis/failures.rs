//! Servers that go away, answers that get lost, memory that is full, and what others put under the store's names.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{
    Call, DeleteOptions, Deleted, Env, ErrorKind, Key, Listed, PutItem, PutOptions, Step, Store, StoreExt,
    SweepOptions,
};
use larder_cloud_tests::redis::{Programs, Proxy, Server};
use tokio::task::JoinSet;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn url(proxy: &Proxy) -> String {
    format!("redis://127.0.0.1:{}/0/app?attempt_timeout=1s", proxy.port())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_started_again() {
    let test = "failures::a_server_that_is_killed_and_started_again";
    let settings = ["appendonly yes", "appendfsync always"];
    let Some(mut server) = Server::for_test(test, &settings) else { return };
    let store = larder::open(&server.url("app")).await.unwrap();
    store.put("before", "1").await.unwrap();
    let large = Bytes::from(vec![5; 3 << 20]);
    store.put("large", large.clone()).await.unwrap();

    // Idle while it happens: the next call finds a fresh connection by itself.
    server.restart().unwrap();
    assert_eq!(store.get("before").await.unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(store.get("large").await.unwrap(), Some(large));

    // Calls that come while it is away wait for it, as far as the budget for retries goes.
    server.kill();
    let mut calls = JoinSet::new();
    for n in 0..2 {
        let store: Arc<dyn Store> = store.clone();
        calls.spawn(async move { store.put(format!("while/{n}"), "2").await });
    }
    Env::system().sleep(Duration::from_millis(150)).await;
    server.restart().unwrap();
    while let Some(done) = calls.join_next().await {
        done.unwrap().unwrap();
    }
    // All of it was synced before it was acknowledged.
    server.restart().unwrap();
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    assert_eq!(listed.len(), 4);

    // One that does not come back is told, in time and by name.
    server.kill();
    let error =
        store.get_opts(&key("before"), &larder::GetOptions::new().with_call(soon(500))).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error}");
    assert!(error.to_string().contains("before") && error.to_string().contains("127.0.0.1"), "{error}");
    let put = PutOptions::new().with_call(soon(500));
    let error = store.put_opts(&key("never"), "3".into(), &put).await.unwrap_err();
    assert!(error.settled() && !error.is(ErrorKind::Unknown), "nothing was sent: {error:?}");
}

fn soon(millis: u64) -> Call {
    Call::within(&Env::system(), Duration::from_millis(millis))
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_get_lost() {
    let Some(server) = Server::for_test("failures::answers_that_get_lost", &[]) else { return };
    let proxy = Proxy::start(server.port()).unwrap();
    let store = larder::open(&url(&proxy)).await.unwrap();

    // The write was made: it is found, and said to be ours.
    let first = store.put("k", "1").await.unwrap();
    proxy.lose_answers(1);
    let second = store.put_if_matches("k", "2", first.version.clone()).await.unwrap();
    assert!(!second.settled, "an attempt got no answer");
    let (value, version) = store.get_versioned("k").await.unwrap().unwrap();
    assert_eq!((value.as_ref(), &version), (&b"2"[..], &second.version));

    proxy.lose_answers(1);
    let created = store.put_if_absent("new", "1").await.unwrap();
    assert!(!created.settled);
    proxy.lose_answers(1);
    let any = store.put("k", "3").await.unwrap();
    assert!(!any.settled);
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"3"[..]));

    // Whoever removed it: nobody can tell.
    proxy.lose_answers(1);
    let error = store.delete_opts(&key("k"), &DeleteOptions::new().with_only(any.version)).await.unwrap_err();
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false), "{error}");
    proxy.lose_answers(1);
    let error =
        store.delete_opts(&key("new"), &DeleteOptions::new().with_only(first.version)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unknown), "{error}");
    assert!(store.exists("new").await.unwrap());
    proxy.lose_answers(1);
    let gone = store.delete("new").await.unwrap();
    assert_eq!((gone.existed, gone.settled), (Deleted::NotTold, false));

    // A transaction is not sent twice.
    proxy.lose_answers(1);
    let item = PutItem { key: key("t"), value: "1".into(), options: PutOptions::new() };
    let error = store.transact(vec![Step::Put(item)]).await.unwrap_err();
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false), "{error}");
    assert_eq!(store.get("t").await.unwrap().as_deref(), Some(&b"1"[..]), "it was made");

    // Large values too, wherever the answer gets lost.
    let large = Bytes::from((0..3 << 20).map(|n: u32| (n % 251) as u8).collect::<Vec<_>>());
    for lost in [1, 2, 3] {
        proxy.lose_answers(lost);
        let done = store.put("large", large.clone()).await.unwrap();
        assert_eq!(store.get("large").await.unwrap(), Some(large.clone()), "{done:?}");
    }
    for lost in [1, 2] {
        proxy.lose_answers(lost);
        assert_eq!(store.get("large").await.unwrap(), Some(large.clone()));
    }
}

/// Many tasks count, and the wire is cut under them again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_counter_over_a_bad_wire() {
    let Some(server) = Server::for_test("failures::a_counter_over_a_bad_wire", &[]) else { return };
    let proxy = Proxy::start(server.port()).unwrap();
    let store = larder::open(&format!("{}&attempts=100", url(&proxy))).await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        tasks.spawn(async move {
            let (mut made, mut unknown) = (0u64, 0u64);
            for _ in 0..200 {
                let counted = store.update("count", |n| {
                    let n: u64 = n.map_or(0, |n| str::from_utf8(&n).unwrap().parse().unwrap());
                    Some((n + 1).to_string().into())
                });
                match counted.await {
                    Ok(_) => made += 1,
                    Err(error) if error.is(ErrorKind::Unknown) => unknown += 1,
                    Err(error) => panic!("{error:?}"),
                }
            }
            (made, unknown)
        });
    }
    let env = Env::system();
    let (mut made, mut unknown) = (0, 0);
    loop {
        tokio::select! {
            done = tasks.join_next() => match done {
                Some(done) => {
                    let done = done.unwrap();
                    made += done.0;
                    unknown += done.1;
                }
                None => break,
            },
            () = env.sleep(Duration::from_millis(20)) => proxy.cut(),
        }
    }
    proxy.trips();
    let count: u64 = str::from_utf8(&store.get("count").await.unwrap().unwrap()).unwrap().parse().unwrap();
    assert!((made..=made + unknown).contains(&count), "{count} counted, {made} made, {unknown} unknown");
    assert!(made > 1200, "{made} made, {unknown} unknown: the wire is bad, and not that bad");
    assert!(proxy.connections() > 3, "the wire was cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing() {
    let Some(server) = Server::for_test("failures::a_server_that_says_nothing", &[]) else { return };
    let proxy = Proxy::start(server.port()).unwrap();
    let store = larder::open(&url(&proxy)).await.unwrap();
    store.put("k", "1").await.unwrap();
    let env = Env::system();

    // A call's own deadline holds, and what it means is told.
    proxy.mute(true);
    let begun = env.now();
    let get = larder::GetOptions::new().with_call(soon(200));
    assert_eq!(store.get_opts(&key("k"), &get).await.unwrap_err().kind(), ErrorKind::Timeout);
    let put = PutOptions::new().with_call(soon(200));
    let error = store.put_opts(&key("k"), "2".into(), &put).await.unwrap_err();
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false), "{error}");
    assert!(env.now() - begun < Duration::from_secs(2));

    // Without one, the next attempt takes another connection, which answers.
    let before = proxy.connections();
    let asked = store.clone();
    let mut waiting = JoinSet::new();
    waiting.spawn(async move { asked.get("k").await });
    env.sleep(Duration::from_millis(500)).await;
    proxy.mute(false);
    let got = waiting.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(got.as_deref(), Some(&b"2"[..]));
    assert!(proxy.connections() > before, "a connection that said nothing is not used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_is_full() {
    let settings = ["maxmemory 24mb", "maxmemory-policy noeviction"];
    let Some(server) = Server::for_test("failures::memory_that_is_full", &settings) else { return };
    let store = larder::open(&server.url("app")).await.unwrap();
    let value = Bytes::from(vec![9; 100_000]);
    let mut there = 0;
    let error = loop {
        match store.put(format!("k/{there:04}"), value.clone()).await {
            Ok(_) => there += 1,
            Err(error) => break error,
        }
        assert!(there < 1000, "24 MiB hold no thousand of these");
    };
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Full, true), "{error}");
    assert!(error.to_string().contains("maxmemory"), "{error}");
    // Nothing of what failed is there, nothing of what was acknowledged is gone, and there is a way out.
    let names = async || -> usize { store.list("").try_collect::<Vec<Listed>>().await.unwrap().len() };
    assert_eq!(names().await, there);
    for batch in store.put_many((0..3).map(|n| (format!("many/{n}"), value.clone()))).await.unwrap() {
        assert_eq!(batch.unwrap_err().kind(), ErrorKind::Full);
    }
    let error = store.put("large", vec![1; 4 << 20]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert_eq!(names().await, there);
    for n in 0..there {
        assert_eq!(store.get(format!("k/{n:04}")).await.unwrap(), Some(value.clone()));
        if n % 2 == 0 {
            store.delete(format!("k/{n:04}")).await.unwrap();
        }
    }
    store.put("again", value.clone()).await.unwrap();
    assert_eq!(names().await, there / 2 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_put_under_our_names() {
    let Some(server) = Server::for_test("failures::what_others_put_under_our_names", &[]) else { return };
    let store = larder::open(&server.url("app")).await.unwrap();
    store.put("k", "v").await.unwrap();
    let redis = |args: &[&str]| server.cli(args).unwrap();

    // Text that is no record: told, and mended by a put.
    redis(&["SET", "{larder:app:0}v:text", "not a record"]);
    redis(&["SET", "{larder:app:0}v:empty", ""]);
    for name in ["text", "empty"] {
        assert_eq!(store.get(name).await.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(store.head(name).await.unwrap_err().kind(), ErrorKind::Corrupt);
        let part = store.get_range(name, 0..1).await;
        assert_eq!(part.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(store.put_if_absent("text", "v").await.unwrap_err().kind(), ErrorKind::Corrupt);
    store.put("text", "mended").await.unwrap();
    assert_eq!(store.get("text").await.unwrap().as_deref(), Some(&b"mended"[..]));

    // Another type: told by all, and others in the batch are not harmed.
    redis(&["LPUSH", "{larder:app:0}v:list", "x"]);
    assert_eq!(store.get("list").await.unwrap_err().kind(), ErrorKind::Corrupt);
    let done = store.put_many([("a", "1"), ("list", "2"), ("b", "3")]).await.unwrap();
    let kinds: Vec<_> = done.iter().map(|done| done.as_ref().err().map(|e| e.kind())).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::Corrupt), None]);
    let item =
        |name: &str| Step::Put(PutItem { key: key(name), value: "4".into(), options: PutOptions::new() });
    let error = store.transact(vec![item("a"), item("list")]).await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Corrupt, Some(&key("list"))), "{error}");
    assert_eq!(store.get("a").await.unwrap().as_deref(), Some(&b"1"[..]), "all or none");

    // A damaged record, and one of another key.
    let damage = |name: &str| redis(&["SETRANGE", &format!("{{larder:app:0}}v:{name}"), "90", "###"]);
    store.put("damaged", vec![b'x'; 1000]).await.unwrap();
    damage("damaged");
    assert_eq!(store.get("damaged").await.unwrap_err().kind(), ErrorKind::Corrupt);
    redis(&["RENAME", "{larder:app:0}v:b", "{larder:app:0}v:elsewhere"]);
    assert_eq!(store.get("elsewhere").await.unwrap_err().kind(), ErrorKind::Corrupt);

    // A member of the index that is none, and one whose facts are damaged.
    redis(&["ZADD", "{larder:app:0}i", "0", "nonsense"]);
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    assert!(
        listed.iter().any(|item| matches!(item, Listed::Foreign { name, .. } if name == "nonsense")),
        "{listed:?}"
    );
    redis(&["ZREM", "{larder:app:0}i", "nonsense"]);

    // An index of another type: nothing is written that could not be listed.
    redis(&["SET", "{larder:odd:0}i", "x"]);
    let odd = larder::open(&server.url("odd")).await.unwrap();
    assert_eq!(odd.put("k", "v").await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(redis(&["EXISTS", "{larder:odd:0}v:k"]), "0");

    // A marker that is somebody else's.
    redis(&["SET", "{larder:taken:0}m", "mine"]);
    let taken = larder::open(&server.url("taken")).await.unwrap();
    for error in [taken.get("k").await.unwrap_err(), taken.put("k", "v").await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }

    // Destroying takes nothing of others.
    redis(&["SET", "{larder:app:0}other", "x"]);
    let registry = larder::registry();
    let refused = registry.destroy_url(&server.url("app"), &larder::OpenOptions::new()).await.unwrap_err();
    assert!(refused.is(ErrorKind::Invalid) && refused.to_string().contains("other"), "{refused}");
}

/// What Redis removes by itself, and what is left of uploads that were killed.
#[tokio::test(flavor = "multi_thread")]
async fn each_shard_is_tidied() {
    let Some(server) = Server::for_test("failures::each_shard_is_tidied", &[]) else { return };
    let store = larder::open(&format!("{}&shards=8", server.url("app"))).await.unwrap();
    let entries = |n: u32| -> i64 {
        let all = (0..8).map(|shard| server.cli(&["ZCARD", &format!("{{larder:app:{shard}}}e")]).unwrap());
        let all: Vec<i64> = all.map(|count| count.parse().unwrap()).collect();
        assert!(n == 0 || all.iter().all(|count| *count > 0), "every shard has some: {all:?}");
        all.iter().sum()
    };
    let expires = PutOptions::new().with_expires(Env::system().wall() + Duration::from_secs(100));
    let put = |n: u32| PutItem { key: key(&format!("k/{n}")), value: "v".into(), options: expires.clone() };
    for done in store.put_many_opts((0..64).map(put).collect(), &Call::default()).await {
        done.unwrap();
    }
    assert_eq!(entries(64), 64);
    // Their time is over, and Redis has removed them.
    let past =
        "for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], 1, m) end";
    for shard in 0..8 {
        server.cli(&["EVAL", past, "1", &format!("{{larder:app:{shard}}}e")]).unwrap();
    }
    // Batches write to all shards in turn, each time in the same order.
    for _ in 0..8 {
        for done in store.put_many((0..64).map(|n| (format!("other/{n}"), "v"))).await.unwrap() {
            done.unwrap();
        }
    }
    assert_eq!(entries(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_by_itself() {
    let Some(server) = Server::for_test("failures::what_goes_by_itself", &[]) else { return };
    let store = larder::open(&server.url("app")).await.unwrap();
    let env = Env::system();
    let number = |args: &[&str]| -> i64 { server.cli(args).unwrap().parse().unwrap() };

    let expires = PutOptions::new().with_expires(env.wall() + Duration::from_secs(100));
    store.put_opts(&key("small"), "v".into(), &expires).await.unwrap();
    store.put_opts(&key("large"), vec![1; 2 << 20].into(), &expires).await.unwrap();
    let left = number(&["PTTL", "{larder:app:0}v:small"]);
    assert!((155_000..=160_000).contains(&left), "a minute longer than it is told: {left}");
    let parts = server.cli(&["--scan", "--pattern", "{larder:app:0}p:*"]).unwrap();
    assert_eq!(parts.lines().count(), 3);
    for part in parts.lines() {
        let left = number(&["PTTL", part]);
        assert!((1_050_000..=1_060_000).contains(&left), "and its parts for readers: {left}");
    }
    // A value without an end has parts without one.
    store.put("large", vec![2; 2 << 20]).await.unwrap();
    let now = server.cli(&["--scan", "--pattern", "{larder:app:0}p:*"]).unwrap();
    let (old, new): (Vec<_>, Vec<_>) = now.lines().partition(|part| parts.contains(*part));
    assert_eq!((old.len(), new.len()), (3, 3));
    assert!(new.iter().all(|part| number(&["PTTL", part]) == -1));
    assert!(
        old.iter().all(|part| (1..=900_000).contains(&number(&["PTTL", part]))),
        "fifteen minutes for readers"
    );
    assert_eq!(number(&["ZCARD", "{larder:app:0}g"]), 0, "and nothing is left to be swept");

    // Redis's clock goes on: what it has removed leaves the index with one of the next eight writes.
    assert_eq!((number(&["ZCARD", "{larder:app:0}i"]), number(&["ZCARD", "{larder:app:0}e"])), (2, 1));
    let past =
        "for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', KEYS[1], 1, m) end";
    server.cli(&["EVAL", past, "1", "{larder:app:0}e"]).unwrap();
    server.cli(&["DEL", "{larder:app:0}v:small"]).unwrap();
    for _ in 0..8 {
        store.put("other", "v").await.unwrap();
    }
    assert_eq!((number(&["ZCARD", "{larder:app:0}i"]), number(&["ZCARD", "{larder:app:0}e"])), (2, 0));

    // An upload whose process is gone: its parts have an end, and a sweep finds them before.
    let leftover = format!("{}:0", "ab".repeat(16));
    for n in 0..3 {
        let part = format!("{{larder:app:0}}p:{}:{n}", "ab".repeat(16));
        server.cli(&["SET", &part, "xyz", "PX", "86400000"]).unwrap();
    }
    server.cli(&["ZADD", "{larder:app:0}g", "1000", &leftover]).unwrap();
    let swept = store.sweep(&SweepOptions::default().with_dry_run(true)).await.unwrap();
    assert_eq!((swept.found, swept.removed, swept.bytes), (1, 0, 9), "{swept:?}");
    let swept = store.sweep(&SweepOptions::default()).await.unwrap();
    assert_eq!((swept.found, swept.removed), (1, 1), "{swept:?}");
    assert_eq!(number(&["ZCARD", "{larder:app:0}g"]), 0);
    let parts = server.cli(&["--scan", "--pattern", "{larder:app:0}p:ab*"]).unwrap();
    assert!(parts.is_empty(), "{parts}");
}

/// A stream is of one version, also when that is replaced, and its parts are gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_value_is_replaced() {
    let Some(programs) = Programs::for_test("failures::a_stream_whose_value_is_replaced") else { return };
    let server = Server::start(&programs, &[]).unwrap();
    let store = larder::open(&server.url("app")).await.unwrap();
    let old = Bytes::from(vec![b'o'; 6 << 20]);
    store.put("k", old.clone()).await.unwrap();
    let mut reading = store.get_stream("k").await.unwrap().unwrap();
    let first = reading.try_next().await.unwrap().unwrap();
    store.put("k", vec![b'n'; 6 << 20]).await.unwrap();
    let mut rest = vec![first];
    rest.extend(reading.try_collect::<Vec<_>>().await.unwrap());
    assert_eq!(rest.concat(), old, "what is replaced stays for readers");

    let mut reading = store.get_stream("k").await.unwrap().unwrap();
    let first = reading.try_next().await.unwrap().unwrap();
    assert!(first.iter().all(|byte| *byte == b'n'));
    store.delete("k").await.unwrap();
    for part in server.cli(&["--scan", "--pattern", "{larder:app:0}p:*"]).unwrap().lines() {
        server.cli(&["DEL", part]).unwrap();
    }
    let mut seen = first.len();
    let ended = loop {
        match reading.try_next().await {
            Ok(Some(piece)) => {
                assert!(piece.iter().all(|byte| *byte == b'n'));
                seen += piece.len();
            }
            Ok(None) => panic!("it ended well after {seen} bytes"),
            Err(error) => break error,
        }
    };
    assert_eq!(ended.kind(), ErrorKind::Conflict, "{ended}");
    assert!(seen < 6 << 20);

    // Parts that are missing under a value that stands are damage, and not "replaced".
    store.put("k", vec![b'x'; 2 << 20]).await.unwrap();
    let parts = server.cli(&["--scan", "--pattern", "{larder:app:0}p:*"]).unwrap();
    server.cli(&["DEL", parts.lines().next().unwrap()]).unwrap();
    assert_eq!(store.get("k").await.unwrap_err().kind(), ErrorKind::Corrupt);
}
