//! Two processes over one origin and one shared front, under a mixed load, stopped and started again under it.
//!
//! `LARDER_SERVICE_SECONDS` says how long (20 over files and 15 over a bucket; half an hour for a campaign).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use bytes::Bytes;
use larder::Env;
use larder_cloud_tests::s3::{Double, DoubleOptions};
use tokio::task::JoinSet;

use crate::client::{Client, NoAnswer};
use crate::process::{Service, over_bucket, over_files, settings};
use crate::watch::{Taken, taken};

const WORKERS: usize = 12;
const COUNTERS: usize = 4;

/// What all workers share.
struct Bench {
    /// Where the two processes listen; one may be away.
    bases: RwLock<[Option<String>; 2]>,
    over: AtomicBool,
    /// Increments that were acknowledged, and those without an answer, by counter.
    counted: [(AtomicU64, AtomicU64); COUNTERS],
    /// Keys that one worker alone writes: what was acknowledged last, and whether a later write got no answer.
    own: Mutex<HashMap<String, (u64, bool)>>,
    requests: AtomicU64,
    lost_answers: AtomicU64,
}

impl Bench {
    fn base(&self, draw: u64) -> String {
        let bases = self.bases.read().unwrap();
        let at = (draw % 2) as usize;
        bases[at].clone().or_else(|| bases[1 - at].clone()).expect("one of them runs")
    }
}

fn draw() -> u64 {
    Env::system().random_u64()
}

