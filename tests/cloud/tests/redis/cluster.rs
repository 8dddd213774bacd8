//! Three primaries and their replicas: failover, planned and not, and slots on the move.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{Env, ErrorKind, Store, StoreExt};
use larder_cloud_tests::redis::Cluster;
use tokio::task::JoinSet;

/// Shards of the namespace: enough that each primary has some.
const SHARDS: u16 = 12;

fn count(value: Option<Bytes>) -> u64 {
    value.map_or(0, |value| str::from_utf8(&value).unwrap().parse().unwrap())
}

/// One more, until it is surely made; how often it was not sure.
async fn increment(store: &Arc<dyn Store>, key: &str) -> u64 {
    let mut unknown = 0;
    loop {
        let made = store.update(key, |n| Some((count(n) + 1).to_string().into())).await;
        match made {
            Ok(_) => return unknown,
            Err(error) if error.is(ErrorKind::Unknown) => unknown += 1,
            Err(error) if error.kind().is_retryable() => {}
            Err(error) => panic!("{error:?}"),
        }
        Env::system().sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_failover_loses_nothing() {
    let test = "cluster::a_planned_failover_loses_nothing";
    let Some(cluster) = Cluster::for_test(test, Duration::from_secs(5)) else { return };
    let store = larder::open(&cluster.url("app", 1)).await.unwrap();
    store.put("count", "0").await.unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        tasks.spawn(async move {
            let mut unknown = 0;
            for _ in 0..250 {
                unknown += increment(&store, "count").await;
            }
            unknown
        });
    }
    // Twice, there and back: the replica catches up before it takes over.
    let env = Env::system();
    for _ in 0..2 {
        let primary = cluster.primary_of("{larder:app:0}m").unwrap();
        let port = cluster.nodes()[primary].port();
        let replica = cluster.nodes().iter().find(|node| {
            let said = node.cli(&["INFO", "replication"]).unwrap();
            said.contains("role:slave") && said.contains(&format!("master_port:{port}"))
        });
        let replica = replica.expect("it has a replica");
        let begun = env.now();
        let mut asked = begun - Duration::from_secs(60);
        while cluster.primary_of("{larder:app:0}m").unwrap() == primary {
            assert!(env.now() - begun < Duration::from_secs(60), "nobody took over");
            // One that takes more than five seconds, as on a busy machine, is given up by the nodes.
            if env.now() - asked > Duration::from_secs(6) {
                replica.cli(&["CLUSTER", "FAILOVER"]).unwrap();
                asked = env.now();
            }
            env.sleep(Duration::from_millis(50)).await;
        }
        while !cluster.is_whole() {
            assert!(env.now() - begun < Duration::from_secs(90), "the cluster does not find together");
            env.sleep(Duration::from_millis(50)).await;
        }
    }
    let mut unknown = 0;
    while let Some(done) = tasks.join_next().await {
        unknown += done.unwrap();
    }
    // What is unknown may have been made besides, once each.
    let found = count(store.get("count").await.unwrap());
    assert!((1000..=1000 + unknown).contains(&found), "{found} of 1000, {unknown} unknown");
}

/// What a task wrote: when it was acknowledged, and under which key.
struct Acknowledged {
    at: Instant,
    key: String,
}

/// A primary dies in the middle of a workload, and its replica takes over.
///
/// What Redis promises is checked, and no more: what was acknowledged is lost only if it was written to the primary that
/// died, just before it did, and not sent to its replica yet. No value is ever another's, or half of one.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_dies() {
    let test = "cluster::a_primary_that_dies";
    let Some(mut cluster) = Cluster::for_test(test, Duration::from_secs(2)) else { return };
    let store = larder::open(&cluster.url("app", SHARDS)).await.unwrap();
    let env = Env::system();
    let (over, mut over_seen) = tokio::sync::watch::channel(false);

    let mut writers = JoinSet::new();
    for task in 0..6 {
        let (store, env, over) = (store.clone(), env.clone(), over_seen.clone());
        writers.spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0.. {
                if *over.borrow() {
                    break;
                }
                let key = format!("w/{task}/{n:06}");
                // Some in parts, whose head and parts lie together.
                let len = if n % 25 == 0 { 600_000 } else { 100 };
                let value = vec![(task * 31 + n) as u8; len];
                match store.put(&*key, value).await {
                    Ok(_) => acknowledged.push(Acknowledged { at: env.now(), key }),
                    Err(error) if error.is(ErrorKind::Unknown) || error.kind().is_retryable() => {}
                    Err(error) => panic!("{error:?}"),
                }
                env.sleep(Duration::from_millis(2)).await;
            }
            acknowledged
        });
    }
    let mut counters = JoinSet::new();
    for _ in 0..2 {
        let (store, env, over) = (store.clone(), env.clone(), over_seen.clone());
        counters.spawn(async move {
            let (mut made, mut unknown) = (Vec::new(), 0);
            while !*over.borrow() {
                unknown += increment(&store, "count").await;
                made.push(env.now());
            }
            (made, unknown)
        });
    }

    env.sleep(Duration::from_secs(2)).await;
    let shard = {
        // Where the counter is: the same sum as the store's.
        let listed = (0..SHARDS).find(|shard| {
            let tag = format!("{{larder:app:{shard}}}");
            let node = &cluster.nodes()[cluster.primary_of(&format!("{tag}m")).unwrap()];
            node.cli(&["-c", "EXISTS", &format!("{tag}v:count")]).unwrap() == "1"
        });
        listed.expect("the counter is somewhere")
    };
    let died = cluster.primary_of(&format!("{{larder:app:{shard}}}m")).unwrap();
    let of_died: Vec<u16> = (0..SHARDS)
        .filter(|shard| cluster.primary_of(&format!("{{larder:app:{shard}}}m")).unwrap() == died)
        .collect();
    let killed = env.now();
    cluster.node(died).kill();

    // Those of the others are served on, and those of the dead one again when its replica has taken over.
    while cluster.primary_of(&format!("{{larder:app:{shard}}}m")).map_or(true, |now| now == died) {
        assert!(env.now() - killed < Duration::from_secs(30), "nobody took over");
        env.sleep(Duration::from_millis(100)).await;
    }
    let taken = env.now();
    env.sleep(Duration::from_secs(4)).await;
    over.send(true).unwrap();
    let _ = over_seen.changed().await;

    let (mut made, mut unknown) = (Vec::new(), 0);
    while let Some(done) = counters.join_next().await {
        let done = done.unwrap();
        made.extend(done.0);
        unknown += done.1;
    }
    let mut acknowledged = Vec::new();
    while let Some(done) = writers.join_next().await {
        acknowledged.extend(done.unwrap());
    }
    let after = acknowledged.iter().filter(|write| write.at > taken).count();
    assert!(after > 100, "{after} writes were made after the failover: the store goes on by itself");

    // A second before it died is more than its replica was ever behind.
    let window = killed - Duration::from_secs(1)..taken + Duration::from_secs(2);
    let mut lost = Vec::new();
    for write in &acknowledged {
        let value = store.get(&*write.key).await.unwrap_or_else(|e| panic!("{e:?}"));
        let Some(value) = value else {
            lost.push(write);
            continue;
        };
        let (task, n) = write.key[2..].split_once('/').unwrap();
        let (task, n): (usize, usize) = (task.parse().unwrap(), n.parse().unwrap());
        let len = if n % 25 == 0 { 600_000 } else { 100 };
        assert!(value.len() == len && value.iter().all(|b| *b == (task * 31 + n) as u8), "{}", write.key);
    }
    for write in &lost {
        assert!(window.contains(&write.at), "{} was lost, and acknowledged far from the failover", write.key);
    }
    assert!(lost.len() < acknowledged.len() / 10, "{} of {} lost", lost.len(), acknowledged.len());
    // Each shard lists what it has.
    let listed: Vec<_> = store.list("w/").try_collect().await.unwrap();
    let names: std::collections::HashSet<_> = listed.iter().map(|item| item.name()).collect();
    for write in acknowledged.iter().filter(|write| lost.iter().all(|lost| lost.key != write.key)) {
        assert!(names.contains(&*write.key), "{} is there, and not listed", write.key);
    }

    // The counter has what was counted, less what the replica had not heard of, and more by what nobody knows.
    let found = count(store.get("count").await.unwrap());
    let in_doubt = made.iter().filter(|at| window.contains(*at)).count() as u64;
    let sum = made.len() as u64;
    assert!(
        (sum - in_doubt.min(sum)..=sum + unknown).contains(&found),
        "{found} counted, {sum} made, {in_doubt} about when it died, {unknown} unknown"
    );
    println!(
        "{} acknowledged, {} lost of {} shards of 12; counter {found} of {sum}, {unknown} unknown; taken over after {:?}",
        acknowledged.len(),
        lost.len(),
        of_died.len(),
        taken - killed
    );

    // It comes back as a replica, and nothing changes.
    cluster.node(died).restart().unwrap();
    let begun = env.now();
    while !cluster.is_whole() {
        assert!(env.now() - begun < Duration::from_secs(30), "the cluster does not find together");
        env.sleep(Duration::from_millis(100)).await;
    }
    increment(&store, "count").await;
    assert_eq!(count(store.get("count").await.unwrap()), found + 1);
}

