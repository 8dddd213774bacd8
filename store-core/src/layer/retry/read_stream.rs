//! A read stream that goes on where it broke off.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::Retry;
use super::engine::{Retries, add_hint, is_worth_repeating};
use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::options::GetOptions;
use crate::outcome::{ByteStream, Got};
use crate::range::ByteRange;
use crate::store::Store;

const OP: Op = Op::GetStream;

impl<S: Store> Retry<S> {
    pub(super) async fn read_stream(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let inner = &self.inner;
        let opened = self.retries.run(OP, &options.call, |_| inner.get_stream_opts(key, options)).await;
        let got = opened.map_err(|e| e.at(self.id()).on(key))?;
        let Got::Found { meta, body, served } = got else { return Ok(got) };
        let part = meta.size.and_then(|size| match options.range {
            Some(range) => range.resolve(size).ok(),
            None => Some(0..size),
        });
        let body = match (part, &meta.version) {
            (Some(left), Some(version)) => {
                // Of what was asked, only the version and what is left of the range matter from here on.
                let mut again = options.clone();
                (again.unless, again.only) = (None, Some(version.clone()));
                let reading = Reading {
                    inner: self.inner.clone(),
                    retries: self.retries.clone(),
                    key: key.clone(),
                    options: again,
                    body: Some(body),
                    left,
                };
                stream::unfold(reading, |mut reading| async move {
                    let piece = reading.next().await?;
                    Some((piece, reading))
                })
                .boxed()
            }
            // Without a size or a version nobody knows where to go on, or with what.
            _ => body,
        };
        Ok(Got::Found { meta, body, served })
    }
}

struct Reading<S> {
    inner: Arc<S>,
    retries: Retries,
    key: Key,
    options: GetOptions,
    /// `None` behind the end.
    body: Option<ByteStream>,
    /// What is still to come, in bytes of the whole value.
    left: Range<u64>,
}

impl<S: Store> Reading<S> {
    async fn next(&mut self) -> Option<Result<Bytes>> {
        let broken = match self.body.as_mut()?.next().await {
            Some(Ok(piece)) => return Some(self.take(piece)),
            Some(Err(error)) => error,
            None if self.left.is_empty() => return None,
            None => {
                let why = format!("the stream ended {} bytes early", self.left.end - self.left.start);
                Error::new(ErrorKind::Unavailable, OP, why).at(self.inner.id()).on(&self.key)
            }
        };
        self.body = None;
        if !is_worth_repeating(&broken) {
            return Some(Err(broken));
        }
        if self.left.is_empty() {
            // All is there: what broke was the end.
            return None;
        }
        Some(self.go_on(broken).await)
    }

    /// Hands out a piece, if it belongs to the value.
    fn take(&mut self, piece: Bytes) -> Result<Bytes> {
        let left = self.left.end - self.left.start;
        if piece.len() as u64 > left {
            self.body = None;
            let why = "the stream brought more bytes than the value has";
            return Err(Error::new(ErrorKind::Corrupt, OP, why).at(self.inner.id()).on(&self.key));
        }
        self.left.start += piece.len() as u64;
        Ok(piece)
    }

    /// Opens the stream again, as often as attempts allow, until it brings something.
    async fn go_on(&mut self, mut broken: Error) -> Result<Bytes> {
        let call = self.options.call.clone();
        let mut attempts = self.retries.attempts(&call);
        loop {
            attempts.again(OP, broken).await?;
            self.options.range = Some(ByteRange::from(self.left.clone()));
            let opened = self.inner.get_stream_opts(&self.key, &self.options);
            let opened = call.guard(self.retries.env(), OP, opened).await;
            broken = match opened.map_err(|e| e.at(self.inner.id()).on(&self.key)) {
                Ok(Got::Found { mut body, .. }) => match body.next().await {
                    Some(Ok(piece)) => {
                        self.body = Some(body);
                        return self.take(piece);
                    }
                    Some(Err(error)) => error,
                    None => Error::new(ErrorKind::Unavailable, OP, "the stream brought nothing")
                        .at(self.inner.id())
                        .on(&self.key),
                },
                Ok(_) => return Err(self.gone("the value is gone")),
                Err(error) if error.is(ErrorKind::Conflict) => {
                    return Err(add_hint(error, "the stream broke off, and could not go on".into()));
                }
                Err(error) => error,
            };
            if !is_worth_repeating(&broken) {
                return Err(attempts.noted(broken));
            }
        }
    }

    fn gone(&self, why: &str) -> Error {
        Error::new(ErrorKind::Conflict, OP, why)
            .at(self.inner.id())
            .on(&self.key)
            .hint("the stream broke off, and could not go on")
    }
}
