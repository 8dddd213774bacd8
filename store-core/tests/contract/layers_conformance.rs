//! Each layer around a right store is a right store.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use futures_util::FutureExt;
use larder_store_core::conformance::{self, Minimum, Options, Place, ReferenceSubject, Subject};
use larder_store_core::env::{BoxFuture, Clock};
use larder_store_core::layer;
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::layer::limit::Limit;
use larder_store_core::layer::observe::Observe;
use larder_store_core::layer::retry::{Retries, Retry, RetryBudget, RetryOptions};
use larder_store_core::layer::timeout::{Timeout, TimeoutOptions};
use larder_store_core::{Env, ErrorKind, Key, Op, Result, Store, StoreExt, system};

/// The reference store behind a layer.
#[derive(Debug)]
struct Layered {
    name: &'static str,
    inner: ReferenceSubject,
    wrap: fn(Arc<dyn Store>, &Env) -> Arc<dyn Store>,
}

#[async_trait]
impl Subject for Layered {
    fn name(&self) -> &str {
        self.name
    }

    fn minimum(&self) -> Minimum {
        Minimum::MEMORY
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        Ok((self.wrap)(self.inner.open(place).await?, place.env()))
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        self.inner.remove(place).await
    }
}

async fn passes(name: &'static str, wrap: fn(Arc<dyn Store>, &Env) -> Arc<dyn Store>) {
    let layered = Layered { name, inner: ReferenceSubject::default(), wrap };
    conformance::run(layered, &Options::quick().from_env()).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_without_rules() {
    passes("fault without rules", |inner, _| Arc::new(FaultStore::new(inner, Faults::new(1, []).unwrap())))
        .await;
}

/// Every call takes the way of a call that is struck: it is held up for no time, and cut behind its end.
#[tokio::test(flavor = "multi_thread")]
async fn fault_that_changes_nothing() {
    passes("fault that changes nothing", |inner, _| {
        let calls = Op::ALL.iter().copied().filter(|op| {
            !matches!(op, Op::Update | Op::Open | Op::Exists | Op::Destroy | Op::Key | Op::Parse)
        });
        let rules = [
            Fault::before(calls.clone()).delay(Duration::ZERO),
            Fault::after(calls).delay(Duration::ZERO),
            Fault::before([Op::GetStream, Op::PutStream, Op::List]).cut(u64::MAX, ErrorKind::Corrupt),
        ];
        let env = Env::system().with_clock(Arc::new(Hasty));
        Arc::new(FaultStore::new(inner, Faults::new(1, rules).unwrap()).with_env(env))
    })
    .await;
}

/// The real clock, with sleeps that are one turn of the executor: timers round up to a millisecond.
struct Hasty;

#[allow(clippy::disallowed_methods, reason = "it is a clock")]
impl Clock for Hasty {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn boot(&self) -> Duration {
        Duration::ZERO
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, _deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(tokio::task::yield_now())
    }
}

/// Full of keys that are next to the view's.
fn view(inner: Arc<dyn Store>) -> Arc<dyn Store> {
    for text in ["n", "ns", "ns/", "ns.", "ns0", "nt", "x/ns/a"] {
        for key in [Key::new(text).unwrap(), system::key(text).unwrap()] {
            inner.put(key, "neighbour").now_or_never().expect("the reference never waits").unwrap();
        }
    }
    Arc::new(inner.prefixed("ns/").unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn prefix() {
    passes("prefix", |inner, _| view(inner)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prefix_in_a_prefix() {
    passes("prefix in a prefix", |inner, _| Arc::new(view(view(inner)).prefixed("é".repeat(200)).unwrap()))
        .await;
}

/// The calls that can be repeated until they are done, an error of each kind on each side of the effect.
fn passing(op: &[Op], rate: f64, kinds: &[ErrorKind]) -> Vec<Fault> {
    kinds.iter().map(|kind| Fault::before(op.iter().copied()).fail(*kind).rate(rate)).collect()
}

const TRANSIENT: [ErrorKind; 3] = [ErrorKind::Throttled, ErrorKind::Unavailable, ErrorKind::Timeout];

fn retry_over(inner: Arc<dyn Store>, rules: Vec<Fault>) -> Arc<dyn Store> {
    let env = Env::system().with_clock(Arc::new(Hasty));
    let faulty = FaultStore::new(inner, Faults::new(1, rules).unwrap()).with_env(env.clone());
    // So many attempts that a run of faults never reaches them.
    let options = RetryOptions::new()
        .with_attempts(60)
        .with_pauses(Duration::ZERO, Duration::ZERO)
        .with_budget(RetryBudget::unlimited());
    Arc::new(Retry::with_retries(faulty, Retries::new(options, env).unwrap()).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn retry() {
    passes("retry", |inner, env| {
        let retries = Retries::new(RetryOptions::new(), env.clone()).unwrap();
        Arc::new(Retry::with_retries(inner, retries).unwrap())
    })
    .await;
}

/// A fifth of all calls fails before its effect, but for streamed puts, which are sent once.
#[tokio::test(flavor = "multi_thread")]
async fn retry_over_a_service_that_fails() {
    passes("retry over faults", |inner, _| {
        let calls: Vec<Op> = Op::ALL
            .iter()
            .copied()
            .filter(|op| {
                !matches!(
                    op,
                    Op::PutStream | Op::Update | Op::Open | Op::Exists | Op::Destroy | Op::Key | Op::Parse
                )
            })
            .collect();
        let mut rules = passing(&calls, 0.07, &TRANSIENT);
        rules.push(Fault::before([Op::GetStream]).cut(70_000, ErrorKind::Unavailable).rate(0.5));
        rules.push(Fault::before([Op::GetStream]).cut(5, ErrorKind::Timeout).rate(0.1));
        rules.push(Fault::before([Op::List]).cut(3, ErrorKind::Throttled).rate(0.3));
        rules.push(Fault::before([Op::List]).cut(0, ErrorKind::Unavailable).rate(0.2));
        rules.push(Fault::after([Op::List]).rate(0.05));
        rules.push(Fault::after([Op::Get, Op::Head, Op::GetMany, Op::Flush, Op::Drain]).rate(0.05));
        retry_over(inner, rules)
    })
    .await;
}

/// The suite holds 200 streams open at once, and does something besides.
const PLACES: usize = 210;

#[tokio::test(flavor = "multi_thread")]
async fn limit() {
    passes("limit", |inner, env| Arc::new(Limit::new(inner, PLACES).unwrap().with_env(env.clone()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn timeout() {
    passes("timeout", |inner, env| {
        Arc::new(Timeout::new(inner, TimeoutOptions::new()).unwrap().with_env(env.clone()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn observe() {
    passes("observe", |inner, env| Arc::new(Observe::with_env(inner, env.clone()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_stack() {
    passes("the whole stack", |inner, env| {
        let stack =
            layer::stack(inner).env(env.clone()).limit(PLACES).and_then(|s| s.retry(RetryOptions::new()));
        let stack =
            stack.and_then(|s| s.timeout(TimeoutOptions::new())).and_then(|s| s.observe().prefix("ns/"));
        stack.unwrap().build()
    })
    .await;
}
