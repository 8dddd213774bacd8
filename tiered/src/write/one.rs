//! Writes to one key.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::{
    ByteStream, Copied, CopyOptions, DeleteOptions, Error, ErrorKind, Key, Op, PutOptions, Removed, Result,
    Written,
};
use tokio_util::sync::CancellationToken;

use super::{Outcome, meta_of};
use crate::entry::Said;
use crate::stack::Stack;

impl Stack {
    /// Writes a value.
    pub(crate) async fn put(
        self: &Arc<Self>,
        key: &Key,
        value: Bytes,
        options: &PutOptions,
    ) -> Result<Written> {
        let op = Op::Put;
        self.begin(op, &options.call).map_err(|e| e.on(key))?;
        if key.is_system() {
            return self.origin.put_opts(key, value, options).await;
        }
        let (name, origin, asks) = (key.clone(), self.origin.clone(), options.clone());
        let (kept, told) = (value.clone(), (key.clone(), options.clone()));
        let ask = async move { origin.put_opts(&name, value, &asks).await };
        let done = self.carry(op, &options.call, vec![key.clone()], ask, move |done| {
            vec![written(&told.0, &kept, &told.1, done)]
        });
        self.noted(done.await.map_err(|e| e.on(key))?)
    }

    /// Writes a value from a stream. The fronts get it when it is read.
    pub(crate) async fn put_stream(
        self: &Arc<Self>,
        key: &Key,
        body: ByteStream,
        options: &PutOptions,
    ) -> Result<Written> {
        let op = Op::PutStream;
        self.begin(op, &options.call).map_err(|e| e.on(key))?;
        if key.is_system() {
            return self.origin.put_stream_opts(key, body, options).await;
        }
        // Whoever drops the call takes the rest of the stream with him.
        let here = CancellationToken::new();
        let body = while_wanted(body, here.clone());
        let _here = here.drop_guard();
        let (name, origin, asks) = (key.clone(), self.origin.clone(), options.clone());
        let ask = async move { origin.put_stream_opts(&name, body, &asks).await };
        let done = self.carry(op, &options.call, vec![key.clone()], ask, |done| {
            vec![match done {
                Ok(written) if written.settled => Outcome::Answered(None),
                Ok(_) => Outcome::Unanswered,
                Err(error) => Outcome::of_error(error),
            }]
        });
        self.noted(done.await.map_err(|e| e.on(key))?)
    }

    /// Removes a value.
    pub(crate) async fn delete(self: &Arc<Self>, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let op = Op::Delete;
        self.begin(op, &options.call).map_err(|e| e.on(key))?;
        if key.is_system() {
            return self.origin.delete_opts(key, options).await;
        }
        let (name, origin, asks) = (key.clone(), self.origin.clone(), options.clone());
        let ask = async move { origin.delete_opts(&name, &asks).await };
        let done = self.carry(op, &options.call, vec![key.clone()], ask, |done| vec![removed(done)]);
        self.noted(done.await.map_err(|e| e.on(key))?)
    }

    /// Copies a value. The fronts get the copy when it is read.
    pub(crate) async fn copy(
        self: &Arc<Self>,
        from: &Key,
        to: &Key,
        options: &CopyOptions,
    ) -> Result<Copied> {
        let op = Op::Copy;
        self.begin(op, &options.call).map_err(|e| e.on(to))?;
        if from.is_system() || to.is_system() {
            return self.origin.copy_opts(from, to, options).await;
        }
        let (source, target) = (from.clone(), to.clone());
        let (origin, asks) = (self.origin.clone(), options.clone());
        let ask = async move { origin.copy_opts(&source, &target, &asks).await };
        let done = self.carry(op, &options.call, vec![to.clone()], ask, |done| {
            vec![match done {
                Ok(Copied::Done(written)) if !written.settled => Outcome::Unanswered,
                Ok(_) => Outcome::Answered(None),
                Err(error) => Outcome::of_error(error),
            }]
        });
        self.noted(done.await.map_err(|e| e.on(to))?)
    }

    /// Counts an answer of the origin.
    pub(super) fn noted<T>(&self, done: Result<T>) -> Result<T> {
        if done.as_ref().is_err_and(|error| !error.is(ErrorKind::Conflict)) {
            self.counts.origin_errors.add();
        }
        done
    }
}

/// What the answer to a put means.
pub(super) fn written(key: &Key, value: &Bytes, options: &PutOptions, done: &Result<Written>) -> Outcome {
    match done {
        Ok(written) if written.settled => {
            let meta = meta_of(key, value.len(), options, written);
            Outcome::Answered(meta.map(|meta| Said::Value(meta, value.clone())))
        }
        Ok(_) => Outcome::Unanswered,
        Err(error) => Outcome::of_error(error),
    }
}

/// What the answer to a delete means.
pub(super) fn removed(done: &Result<Removed>) -> Outcome {
    match done {
        Ok(removed) if removed.settled => Outcome::Answered(Some(Said::Absent)),
        Ok(_) => Outcome::Unanswered,
        Err(error) => Outcome::of_error(error),
    }
}

/// A stream that fails as soon as nobody wants its bytes any more.
fn while_wanted(body: ByteStream, gone: CancellationToken) -> ByteStream {
    stream::unfold(Some((body, gone)), |state| async move {
        let (mut body, gone) = state?;
        let piece = tokio::select! {
            biased;
            () = gone.cancelled() => {
                let why = "the call was dropped before the stream had ended";
                return Some((Err(Error::new(ErrorKind::Cancelled, Op::PutStream, why)), None));
            }
            piece = body.next() => piece?,
        };
        Some((piece, Some((body, gone))))
    })
    .boxed()
}
