//! Values that stand in parts: read some blocks at a time, each time in a transaction of its own.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use larder_store_core::record::{BLOCK, Binding, Head, Parts};
use larder_store_core::{ByteRange, ByteStream, Call, Error, ErrorKind, Op, Result};

use super::error;
use super::handle::Handle;
use super::keys;
use super::snapshot::Snapshot;

/// Bytes that are read in one transaction.
const CHUNK: u64 = 8 * BLOCK as u64;

/// A value in parts, of one version.
#[derive(Debug)]
pub(super) struct Body {
    handle: Arc<Handle>,
    op: Op,
    call: Call,
    head: Head,
    binding: Binding,
    parts: Parts,
    /// What is still to be read.
    left: Range<u64>,
}

impl Body {
    /// `head` says that the value stands in `parts`.
    pub(super) fn new(
        handle: Arc<Handle>,
        op: Op,
        call: Call,
        head: Head,
        parts: Parts,
        range: Option<ByteRange>,
    ) -> Result<Body> {
        let left = match range {
            Some(range) => range.resolve(head.raw_len).map_err(|e| e.during(op))?,
            None => 0..head.raw_len,
        };
        let binding = head.binding();
        Ok(Body { handle, op, call, head, binding, parts, left })
    }

    /// How many bytes there are still to be read.
    pub(super) fn len(&self) -> u64 {
        self.left.end - self.left.start
    }

    /// The next bytes, verified; `None` at the end. [`ErrorKind::Conflict`] if the version has gone.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.left.is_empty() {
            return Ok(None);
        }
        self.handle.begin(self.op, &self.call)?;
        let end = ((self.left.start / CHUNK + 1) * CHUNK).min(self.left.end);
        let range = self.left.start..end;
        let cover = self.head.cover(range.clone());
        let (raw, index) = self
            .handle
            .read(self.op, |snapshot| {
                Ok((self.gather(snapshot, &cover.raw)?, self.gather(snapshot, &cover.index)?))
            })
            .await?;
        self.binding.verify(cover.first_block, &raw, &index).map_err(|e| e.on(&self.head.key))?;
        self.left.start = end;
        let start = (range.start - cover.raw.start) as usize;
        Ok(Some(Bytes::from(raw).slice(start..start + (range.end - range.start) as usize)))
    }

    /// Bytes of the body, out of the parts that they stand in.
    fn gather(&self, snapshot: &Snapshot<'_>, range: &Range<u64>) -> Result<Vec<u8>> {
        let len = u64::from(self.parts.part_len);
        let mut bytes = Vec::with_capacity((range.end - range.start) as usize);
        let mut at = range.start;
        while at < range.end {
            let number = at / len;
            let part = self.part(snapshot, number)?;
            let begins = number * len;
            if part.len() as u64 != len.min(self.head.body_len() - begins) {
                return Err(self.damaged("a part of it has another length than it should"));
            }
            let end = (begins + part.len() as u64).min(range.end);
            bytes.extend_from_slice(&part[(at - begins) as usize..(end - begins) as usize]);
            at = end;
        }
        Ok(bytes)
    }

    fn part<'s>(&self, snapshot: &Snapshot<'s>, number: u64) -> Result<&'s [u8]> {
        let number =
            u32::try_from(number).map_err(|_| self.damaged("it has more parts than there can be"))?;
        let raw = keys::part(&self.parts.id, number);
        match snapshot.view.find(&snapshot.meta.main, &raw).map_err(|d| self.handle.damage(self.op, d))? {
            Some(part) => Ok(part),
            None => Err(self.missing(snapshot)),
        }
    }

    /// Why a part is not there: the value was replaced or removed, or else there is damage.
    fn missing(&self, snapshot: &Snapshot<'_>) -> Error {
        match self.handle.head(snapshot, self.op, &self.head.key) {
            Ok(Some(head)) if head.parts == Some(self.parts) => self.damaged("a part of it is missing"),
            Ok(head) => {
                let current = head.map(|head| head.version());
                Error::new(ErrorKind::Conflict, self.op, "the value was replaced while it was being read")
                    .with_current(current)
            }
            Err(error) => error,
        }
    }

    fn damaged(&self, why: &str) -> Error {
        Error::new(ErrorKind::Corrupt, self.op, format!("the stored value is damaged: {why}"))
            .hint(error::DAMAGED_HINT)
    }

    /// All that is left, at once.
    pub(super) async fn collect(mut self) -> Result<Bytes> {
        let mut whole = BytesMut::with_capacity(self.len().min(isize::MAX as u64) as usize);
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
            // Others may run between two transactions.
            tokio::task::yield_now().await;
        }
        Ok(whole.freeze())
    }

    /// All that is left, piece by piece. After an error nothing more comes.
    pub(super) fn stream(self) -> ByteStream {
        stream::unfold(Some(self), |body| async move {
            let mut body = body?;
            match body.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(body))),
                Ok(None) => None,
                Err(error) => {
                    let error = error.during(body.op).at(&body.handle.id).on(&body.head.key);
                    Some((Err(error), None))
                }
            }
        })
        .boxed()
    }
}
