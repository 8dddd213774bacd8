//! Parts of one value that are on their way while its body is read.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use larder_store_core::{ByteStream, Call, Env, Error, ErrorKind, Op, Result};

/// Parts under way. They go on only while somebody waits for one of them, or for what comes behind them: who begins one
/// keeps to the methods here until the last has ended.
pub(crate) struct Sending<'u> {
    env: &'u Env,
    op: Op,
    call: &'u Call,
    parts: FuturesUnordered<BoxFuture<'u, Result<()>>>,
}

impl<'u> Sending<'u> {
    pub(crate) fn new(env: &'u Env, op: Op, call: &'u Call) -> Sending<'u> {
        Sending { env, op, call, parts: FuturesUnordered::new() }
    }

    /// The next piece of the body, within the time of the call. A body that waits for its source holds up no part, and a
    /// part that fails ends the waiting.
    pub(crate) async fn next(&mut self, body: &mut ByteStream) -> Result<Option<Bytes>> {
        let next = async {
            loop {
                tokio::select! {
                    biased;
                    piece = body.try_next() => return piece,
                    Some(done) = self.parts.next() => done?,
                }
            }
        };
        self.call.guard(self.env, self.op, next).await
    }

    /// Does something else before the next part begins.
    #[cfg(feature = "dynamodb")]
    pub(crate) async fn meanwhile<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(done) = self.parts.next() => done?,
            }
        }
    }

    /// Begins a part, and waits until fewer than `most` are under way.
    pub(crate) async fn start(
        &mut self,
        most: usize,
        part: impl Future<Output = Result<()>> + Send + 'u,
    ) -> Result<()> {
        let (env, call) = (self.env, self.call);
        self.parts.push(part.map_err(move |error| unseen(env, call, error)).boxed());
        while self.parts.len() >= most {
            self.parts.next().await.transpose()?;
        }
        // A body that never waits would let those that were just begun stand.
        while let Some(Some(done)) = self.parts.next().now_or_never() {
            done?;
        }
        Ok(())
    }

    /// Waits for all of them.
    pub(crate) async fn end(mut self) -> Result<()> {
        while self.parts.try_next().await?.is_some() {}
        Ok(())
    }
}

/// What a write's error means before anything was sent that others see: it was surely not made.
pub(crate) fn unseen(env: &Env, call: &Call, error: Error) -> Error {
    if !error.is(ErrorKind::Unknown) {
        return error.with_settled(true);
    }
    let kind = call.check(env, error.op()).map_or_else(|over| over.kind(), |()| ErrorKind::Unavailable);
    let why = format!("a part of the value may not be there, and the value is not: {}", error.why());
    Error::new(kind, error.op(), why).caused_by(error)
}
