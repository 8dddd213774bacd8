//! Bodies that are harmed on their way.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::HeaderMap;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::Failure;

/// Pieces of a slow body.
const DROPS: u64 = 8;

#[derive(Debug)]
enum Harm {
    /// The byte at this offset is changed.
    Flip(u64),
    /// Nothing comes behind this offset, and then the connection ends.
    Cut(u64),
    /// Pieces of this size come this far apart.
    Drops(u64, Duration),
}

/// A body that is not what was sent.
#[derive(Debug)]
pub(crate) struct Harmed<B> {
    inner: B,
    harm: Harm,
    passed: u64,
    /// Bytes that are held back.
    held: Bytes,
    waits: Option<Pin<Box<Sleep>>>,
}

impl<B> Harmed<B> {
    fn new(inner: B, harm: Harm) -> Self {
        Self { inner, harm, passed: 0, held: Bytes::new(), waits: None }
    }

    pub(crate) fn flip(inner: B, at: u64) -> Self {
        Self::new(inner, Harm::Flip(at))
    }

    pub(crate) fn cut(inner: B, at: u64) -> Self {
        Self::new(inner, Harm::Cut(at))
    }

    pub(crate) fn drops(inner: B, length: u64, takes: Duration) -> Self {
        Self::new(inner, Harm::Drops(length.div_ceil(DROPS).max(1), takes / DROPS as u32))
    }

    fn wait(&mut self, time: Duration) {
        self.waits = Some(Box::pin(sleep_until(Instant::now() + time)));
    }
}

/// Says how long a body is, as it is promised whatever is done to it. `None` if that is not known.
pub(crate) fn promise(headers: &mut HeaderMap, body: &impl HttpBody) -> Option<u64> {
    let said =
        headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let length = said.or_else(|| body.size_hint().exact())?;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Some(length)
}

impl<B> HttpBody for Harmed<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Failure>,
{
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = self.get_mut();
        if let Some(waits) = &mut this.waits {
            ready!(waits.as_mut().poll(cx));
            this.waits = None;
        }
        if let Harm::Cut(at) = this.harm
            && this.passed >= at
        {
            return Poll::Ready(Some(Err(io::Error::other("cut").into())));
        }
        if this.held.is_empty() {
            let frame = match ready!(pin!(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(source)) => return Poll::Ready(Some(Err(source.into()))),
                None => return Poll::Ready(None),
            };
            match frame.into_data() {
                Ok(data) => this.held = data,
                Err(frame) => return Poll::Ready(Some(Ok(frame))),
            }
        }
        let piece = match this.harm {
            Harm::Flip(at) => {
                let piece = std::mem::take(&mut this.held);
                match at.checked_sub(this.passed).filter(|at| *at < piece.len() as u64) {
                    Some(at) => {
                        let mut piece = BytesMut::from(&piece[..]);
                        piece[at as usize] ^= 1;
                        piece.freeze()
                    }
                    None => piece,
                }
            }
            Harm::Cut(at) => {
                let left = (at - this.passed).min(this.held.len() as u64);
                let piece = this.held.split_to(left as usize);
                if this.passed + left >= at {
                    // Time for what was sent so far to get through.
                    this.wait(Duration::from_millis(10));
                }
                piece
            }
            Harm::Drops(size, apart) => {
                let piece = this.held.split_to((size as usize).min(this.held.len()));
                this.wait(apart);
                piece
            }
        };
        this.passed += piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        // An end must be seen as such only when nothing is held back.
        self.held.is_empty() && !matches!(self.harm, Harm::Cut(_)) && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// Waits on the server's own clock.
pub(crate) async fn pause(time: Duration) {
    sleep(time).await;
}
