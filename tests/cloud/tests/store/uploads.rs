//! Uploads in parts: how they go on, what is left of those that are given up, and what a sweep leaves alone.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt, stream};
use larder::env::Clock;
use larder::{
    ByteStream, Call, Env, ErrorKind, Key, OpenOptions, PutOptions, Result, Store, StoreExt, SweepOptions,
};
use larder_cloud_tests::s3::{Double, DoubleOptions, Fault, FaultPlan, When};
use tokio::sync::oneshot;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn double() -> Double {
    Double::start(DoubleOptions { buckets: vec!["bucket".into()], ..DoubleOptions::default() })
        .expect("the double starts")
}

/// More than one request takes.
fn begin() -> impl Stream<Item = Result<Bytes>> + Send + 'static {
    stream::repeat_with(|| Ok(Bytes::from(vec![1; 1 << 20]))).take(20)
}

/// More than one request takes, and then nothing for ever.
fn endless() -> ByteStream {
    begin().chain(stream::pending()).boxed()
}

/// Waits until the service has begun an upload, whether its answer is here or on its way.
async fn begun(double: &Double, env: &Env) {
    for _ in 0..30_000 {
        if double.uploads("bucket") > 0 {
            return;
        }
        env.sleep(Duration::from_millis(1)).await;
    }
    panic!("no upload is begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_given_up_while_it_begins_is_aborted() {
    let (double, env, key) = (double(), Env::system(), Key::new("k").unwrap());
    let store = larder::open(&double.url("bucket/p")).await.unwrap();
    for latency in [0, 20, 100] {
        double.set_latency(Duration::from_millis(latency));
        let options = PutOptions::new();
        tokio::select! {
            _ = store.put_stream_opts(&key, endless(), &options) => panic!("it was to be given up"),
            () = begun(&double, &env) => {}
        }
        store.drain(&Call::default()).await.unwrap();
        assert_eq!(double.uploads("bucket"), 0, "{latency} ms");
    }
}

/// The source of the last piece waits for the parts before it, as a slow one does. What was refused is sent again
/// meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_waits_holds_up_no_part() {
    // One part each comes before the last piece: a record's first is kept until its length is known.
    for layout in ["plain&part_size=16MiB", "record&part_size=8MiB"] {
        let (double, env, key) = (Arc::new(double()), Env::system(), Key::new("k").unwrap());
        let store = larder::open(&format!("{}&layout={layout}", double.url("bucket/p"))).await.unwrap();
        let landed = {
            let (double, env) = (double.clone(), env.clone());
            async move {
                for _ in 0..30_000 {
                    if double.faults().counts().len() == 1 {
                        double.faults().clear();
                    }
                    if double.parts("bucket") > 0 {
                        return Ok(Bytes::from(vec![2; 1 << 20]));
                    }
                    env.sleep(Duration::from_millis(1)).await;
                }
                panic!("{layout}: no part comes");
            }
        };
        let body = begin().chain(stream::once(landed)).boxed();
        double.faults().set(FaultPlan::new(2).only(Fault::Bare(503, When::Before), 1.0, &["UploadPart"]));
        store.put_stream_opts(&key, body, &PutOptions::new()).await.unwrap();
        assert_eq!(double.faults().counts().values().sum::<u64>(), 1, "{layout}");
        let value = store.get("k").await.unwrap().unwrap();
        assert_eq!((value.len(), value[0], value[20 << 20]), (21 << 20, 1, 2), "{layout}");
    }
}

/// A part that is refused ends the upload, whatever the body waits for.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_is_told_while_the_body_waits() {
    let (double, key) = (double(), Key::new("k").unwrap());
    let store = larder::open(&format!("{}&attempts=1", double.url("bucket/p"))).await.unwrap();
    let refused = Fault::Bare(503, When::Before);
    double.faults().set(FaultPlan::new(2).only(refused, 1.0, &["UploadPart"]));
    let error = store.put_stream_opts(&key, endless(), &PutOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true), "{error}");
    store.drain(&Call::default()).await.unwrap();
    assert_eq!(double.uploads("bucket"), 0);
}

/// A clock of days ago, or of days to come.
struct Hands(Env, bool);

impl Clock for Hands {
    fn wall(&self) -> SystemTime {
        if self.1 { self.0.wall() + 9 * DAY } else { self.0.wall() - 9 * DAY }
    }

    fn boot(&self) -> Duration {
        self.0.boot()
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        let env = self.0.clone();
        Box::pin(async move { env.sleep(deadline.saturating_duration_since(env.now())).await })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_goes_by_the_services_clock() {
    let (double, env, key) = (double(), Env::system(), Key::new("k").unwrap());
    let url = double.url("bucket/p").parse().unwrap();
    for ahead in [true, false] {
        let clock = Arc::new(Hands(env.clone(), ahead));
        let options = OpenOptions::new().with_env(env.with_clock(clock));
        let store = larder::registry().open(&url, &options).await.unwrap();
        let (tell, told) = oneshot::channel();
        let rest = stream::once(told).flat_map(|_| begin());
        let options = PutOptions::new();
        let put = store.put_stream_opts(&key, begin().chain(rest).boxed(), &options);
        let sweeps = async {
            begun(&double, &env).await;
            let swept = store.sweep(&SweepOptions::new().with_older_than(DAY)).await.unwrap();
            assert_eq!((swept.removed, double.uploads("bucket")), (0, 1), "ahead: {ahead}");
            let swept = store.sweep(&SweepOptions::new().with_older_than(Duration::ZERO)).await.unwrap();
            assert_eq!((swept.removed, double.uploads("bucket")), (1, 0), "ahead: {ahead}");
            tell.send(()).ok();
        };
        // Its next part finds no upload, or the last of those before.
        let error = tokio::join!(put, sweeps).0.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true), "{error}");
        assert_eq!(store.get("k").await.unwrap(), None);
        store.drain(&Call::default()).await.unwrap();
    }
}