/// A slot goes to another node: who asks the old one is sent on.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves() {
    let Some(cluster) = Cluster::for_test("cluster::a_slot_that_moves", Duration::from_secs(15)) else {
        return;
    };
    let store = larder::open(&cluster.url("app", 1)).await.unwrap();
    let large = Bytes::from(vec![6; 3 << 20]);
    store.put("k", "1").await.unwrap();
    store.put("large", large.clone()).await.unwrap();

    let from = &cluster.nodes()[cluster.primary_of("{larder:app:0}m").unwrap()];
    let to = cluster.nodes().iter().find(|node| {
        node.port() != from.port() && node.cli(&["INFO", "replication"]).unwrap().contains("role:master")
    });
    let to = to.unwrap();
    let slot = from.cli(&["CLUSTER", "KEYSLOT", "{larder:app:0}m"]).unwrap();
    let (from_id, to_id) = (from.cli(&["CLUSTER", "MYID"]).unwrap(), to.cli(&["CLUSTER", "MYID"]).unwrap());
    to.cli(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]).unwrap();
    from.cli(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]).unwrap();
    let keys = from.cli(&["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]).unwrap();
    let port = to.port().to_string();
    // One that has gone and one that has not: reads find both.
    let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS", "{larder:app:0}v:k"];
    assert_eq!(from.cli(&migrate).unwrap(), "OK");
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"1"[..]), "asked for where it has gone");
    assert_eq!(store.get("large").await.unwrap(), Some(large.clone()));
    // A write names keys on both sides, and waits until they are together.
    let mut waiting = JoinSet::new();
    let writer = store.clone();
    waiting.spawn(async move { writer.put("k", "2").await });
    migrate.truncate(7);
    migrate.extend(keys.lines().filter(|key| *key != "{larder:app:0}v:k"));
    assert_eq!(from.cli(&migrate).unwrap(), "OK");
    assert_eq!(store.get("large").await.unwrap(), Some(large.clone()));
    for node in [to, from] {
        node.cli(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]).unwrap();
    }
    waiting.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(store.get("large").await.unwrap(), Some(large));
    store.update("k", |n| Some((count(n) + 1).to_string().into())).await.unwrap();
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    assert_eq!(listed.len(), 2);
}

