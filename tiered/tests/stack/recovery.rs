//! Fronts that failed come back, by whatever calls there are; those that hang hold up nobody.

use std::time::Duration;

use futures_util::TryStreamExt;
use larder_store_core::config::Freshness;
use larder_store_core::conformance::TestClock;
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Call, Env, ErrorKind, GetOptions, Key, Op, Sharing, Store, StoreExt, SweepOptions};
use larder_tiered::{Breaker, TieredStore};

use crate::hooked::Hooked;
use crate::make::{byte_front, local, settle, slow_front};

const CALLS: [Op; 4] = [Op::Get, Op::GetStream, Op::Put, Op::PutStream];

fn large() -> Vec<u8> {
    vec![7; 100_000]
}

/// A stack whose first front has failed until it was left alone, and works again since.
async fn broken(front: Hooked, below: Option<Hooked>, clock: &TestClock, env: Env) -> TieredStore {
    let faults = Faults::new(3, [Fault::before(CALLS).fail(ErrorKind::Unavailable)]).unwrap();
    let mut builder =
        TieredStore::builder(local()).front(FaultStore::new(front, faults.clone())).env(env.clone());
    if let Some(below) = below {
        builder = builder.front(below);
    }
    let store = builder.open().await.unwrap();
    for _ in 0..4 {
        store.put("k", large()).await.unwrap();
        store.get("k").await.unwrap();
    }
    settle(&store).await;
    assert_eq!(store.stats().tiers[0].breaker, Breaker::Open, "{:?}", store.stats());
    faults.disable();
    clock.advance(Duration::from_secs(60));
    store
}

#[derive(Debug, Clone, Copy)]
enum By {
    Reads,
    Ranges,
    Streams,
    Writes,
}

async fn comes_back(front: fn() -> Hooked, below: Option<fn() -> Hooked>, by: By) {
    let clock = TestClock::new();
    let store = broken(front(), below.map(|below| below()), &clock, clock.env()).await;
    let key = Key::new("k").unwrap();
    for _ in 0..3 {
        match by {
            By::Reads => drop(store.get("k").await.unwrap().unwrap()),
            By::Ranges => {
                let options = GetOptions::new().with_range(5..50);
                assert_eq!(store.get_opts(&key, &options).await.unwrap().into_body().unwrap().len(), 45);
            }
            By::Streams => {
                let got = store.get_stream_opts(&key, &GetOptions::new()).await.unwrap();
                let pieces: Vec<_> = got.into_body().unwrap().try_collect().await.unwrap();
                assert_eq!(pieces.concat(), large());
            }
            By::Writes => drop(store.put("k", large()).await.unwrap()),
        }
        settle(&store).await;
    }
    let stats = store.stats();
    let below = below.is_some();
    assert_eq!(stats.tiers[0].breaker, Breaker::Closed, "{by:?}, something below: {below}: {stats:?}");
    if below {
        return;
    }
    // It is asked again, and keeps what it is given.
    store.put("j", "v").await.unwrap();
    let before = store.stats().tiers[0].hits;
    assert_eq!(store.get("j").await.unwrap().unwrap(), "v");
    assert_eq!(store.stats().tiers[0].hits, before + 1);
}

#[tokio::test]
async fn a_front_that_failed_comes_back_whatever_it_is_asked_for() {
    let fronts: [fn() -> Hooked; 2] = [slow_front, byte_front];
    for by in [By::Reads, By::Ranges, By::Streams, By::Writes] {
        for front in fronts {
            comes_back(front, None, by).await;
            // What is below has every answer at once, and would never let the one above be asked.
            comes_back(front, Some(byte_front), by).await;
        }
    }
}

#[tokio::test]
async fn a_front_that_hangs_holds_up_neither_open_nor_write() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Faults::new(3, [Fault::before([Op::Get, Op::List, Op::Put]).hang()]).unwrap();
    let front = slow_front().promising(|g| g.sharing = Sharing::Host).with_folder(folder.path());
    let store = TieredStore::builder(local())
        .front(FaultStore::new(front, faults.clone()))
        .front_timeout(Duration::from_millis(20))
        .fresh(Freshness::Always)
        .open()
        .await
        .unwrap();
    store.put("k", "v").await.unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap(), "v");
    assert!(!store.stats().fence.shared);
    faults.disable();
    let env = Env::system();
    let patience = env.now() + Duration::from_secs(20);
    while !store.stats().fence.shared {
        assert!(env.now() < patience, "{:?}", store.stats());
        env.sleep(Duration::from_millis(20)).await;
        assert_eq!(store.get("k").await.unwrap().unwrap(), "v");
    }
    store.close(&Call::default()).await.unwrap();
}

/// The one that hangs is not closed, nor drained; the others are.
#[tokio::test]
async fn a_front_that_hangs_keeps_no_other_store_from_being_drained_and_closed() {
    let (origin, below) = (local(), slow_front());
    let faults = Faults::new(3, [Fault::before([Op::Drain, Op::Close]).hang()]).unwrap();
    let store = TieredStore::builder(origin.clone())
        .front(FaultStore::new(slow_front(), faults))
        .front(below.clone())
        .open()
        .await
        .unwrap();
    let soon = || Call::within(&Env::system(), Duration::from_millis(30));
    assert_eq!(store.drain(&soon()).await.unwrap_err().kind(), ErrorKind::Timeout);
    assert_eq!(store.close(&soon()).await.unwrap_err().kind(), ErrorKind::Timeout);
    for op in [Op::Drain, Op::Close] {
        assert_eq!((below.calls(op), origin.calls(op)), (1, 1), "{op}");
    }
}

#[tokio::test]
async fn a_sweep_ends_at_its_deadline_though_a_front_hangs() {
    let faults = Faults::new(3, [Fault::before([Op::Sweep]).hang()]).unwrap();
    let store =
        TieredStore::builder(local()).front(FaultStore::new(slow_front(), faults)).open().await.unwrap();
    let call = Call::within(&Env::system(), Duration::from_millis(30));
    let error = store.sweep(&SweepOptions::new().with_call(call)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}
