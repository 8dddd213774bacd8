//! Stores that are broken on purpose.

use std::cell::RefCell;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::conformance::Reference;
use larder_store_core::env::{BoxFuture, Clock};
use larder_store_core::{
    Attributes, ByteStream, Call, DeleteOptions, Env, ErrorKind, GetOptions, Got, Items, Key, ListOptions,
    Listed, Precondition, PutOptions, Removed, Result, Step, StepDone, Store, Transacted, Version, Written,
    derived,
};
use tokio_util::sync::CancellationToken;

use super::quirk::Quirk;
use super::{broken, left, quirky};

/// The probe must find exactly these promises broken.
macro_rules! found_out {
    ($test:ident: $quirk:ident, $($what:literal),+) => {
        #[tokio::test]
        async fn $test() {
            let store = quirky(Reference::best(), $quirk::default).await;
            let probed =
                larder_store_core::probe::probe(&*store, &Env::system(), &Call::default()).await.unwrap();
            assert_eq!(broken(&probed), [$($what),+], "{probed:?}");
            assert!(!probed.kept());
            assert_eq!(left(&*store).await, [""; 0]);
        }
    };
}

/// A conditional put that is a plain put.
#[derive(Debug, Default)]
struct PlainPut;

#[async_trait]
impl Quirk for PlainPut {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        store.put_opts(key, value, &o.clone().with_pre(Precondition::Any)).await
    }
}

found_out!(a_conditional_put_that_is_plain: PlainPut,
    "create-only puts", "compare-and-swap", "compare-and-swap, eight at once");

/// Looks, then leaps: right for one caller at a time.
#[derive(Debug, Default)]
struct CheckThenAct;

#[async_trait]
impl Quirk for CheckThenAct {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let current = store.get_opts(key, &GetOptions::new()).await?;
        let version = current.meta().and_then(|meta| meta.version.clone());
        o.pre.check(larder_store_core::Op::Put, version.as_ref())?;
        tokio::task::yield_now().await;
        store.put_opts(key, value, &o.clone().with_pre(Precondition::Any)).await
    }
}

found_out!(a_condition_that_is_checked_before: CheckThenAct, "compare-and-swap, eight at once");

/// Refuses every write that names a version, right or wrong.
#[derive(Debug, Default)]
struct NoSwap;

#[async_trait]
impl Quirk for NoSwap {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        if let Precondition::Matches(_) = o.pre {
            let nobodys = Version::of_service("nobody's", None, []);
            return store.put_opts(key, value, &o.clone().with_pre(Precondition::Matches(nobodys))).await;
        }
        store.put_opts(key, value, o).await
    }
}

found_out!(a_swap_that_is_never_made: NoSwap, "compare-and-swap", "compare-and-swap, eight at once");

/// A conditional delete that is a plain delete.
#[derive(Debug, Default)]
struct PlainDelete;

#[async_trait]
impl Quirk for PlainDelete {
    async fn delete(&self, store: &Reference, key: &Key, o: &DeleteOptions) -> Result<Removed> {
        let mut plain = o.clone();
        plain.only = None;
        store.delete_opts(key, &plain).await
    }
}

found_out!(a_conditional_delete_that_is_plain: PlainDelete, "conditional deletes");

/// Answers with what was there before the last put.
#[derive(Debug, Default)]
struct Late(Mutex<Option<(Key, Got<Bytes>)>>);

#[async_trait]
impl Quirk for Late {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let before = store.get_opts(key, &GetOptions::new()).await?;
        *self.0.lock().unwrap() = Some((key.clone(), before));
        store.put_opts(key, value, o).await
    }

    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        match self.0.lock().unwrap().take() {
            Some((of, before)) if of == *key && o.range.is_none() => return Ok(before),
            _ => {}
        }
        store.get_opts(key, o).await
    }
}

#[tokio::test]
async fn a_read_that_is_late() {
    let store = quirky(Reference::best(), Late::default).await;
    let probed = larder_store_core::probe::probe(&*store, &Env::system(), &Call::default()).await.unwrap();
    assert!(broken(&probed).contains(&"read after write"), "{probed:?}");
    let found =
        larder_store_core::probe::conditions(&*store, &Env::system(), &Call::default()).await.unwrap();
    assert!(!found.read_after_write && found.conditions_hold(), "{found}");
}

/// Drops attributes and expiry.
#[derive(Debug, Default)]
struct Forgetful;

