//! Streams that mix, and uploads that show too early.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use larder_store_core::conformance::Reference;
use larder_store_core::{
    ByteStream, Error, ErrorKind, GetOptions, Got, Key, Op, PutOptions, Result, Store, Written,
};

use crate::caught;
use crate::quirk::Quirk;

const PIECE: u64 = 50_000;

/// Reads piece by piece, each of whatever stands there by then.
#[derive(Debug)]
struct Mixing;

fn piecewise(store: Reference, key: Key, from: u64, to: u64, end: ErrorKind) -> ByteStream {
    stream::unfold((store, key, from), move |(store, key, at)| async move {
        if at >= to {
            return None;
        }
        let part = GetOptions::new().with_range(at..to.min(at + PIECE));
        let piece = match store.get_opts(&key, &part).await {
            Ok(got) => got.into_body().ok_or_else(|| Error::new(end, Op::GetStream, "it is gone")),
            Err(_) => Err(Error::new(end, Op::GetStream, "it is shorter now")),
        };
        let next = if piece.is_ok() { at + PIECE } else { u64::MAX };
        Some((piece, (store, key, next)))
    })
    .boxed()
}

#[async_trait]
impl Quirk for Mixing {
    async fn get_stream(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<ByteStream>> {
        Ok(match store.get_opts(key, o).await? {
            Got::Absent => Got::Absent,
            Got::Unchanged(meta) => Got::Unchanged(meta),
            Got::Found { meta, served, .. } => {
                let size = meta.size.unwrap();
                let part = o.range.map_or(0..size, |r| r.resolve(size).unwrap());
                let body = piecewise(store.again(), key.clone(), part.start, part.end, ErrorKind::Conflict);
                Got::Found { meta, body, served }
            }
        })
    }
}

caught!(a_stream_that_mixes_versions: Mixing, [
    "streams.pinned": "the stream is not of one version",
], may: ["atomic.readers", "atomic.writers"]);

/// Ends as if all were there when the value goes away.
#[derive(Debug)]
struct EndsEarly;

#[async_trait]
impl Quirk for EndsEarly {
    async fn get_stream(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<ByteStream>> {
        let got = store.get_stream_opts(key, o).await?;
        let Got::Found { meta, body, served } = got else { return Ok(got) };
        let (store, key, version) = (store.again(), key.clone(), meta.version.clone().unwrap());
        let body = body.take_while(move |_| {
            let only = GetOptions::new().with_only(version.clone());
            let stands = matches!(store.try_get(&key, &only), Some(Ok(Got::Found { .. })));
            std::future::ready(stands)
        });
        Ok(Got::Found { meta, body: body.boxed(), served })
    }
}

caught!(a_stream_that_ends_early_without_an_error: EndsEarly, [
    "streams.open": "stream 1 of many that were open: the stream is not of one version",
    "streams.pinned": "the stream is not of one version",
], may: ["atomic.readers", "atomic.writers"]);

/// Shows what has come in so far.
#[derive(Debug)]
struct ShowsEarly;

#[async_trait]
impl Quirk for ShowsEarly {
    async fn put_stream(
        &self,
        store: &Reference,
        key: &Key,
        mut body: ByteStream,
        o: &PutOptions,
    ) -> Result<Written> {
        if o.size_hint.is_some() || o.call.deadline.is_some() || o.call.cancel.is_some() {
            return store.put_stream_opts(key, body, o).await;
        }
        let mut whole = BytesMut::new();
        while let Some(piece) = body.next().await {
            whole.extend_from_slice(&piece?);
            if o.pre == larder_store_core::Precondition::Any {
                store.put_opts(key, whole.clone().freeze(), o).await?;
            }
        }
        store.put_opts(key, whole.freeze(), o).await
    }
}

caught!(an_upload_that_shows_early: ShowsEarly, [
    "atomic.readers": "a torn value",
    "atomic.writers": "a torn value",
    "drops.put": "Streamed dropped after 2 polls, over nothing:",
    "life.leftovers": "and get: whether there is a value",
    "streams.failing": "and get: whether there is a value",
    "streams.slow": "during an upload:",
]);

/// Takes the failure of a source for its end.
#[derive(Debug)]
struct FailureIsEnd;

#[async_trait]
impl Quirk for FailureIsEnd {
    async fn put_stream(
        &self,
        store: &Reference,
        key: &Key,
        body: ByteStream,
        o: &PutOptions,
    ) -> Result<Written> {
        let until = body.take_while(|piece| std::future::ready(piece.is_ok())).boxed();
        store.put_stream_opts(key, until, o).await
    }
}

caught!(a_failing_source_that_counts_as_ended: FailureIsEnd, [
    "streams.failing": "a source that fails after 0 bytes",
]);

/// Does not count what a stream brings.
#[derive(Debug)]
struct HintIgnored;

#[async_trait]
impl Quirk for HintIgnored {
    async fn put_stream(
        &self,
        store: &Reference,
        key: &Key,
        body: ByteStream,
        o: &PutOptions,
    ) -> Result<Written> {
        let mut o = o.clone();
        o.size_hint = None;
        store.put_stream_opts(key, body, &o).await
    }
}

caught!(a_size_hint_that_is_ignored: HintIgnored, [
    "sizes.limit": "a stream far shorter than its size hint",
    "streams.failing": "a source of 0 bytes, too few for its hint of 1",
]);

/// Uploads take turns: a slow one holds up everybody.
#[derive(Debug, Default)]
struct TakesTurns(tokio::sync::Mutex<()>);

#[async_trait]
impl Quirk for TakesTurns {
    async fn put_stream(
        &self,
        store: &Reference,
        key: &Key,
        body: ByteStream,
        o: &PutOptions,
    ) -> Result<Written> {
        let _turn = self.0.lock().await;
        store.put_stream_opts(key, body, o).await
    }
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let _turn = self.0.lock().await;
        store.put_opts(key, value, o).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_holds_up_others() {
    let options = crate::options().with_only("streams.slow").with_patience(std::time::Duration::from_secs(3));
    let subject = crate::quirk::Quirky::new("takes turns", Reference::best(), TakesTurns::default);
    let report = larder_store_core::conformance::run(subject, &options).await;
    crate::judge(&report, &[("streams.slow", "it hangs: no end within 3s")], &[]);
}