/// One node is enough to find the others; and a server alone is told from a cluster.
#[tokio::test(flavor = "multi_thread")]
async fn any_node_knows_the_others() {
    let test = "cluster::any_node_knows_the_others";
    let Some(mut cluster) = Cluster::for_test(test, Duration::from_secs(15)) else { return };
    for node in cluster.nodes() {
        let url = format!("redis://127.0.0.1:{}/0/app?cluster=true&shards={SHARDS}", node.port());
        let store = larder::open(&url).await.unwrap();
        store.put(format!("from/{}", node.port()), "x").await.unwrap();
        assert!(store.exists("from").await.is_ok());
    }
    let alone = format!("redis://127.0.0.1:{}/0/other", cluster.nodes()[0].port());
    let store = larder::open(&alone).await.unwrap();
    // Some key lies elsewhere, and then the server says so.
    let mut told = 0;
    for namespace in 0..8 {
        let store = larder::open(&alone.replace("other", &format!("other{namespace}"))).await.unwrap();
        if let Err(error) = store.put("k", "v").await {
            assert!(error.is(ErrorKind::Invalid) && error.to_string().contains("cluster=true"), "{error}");
            told += 1;
        }
    }
    assert!(told > 0);
    drop(store);
    // The first of the seeds is away.
    let url = cluster.url("app", SHARDS);
    cluster.node(0).kill();
    let store = larder::open(&url).await.unwrap();
    let served = (0..SHARDS)
        .any(|shard| cluster.primary_of(&format!("{{larder:app:{shard}}}m")).is_ok_and(|at| at != 0));
    assert!(served && store.id().place().starts_with("//127.0.0.1"));
}
