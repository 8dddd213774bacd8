//! What of a request's body nobody read.
//!
//! A server that answers before it has read a request to its end closes the connection behind the answer, and the next
//! request of a client that keeps its connections may be lost with it.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use http_body_util::BodyExt as _;
use hyper::body::{Bytes, Frame, SizeHint};

use crate::lock::locked;

/// Bytes that are read for nobody; who sends more may lose the connection.
const MOST: usize = 64 << 10;

/// A body that the service reads as far as it wants.
#[derive(Debug, Clone)]
pub(super) struct Unread(Arc<Mutex<Body>>);

impl Unread {
    pub(super) fn of(body: Body) -> Unread {
        Unread(Arc::new(Mutex::new(body)))
    }

    /// Takes in what is left of a short one.
    pub(super) async fn drain(mut self) {
        let mut read = 0;
        while let Some(Ok(frame)) = self.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > MOST {
                return;
            }
        }
    }
}

impl HttpBody for Unread {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        pin!(&mut *locked(&self.0)).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        locked(&self.0).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        locked(&self.0).size_hint()
    }
}
