//! Every kind of harm at once: nothing is lost, nothing is made up, and what is not known is said to be so.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{Copied, ErrorKind, Store, StoreExt};
use larder_cloud_tests::gs::{Double, Fault, FaultPlan};

use crate::service::{BUCKET, double};

/// How often each kind is, of the requests that it can be done to. A `NotFound` is a lie that nobody can see through.
fn plan(seed: u64) -> FaultPlan {
    let kinds =
        Fault::ALL.into_iter().filter(|fault| !matches!(fault, Fault::NotFound | Fault::ExpiredToken));
    kinds
        .fold(FaultPlan::new(seed), |plan, fault| {
            let rate = if matches!(fault, Fault::BlackHole(_)) { 0.002 } else { 0.01 };
            plan.with(fault, rate)
        })
        .delay(Duration::from_millis(100))
}

/// `LARDER_GS_SEED=7` draws other faults.
fn seed() -> u64 {
    std::env::var("LARDER_GS_SEED").map_or(10, |text| text.parse().unwrap())
}

async fn open(double: &Double) -> Arc<dyn Store> {
    let url = format!("{}&attempt_timeout=1s&attempts=8&patience=20s&piece_size=1MiB", double.url(BUCKET));
    larder::open(&url).await.unwrap()
}

fn number(value: &Bytes) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_counts() {
    let double = double();
    let (one, two) = (open(&double).await, open(&double).await);
    one.put("n", "0").await.unwrap();
    double.faults().set(plan(seed() + 1));
    let (made, unknown) = (AtomicU64::new(0), AtomicU64::new(0));
    let add = async |store: &Arc<dyn Store>| {
        for _ in 0..60 {
            let done = store.update("n", |now| Some((number(&now.unwrap()) + 1).to_string().into())).await;
            match done {
                Ok(_) => made.fetch_add(1, Ordering::Relaxed),
                Err(error) if error.is(ErrorKind::Unknown) || !error.settled() => {
                    unknown.fetch_add(1, Ordering::Relaxed)
                }
                Err(error) => {
                    let kind = error.kind();
                    assert!(kind.is_retryable() || kind == ErrorKind::Conflict, "{error}");
                    0
                }
            };
        }
    };
    futures_util::future::join_all([&one, &two, &one, &two, &one, &two].map(add)).await;
    double.faults().clear();
    double.quiet().await.unwrap();
    let (made, unknown) = (made.into_inner(), unknown.into_inner());
    let now = number(&one.get("n").await.unwrap().unwrap());
    assert!((made..=made + unknown).contains(&now), "{made} made, {unknown} unknown, and it says {now}");
    assert!(made > 200, "{made} of 360 were made");
}

/// Values tell their key and their number, so what is read can be held against what was written.
#[tokio::test(flavor = "multi_thread")]
async fn values_are_whole_and_their_own() {
    let double = double();
    let store = open(&double).await;
    double.faults().set(plan(seed() + 2));
    let work = async |k: usize| {
        let key = format!("k/{k}");
        let mut acknowledged = 0;
        // Attempts without an answer may land late, over what was acknowledged after them.
        let mut open = BTreeSet::new();
        for n in 1..=30_u64 {
            let size = if n.is_multiple_of(10) { 17 << 20 } else { (n as usize * 7919) % 100_000 };
            let mut value = format!("{key} {n} ").into_bytes();
            value.resize(value.len() + size, b'.');
            match store.put(&*key, value).await {
                Ok(written) => {
                    acknowledged = n;
                    if !written.settled {
                        open.insert(n);
                    }
                }
                Err(error) => {
                    assert!(error.kind().is_retryable() || error.is(ErrorKind::Unknown), "{error}");
                    open.insert(n);
                }
            }
            if let Ok(got) = store.get(&*key).await {
                let Some(got) = got else { panic!("{key} is gone, and {acknowledged} was acknowledged") };
                let text = String::from_utf8_lossy(&got[..got.len().min(40)]).into_owned();
                let seen: u64 = text
                    .strip_prefix(&format!("{key} "))
                    .unwrap()
                    .split(' ')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap();
                let size = if seen.is_multiple_of(10) { 17 << 20 } else { (seen as usize * 7919) % 100_000 };
                assert_eq!(got.len(), size + format!("{key} {seen} ").len(), "{key} {seen}");
                let may = seen == acknowledged || open.contains(&seen);
                assert!(may, "{key}: {seen} instead of {acknowledged} or {open:?}");
            }
            if n.is_multiple_of(7)
                && let Ok(Copied::Done(_)) = store.copy(&*key, &*format!("copy/{k}")).await
            {
                let copied = store.get(&*format!("copy/{k}")).await;
                assert!(copied.is_err() || copied.unwrap().unwrap().starts_with(key.as_bytes()));
            }
        }
        acknowledged
    };
    let done = futures_util::future::join_all((0..6).map(work)).await;
    assert!(done.iter().all(|n| *n > 20), "{done:?}");
    double.faults().clear();
    double.quiet().await.unwrap();
    let listed: Vec<_> = store.list("k/").try_collect().await.unwrap();
    assert_eq!(listed.len(), 6);
    let counts = double.faults().counts();
    let kinds: BTreeSet<_> = counts.keys().map(|(fault, _)| *fault).collect();
    assert!(kinds.len() > 10, "{kinds:?}");
    store.drain(&Default::default()).await.unwrap();
}