#[async_trait]
impl Quirk for Forgetful {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let mut plain = o.clone().with_attributes(Attributes::new());
        plain.expires = None;
        store.put_opts(key, value, &plain).await
    }
}

found_out!(attributes_and_expiry_that_are_dropped: Forgetful, "attributes", "expiry on read");

/// Its ranges have one byte more; those past the end are the whole.
#[derive(Debug, Default)]
struct Wide;

#[async_trait]
impl Quirk for Wide {
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        let mut whole = o.clone();
        let range = whole.range.take();
        let got = store.get_opts(key, &whole).await?;
        let Some(range) = range else { return Ok(got) };
        Ok(got.map(|body| match range.resolve(body.len() as u64) {
            Ok(part) => body.slice(part.start as usize..(part.end as usize + 1).min(body.len())),
            Err(_) => body,
        }))
    }
}

found_out!(ranges_that_are_too_wide: Wide, "ranges");

/// Its streams lose their last piece.
#[derive(Debug, Default)]
struct Cut;

#[async_trait]
impl Quirk for Cut {
    async fn put_stream(
        &self,
        store: &Reference,
        key: &Key,
        b: ByteStream,
        o: &PutOptions,
    ) -> Result<Written> {
        let mut pieces: Vec<Bytes> = b.try_collect().await?;
        pieces.pop();
        store.put_opts(key, pieces.concat().into(), o).await
    }

    async fn get_stream(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<ByteStream>> {
        derived::stream_by_get(store, key, o).await
    }
}

found_out!(streams_that_are_cut: Cut, "streams");

/// Lists in the order of paths.
#[derive(Debug, Default)]
struct ByPath;

impl Quirk for ByPath {
    fn list(&self, store: &Reference, o: ListOptions) -> Items<Listed> {
        let items = store.list_opts(o);
        let all = async move {
            let mut all: Vec<Listed> = items.try_collect().await?;
            all.sort_by(|a, b| a.name().split('/').cmp(b.name().split('/')));
            Ok(stream::iter(all.into_iter().map(Ok)))
        };
        stream::once(all).try_flatten().boxed()
    }
}

found_out!(a_list_in_the_order_of_paths: ByPath, "listing");

/// Makes the steps of a transaction one by one, up to the first that is refused.
#[derive(Debug, Default)]
struct Half;

#[async_trait]
impl Quirk for Half {
    async fn transact(&self, store: &Reference, steps: Vec<Step>, _: &Call) -> Result<Transacted> {
        let mut done = Vec::new();
        for step in steps {
            let Step::Put(item) = step else { continue };
            done.push(StepDone::Written(store.put_opts(&item.key, item.value, &item.options).await?));
        }
        Ok(Transacted::new(done))
    }
}

found_out!(a_transaction_that_is_made_by_half: Half, "transactions");

/// Keys above 100 bytes are cut.
#[derive(Debug, Default)]
struct Short;

#[async_trait]
impl Quirk for Short {
    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        match key.len() {
            0..=100 => store.get_opts(key, o).await,
            _ => Ok(Got::Absent),
        }
    }
}

found_out!(long_keys_that_get_lost: Short, "longest key");

thread_local! {
    /// After how many writes which token is cancelled.
    pub(crate) static CANCEL: RefCell<Option<(u32, CancellationToken)>> = const { RefCell::new(None) };
}

/// Cancels its caller after some writes.
#[derive(Debug, Default)]
pub(crate) struct CancelsAfter;

#[async_trait]
impl Quirk for CancelsAfter {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let written = store.put_opts(key, value, o).await;
        let is_cancelled = written.as_ref().is_err_and(|error| error.is(ErrorKind::Cancelled));
        CANCEL.with(|cancel| {
            if let Some((left, token)) = &mut *cancel.borrow_mut()
                && !is_cancelled
            {
                match left.checked_sub(1) {
                    Some(less) => *left = less,
                    None => token.cancel(),
                }
            }
        });
        written
    }
}

/// The clock of the day after tomorrow.
pub(crate) struct Tomorrow;

impl Clock for Tomorrow {
    fn wall(&self) -> SystemTime {
        Env::system().wall() + Duration::from_secs(2 * 86_400)
    }

    fn boot(&self) -> Duration {
        Env::system().boot()
    }

    fn now(&self) -> Instant {
        Env::system().now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(async move { Env::system().sleep_until(deadline).await })
    }
}
