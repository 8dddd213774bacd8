//! A body that is handed over piece by piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::stream;
use larder_store_core::{ByteStream, Error, ErrorKind, Op};
use tokio::sync::mpsc;

/// The end that gives. Dropped before [`Feed::end`], the body ends in an error, so that no half of a value is taken for
/// the whole.
#[derive(Debug)]
pub(crate) struct Feed {
    give: mpsc::Sender<Option<Bytes>>,
    ended: bool,
    given_up: Arc<AtomicBool>,
}

/// A body, and the end that gives.
pub(crate) fn feed(op: Op) -> (Feed, ByteStream) {
    let (give, take) = mpsc::channel::<Option<Bytes>>(2);
    let body = stream::unfold(Some(take), move |take| async move {
        let mut take = take?;
        match take.recv().await {
            Some(Some(bytes)) => Some((Ok(bytes), Some(take))),
            Some(None) => None,
            None => {
                let why = "whoever sent it gave up in the middle of the value";
                Some((Err(Error::new(ErrorKind::Cancelled, op, why)), None))
            }
        }
    });
    (Feed { give, ended: false, given_up: Arc::default() }, Box::pin(body))
}

impl Feed {
    /// Gives a piece. False if nobody takes it any more.
    pub(crate) async fn send(&self, bytes: Bytes) -> bool {
        self.give.send(Some(bytes)).await.is_ok()
    }

    /// Says that this was all. False if nobody hears it.
    pub(crate) async fn end(mut self) -> bool {
        self.ended = true;
        self.give.send(None).await.is_ok()
    }

    /// Becomes true before the body ends in an error.
    pub(crate) fn given_up(&self) -> Arc<AtomicBool> {
        self.given_up.clone()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // The channel closes after this.
        self.given_up.store(!self.ended, Ordering::Release);
    }
}