fn number(body: &Bytes) -> u64 {
    std::str::from_utf8(body).unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// How long, and what must have happened in each second for the rest to mean something.
struct Pace {
    seconds: u64,
    requests: u64,
    /// In each front of each process.
    hits: u64,
}

impl Pace {
    fn of(seconds: u64, requests: u64, hits: u64) -> Pace {
        let asked = std::env::var("LARDER_SERVICE_SECONDS").ok();
        let asked = asked.map(|text| text.parse().expect("LARDER_SERVICE_SECONDS is a number"));
        Pace { seconds: asked.unwrap_or(seconds), requests, hits }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_under_load() {
    let folder = tempfile::tempdir().unwrap();
    load(&over_files(folder.path()), Pace::of(20, 100, 5)).await;
}

/// The bucket is that of the double, which runs in this process; the service only knows its address.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_over_a_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let double =
        Double::start(DoubleOptions { buckets: vec!["origin".into()], ..Default::default() }).unwrap();
    load(&over_bucket(folder.path(), &double.url("origin/service")), Pace::of(15, 40, 2)).await;
    let requests = double.requests();
    assert!(requests.get("PutObject").is_some_and(|puts| *puts > 100), "{requests:?}");
    assert_eq!(double.uploads("origin"), 0, "an upload was left behind");
}

async fn load(tiers: &[String], pace: Pace) {
    let (env, seconds) = (Env::system(), pace.seconds);
    let start = || Service::start(&settings(tiers, ""));
    let (first, second) = (start(), start());
    let bench = Arc::new(Bench {
        bases: RwLock::new([Some(first.base.clone()), Some(second.base.clone())]),
        over: AtomicBool::new(false),
        counted: Default::default(),
        own: Mutex::default(),
        requests: AtomicU64::new(0),
        lost_answers: AtomicU64::new(0),
    });
    let client = Client::new();
    for counter in 0..COUNTERS {
        let put = client.ask("PUT", &format!("{}/v1/count/{counter}", first.base), &[], "0").await;
        assert_eq!(put.status, 204);
    }
    let mut workers = JoinSet::new();
    for worker in 0..WORKERS {
        workers.spawn(work(worker, bench.clone()));
    }

    // Warm by now, and then for most of the time.
    env.sleep(Duration::from_secs(seconds / 4)).await;
    let warm = taken(first.pid());
    env.sleep(Duration::from_secs(seconds / 4)).await;

    // One of the two goes and comes back, under load.
    bench.bases.write().unwrap()[1] = None;
    second.terminate();
    assert_eq!(second.ended(Duration::from_secs(25)).await, 0, "it stops under load, and in time");
    let second = start();
    bench.bases.write().unwrap()[1] = Some(second.base.clone());
    env.sleep(Duration::from_secs(seconds / 2)).await;
    let end = taken(first.pid());
    no_growth(warm, end);

    // All this would show nothing of stacks whose fronts serve nothing.
    for service in [&first, &second] {
        let text = client.get(&format!("{}/metrics", service.base), &[]).await.body;
        let text = String::from_utf8(text.to_vec()).unwrap();
        for tier in 0..tiers.len() - 1 {
            let hits = text.lines().find(|line| {
                line.starts_with("larder_tier_hits_total") && line.contains(&format!("tier=\"{tier}\""))
            });
            let hits: u64 = hits.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0);
            assert!(hits > pace.hits * seconds, "{hits} hits of tier {tier}\n{text}");
        }
    }

    // Both go at once, under load that knows nothing of it.
    first.terminate();
    second.terminate();
    let (a, b) = (first.ended(Duration::from_secs(25)), second.ended(Duration::from_secs(25)));
    assert_eq!(futures_util::future::join(a, b).await, (0, 0));
    bench.over.store(true, SeqCst);
    while let Some(done) = workers.join_next().await {
        done.unwrap();
    }

    let last = start();
    let requests = bench.requests.load(SeqCst);
    for (counter, (sure, open)) in bench.counted.iter().enumerate() {
        let at = format!("{}/v1/count/{counter}", last.base);
        let stands = number(&client.get(&at, &[]).await.body);
        let (sure, open) = (sure.load(SeqCst), open.load(SeqCst));
        assert!(
            (sure..=sure + open).contains(&stands),
            "counter {counter}: {stands} of {sure} and {open} open"
        );
        assert!(sure > 10, "counter {counter} was hardly counted: {sure}");
    }
    let own = bench.own.lock().unwrap().clone();
    assert!(own.len() > WORKERS);
    for (key, (acknowledged, open)) in own {
        let got = client.get(&format!("{}/v1/{key}", last.base), &[]).await;
        assert_eq!(got.status, 200, "{key} is lost");
        let stands = number(&got.body);
        assert!(
            stands == acknowledged || (open && stands > acknowledged),
            "{key}: {stands}, not {acknowledged}"
        );
    }
    let open = bench.lost_answers.load(SeqCst);
    println!("{seconds} s: {requests} requests, {open} without an answer, {warm:?} to {end:?}");
    // Only what was on its way when both stopped.
    assert!(open <= 3 * WORKERS as u64, "{open} requests without an answer");
    assert!(requests > pace.requests * seconds, "{requests} requests in {seconds} s");
    last.terminate();
    assert_eq!(last.ended(Duration::from_secs(25)).await, 0);
}

fn no_growth(warm: Taken, end: Taken) {
    let told = format!("{warm:?} to {end:?}");
    assert!(end.memory < warm.memory + (24 << 10), "memory: {told}");
    assert!(end.descriptors < warm.descriptors + 40, "descriptors: {told}");
    assert!(end.threads < warm.threads + 24, "threads: {told}");
}

/// One client among many, until the end.
async fn work(worker: usize, bench: Arc<Bench>) {
    let (client, env) = (Client::new(), Env::system());
    let mut step = 0u64;
    while !bench.over.load(SeqCst) {
        step += 1;
        let done = match draw() % 8 {
            0..=2 => count(&client, &bench).await,
            3 | 4 => own(&client, &bench, worker, step, false).await,
            5 => own(&client, &bench, worker, step, true).await,
            6 => part(&client, &bench, worker).await,
            _ => list(&client, &bench, worker).await,
        };
        bench.requests.fetch_add(1, SeqCst);
        if let Err(NoAnswer { was_sent }) = done {
            bench.lost_answers.fetch_add(u64::from(was_sent), SeqCst);
            env.sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Reads a counter in one process, and adds one to it in another.
async fn count(client: &Client, bench: &Bench) -> Result<(), NoAnswer> {
    let counter = (draw() % COUNTERS as u64) as usize;
    let (sure, open) = &bench.counted[counter];
    let at = |base: String| format!("{base}/v1/count/{counter}");
    let least = sure.load(SeqCst);
    let got = client.try_ask("GET", &at(bench.base(draw())), &[], "").await?;
    if got.status != 200 {
        return refused(got.status.as_u16());
    }
    let stands = number(&got.body);
    assert!(stands >= least, "counter {counter} is {stands}, and {least} were acknowledged before");
    let next = (stands + 1).to_string();
    let put = client.try_ask("PUT", &at(bench.base(draw())), &[("if-match", &got.etag())], next).await;
    match put {
        Ok(put) if put.status == 204 => sure.fetch_add(1, SeqCst),
        Ok(put) if put.status == 412 => 0,
        Ok(put) => return refused(put.status.as_u16()),
        Err(no_answer) => {
            open.fetch_add(u64::from(no_answer.was_sent), SeqCst);
            return Err(no_answer);
        }
    };
    Ok(())
}

/// Writes a key that nobody else writes, in one process, and reads it in another. A large one is streamed.
async fn own(client: &Client, bench: &Bench, worker: usize, step: u64, large: bool) -> Result<(), NoAnswer> {
    let key = format!("own/{worker}/{}{}", if large { "large/" } else { "" }, draw() % 5);
    let value = format!("{step} {}", "x".repeat(if large { 200_000 } else { 500 }));
    let length = value.len();
    let set = |acknowledged: Option<u64>| {
        let mut own = bench.own.lock().unwrap();
        match acknowledged {
            Some(step) => drop(own.insert(key.clone(), (step, false))),
            None => drop(own.entry(key.clone()).and_modify(|(_, open)| *open = true)),
        }
    };
    let before = bench.own.lock().unwrap().contains_key(&key);
    match client.try_ask("PUT", &format!("{}/v1/{key}", bench.base(draw())), &[], value).await {
        Ok(put) if put.status == 204 => set(Some(step)),
        Ok(put) => return refused(put.status.as_u16()),
        Err(no_answer) => {
            if no_answer.was_sent && before {
                set(None);
            }
            return Err(no_answer);
        }
    }
    let got = client.try_ask("GET", &format!("{}/v1/{key}", bench.base(draw())), &[], "").await?;
    if got.status == 503 {
        return Ok(());
    }
    assert_eq!(got.status, 200, "{key} is absent, and was put");
    assert_eq!((number(&got.body), got.body.len()), (step, length), "{key} is stale");
    Ok(())
}

/// Reads a part of a value, or asks whether it changed.
async fn part(client: &Client, bench: &Bench, worker: usize) -> Result<(), NoAnswer> {
    let url = format!("{}/v1/own/{worker}/large/{}", bench.base(draw()), draw() % 5);
    let got = client.try_ask("GET", &url, &[("range", "bytes=100000-100099")], "").await?;
    match got.status.as_u16() {
        206 => assert!(got.body.len() == 100 && got.body.iter().all(|byte| *byte == b'x')),
        404 => return Ok(()),
        status => return refused(status),
    }
    let same = client.try_ask("GET", &url, &[("if-none-match", &got.etag())], "").await?;
    match same.status.as_u16() {
        304 => Ok(()),
        status => refused(status),
    }
}

async fn list(client: &Client, bench: &Bench, worker: usize) -> Result<(), NoAnswer> {
    let url = format!("{}/v1?prefix=own/{worker}/&limit=3", bench.base(draw()));
    let got = client.try_ask("GET", &url, &[], "").await?;
    match got.status.as_u16() {
        200 => Ok(()),
        status => refused(status),
    }
}

/// A process that is about to stop may refuse; nothing else may.
fn refused(status: u16) -> Result<(), NoAnswer> {
    assert_eq!(status, 503, "an answer that was not due");
    Ok(())
}
