//! What is left of uploads in parts that are given up, and what a sweep leaves alone.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use larder::env::Clock;
use larder::{ByteStream, Call, Env, Key, OpenOptions, PutOptions, Store, SweepOptions};
use larder_cloud_tests::s3::{Double, DoubleOptions};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn double() -> Double {
    Double::start(DoubleOptions { buckets: vec!["bucket".into()], ..DoubleOptions::default() })
        .expect("the double starts")
}

/// More than one request takes, and then nothing for ever.
fn endless() -> ByteStream {
    stream::repeat_with(|| Ok(Bytes::from(vec![1; 1 << 20]))).take(20).chain(stream::pending()).boxed()
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
        let options = PutOptions::new();
        let put = store.put_stream_opts(&key, endless(), &options);
        let sweeps = async {
            begun(&double, &env).await;
            let swept = store.sweep(&SweepOptions::new().with_older_than(DAY)).await.unwrap();
            assert_eq!((swept.removed, double.uploads("bucket")), (0, 1), "ahead: {ahead}");
            let swept = store.sweep(&SweepOptions::new().with_older_than(Duration::ZERO)).await.unwrap();
            assert_eq!((swept.removed, double.uploads("bucket")), (1, 0), "ahead: {ahead}");
        };
        tokio::select! {
            _ = put => panic!("it never ends"),
            () = sweeps => {}
        }
        store.drain(&Call::default()).await.unwrap();
    }
}
