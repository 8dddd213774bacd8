//! Stores that do not end well, or do not come back as they were.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use larder_store_core::conformance::{self, Reference};
use larder_store_core::{
    Attributes, ByteStream, Call, DeleteOptions, GetOptions, Got, Key, ListOptions, PutOptions, Result,
    Store, SweepOptions, Swept, Written,
};

use crate::quirk::{Quirk, Quirky};
use crate::{caught, outliving};

/// A close that closes nothing.
#[derive(Debug)]
struct StaysOpen;

#[async_trait]
impl Quirk for StaysOpen {
    async fn close(&self, store: &Reference, call: &Call) -> Result<()> {
        store.flush(call).await
    }
}

caught!(a_close_that_closes_nothing: StaysOpen, [
    "drops.close": "a put after close dropped after 0 polls, and another close",
    "life.close": "try_get on a closed store: Done",
    "life.handles": "a put through a closed handle beside an open one",
]);

/// A second close is an error.
#[derive(Debug)]
struct ClosesOnce;

#[async_trait]
impl Quirk for ClosesOnce {
    async fn close(&self, store: &Reference, call: &Call) -> Result<()> {
        store.flush(call).await?;
        store.close(call).await
    }
}

caught!(a_second_close_that_is_an_error: ClosesOnce, [
    "drops.close": "closed: the store was closed",
    "life.close": "closed: the store was closed",
    "life.handles": "closed: the store was closed",
]);

/// What was written last is lost when the store is opened again.
#[derive(Debug)]
struct LosesAttributes;

#[async_trait]
impl Quirk for LosesAttributes {
    fn reopened(&self, store: &Reference) {
        let get = GetOptions::new();
        let key = Key::new("full").unwrap();
        let Some(Ok(Got::Found { meta, body, .. })) = store.try_get(&key, &get) else { return };
        let mut put = PutOptions::new().with_attributes(Attributes::new());
        put.expires = meta.expires.and_then(|e| e.at());
        put.write_id = meta.write_id;
        store.put_opts(&key, body, &put).now_or_never().unwrap().unwrap();
    }
}

caught!(attributes_lost_when_opened_again: LosesAttributes, [
    "life.reopen": "after the store was opened again: the meta",
], promises: outliving());

/// Deleted values are back when the store is opened again.
#[derive(Debug)]
struct Resurrects;

#[async_trait]
impl Quirk for Resurrects {
    fn reopened(&self, store: &Reference) {
        let key = Key::new("gone").unwrap();
        store
            .put_opts(&key, Bytes::from_static(b"gone"), &PutOptions::new())
            .now_or_never()
            .unwrap()
            .unwrap();
    }
}

caught!(deleted_values_that_come_back: Resurrects, [
    "life.handles": "the listing through the first handle",
    "life.reopen": "the listing after the store was opened again",
], promises: outliving());

/// Writes that are acknowledged and lost by a close.
#[derive(Debug, Default)]
struct WritesBehind(std::sync::Mutex<Option<Key>>);

#[async_trait]
impl Quirk for WritesBehind {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let written = store.put_opts(key, value, o).await?;
        if key.as_str().starts_with("flight/") {
            *self.0.lock().unwrap() = Some(key.clone());
        }
        Ok(written)
    }
    async fn put_stream(
        &self,
        store: &Reference,
        key: &Key,
        body: ByteStream,
        o: &PutOptions,
    ) -> Result<Written> {
        let written = store.put_stream_opts(key, body, o).await?;
        if key.as_str().starts_with("flight/") {
            *self.0.lock().unwrap() = Some(key.clone());
        }
        Ok(written)
    }
    async fn close(&self, store: &Reference, call: &Call) -> Result<()> {
        let last = self.0.lock().unwrap().take();
        if let Some(key) = last {
            let _ = store.delete_opts(&key, &DeleteOptions::new()).await;
        }
        store.close(call).await
    }
}

caught!(acknowledged_writes_lost_by_a_close: WritesBehind::default(), [
    "life.close": "put before a close, and acknowledged:",
], promises: outliving());

/// A sweep that takes what lives.
#[derive(Debug)]
struct SweepsLive;

#[async_trait]
impl Quirk for SweepsLive {
    async fn sweep(&self, store: &Reference, o: &SweepOptions) -> Result<Swept> {
        o.call.check(&larder_store_core::Env::system(), larder_store_core::Op::Sweep)?;
        let _ = store.delete_opts(&Key::new(".").unwrap(), &DeleteOptions::new()).await?;
        store.sweep(o).await
    }
}

caught!(a_sweep_that_takes_what_lives: SweepsLive, [
    "life.leftovers": "the listing after a sweep",
    "life.quiet": "and get: whether there is a value",
]);

/// Two handles do not see each other: the second is of a store of its own.
#[derive(Debug)]
struct DeadlinesIgnored;

#[async_trait]
impl Quirk for DeadlinesIgnored {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        store.put_opts(key, value, &o.clone().with_call(Call::default())).await
    }
}

caught!(a_put_that_ignores_its_deadline: DeadlinesIgnored, [
    "calls.over": "put past its deadline: Done, expected Timeout",
]);

/// Lists whatever the call says.
#[derive(Debug)]
struct ListsAnyway;

impl Quirk for ListsAnyway {
    fn list(
        &self,
        store: &Reference,
        mut o: ListOptions,
    ) -> larder_store_core::Items<larder_store_core::Listed> {
        o.call = Call::default();
        store.list_opts(o)
    }
}

caught!(a_listing_that_ignores_its_deadline: ListsAnyway, [
    "calls.over": "list past its deadline: Done, expected Timeout",
]);

/// A drain that waits for everything there will ever be.
#[derive(Debug)]
struct DrainsForEver;

#[async_trait]
impl Quirk for DrainsForEver {
    async fn drain(&self, store: &Reference, call: &Call) -> Result<()> {
        store.drain(call).await?;
        std::future::pending().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_never_ends() {
    let options = crate::options().with_only("life.quiet").with_patience(Duration::from_secs(3));
    let subject = Quirky::new("drains for ever", Reference::best(), || DrainsForEver);
    let report = conformance::run(subject, &options).await;
    crate::judge(&report, &[("life.quiet", "it hangs: no end within 3s")], &[]);
}
