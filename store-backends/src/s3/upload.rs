//! Writing values in parts.

use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream as Body;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use larder_store_core::layer::retry::{Retries, unknown};
use larder_store_core::record::{Head, Sealer};
use larder_store_core::{ByteStream, Call, Error, ErrorKind, Key, Op, PutOptions, Result, Version, Written};

use super::begun::Begun;
use super::condition::{Condition, Refused, gone, mine};
use super::error::Failure;
use super::put::Draft;
use super::wire::Wire;
use crate::sending::Sending;

/// Parts of one upload (Amazon S3 User Guide, "Multipart upload limits").
pub(super) const MAX_PARTS: u64 = 10_000;
/// How many parts have one size before the next ones get twice that: what has no known end still fits.
const SAME_SIZE: u64 = 1000;

/// The largest part that is made, as it is held in memory. S3 takes 5 GiB.
const LARGEST_PART: u64 = 1 << 30;

/// The most room that is made for a part before its bytes are there.
const ROOM: usize = 64 << 20;

/// Writes a value that does not fit one request, or of which nobody knows whether it does.
pub(super) async fn put_stream(
    wire: &Arc<Wire>,
    retries: &Retries,
    op: Op,
    key: &Key,
    body: ByteStream,
    options: &PutOptions,
) -> Result<Written> {
    wire.guarantees.check_put(op, key, options, options.size_hint)?;
    let (call, name) = (&options.call, wire.names.of(op, key)?);
    let condition = wire.condition(op, call, key, &name, &options.pre).await?;
    let draft = wire.draft(key, options)?;
    let upload = Upload::begin(wire, retries, op, call, name, &draft).await?;
    let size = upload.fill(&draft, body, options).await?;
    upload.complete(key, &draft, condition, options, size).await
}

/// An upload that goes on.
pub(super) struct Upload<'a> {
    pub(super) wire: Arc<Wire>,
    pub(super) retries: &'a Retries,
    pub(super) op: Op,
    pub(super) call: &'a Call,
    pub(super) begun: Begun,
    parts: std::sync::Mutex<Vec<CompletedPart>>,
}

impl<'a> Upload<'a> {
    pub(super) async fn begin(
        wire: &Arc<Wire>,
        retries: &'a Retries,
        op: Op,
        call: &'a Call,
        name: String,
        draft: &Draft,
    ) -> Result<Upload<'a>> {
        let begun = Begun::begin(wire, retries, op, call, name, draft).await?;
        Ok(Upload { wire: wire.clone(), retries, op, call, begun, parts: Default::default() })
    }

    /// Bytes of part `number`, counted from 1, of a value of which `hint` says how long it is.
    fn part_size(&self, number: u64, hint: Option<u64>) -> u64 {
        let least = self.wire.config().part_size;
        match hint {
            Some(size) => least.max(size.div_ceil(MAX_PARTS - 8)),
            None => (least << ((number - 1) / SAME_SIZE).min(10)).min(LARGEST_PART),
        }
    }

    /// Sends the body, some parts at a time; gives the bytes of the object.
    async fn fill(&self, draft: &Draft, mut body: ByteStream, options: &PutOptions) -> Result<u64> {
        let op = self.op;
        let mut sealer = draft.head.as_ref().map(|head| Sealer::new(head.binding()));
        let mut sending = Sending::new(&self.wire.env, op, self.call);
        let (mut number, mut raw_len, mut sent) = (1, 0u64, 0u64);
        // The head of a record says how long the value is, so what comes first goes last, with room for the head.
        let room = draft.head.as_ref().map_or(Ok(0), |head| head.encode().map(|head| head.len()))?;
        let mut first: Option<BytesMut> = None;
        let mut part = BytesMut::zeroed(room);
        let (hint, most) = (options.size_hint, self.wire.guarantees.max_value);
        let whole = |raw_len| draft.head.clone().map_or(raw_len, |head| Head { raw_len, ..head }.body_len());
        let whole = hint.map_or(u64::MAX, whole);
        while let Some(mut piece) = sending.next(&mut body).await? {
            raw_len += piece.len() as u64;
            if raw_len > hint.unwrap_or(most).min(most) {
                let (kind, why) = match hint {
                    Some(hint) if hint <= most => (
                        ErrorKind::Invalid,
                        format!("the stream brings more than the {hint} bytes that were said"),
                    ),
                    _ => (
                        ErrorKind::Unsupported,
                        format!("the stream is longer than the {most} bytes that this store takes"),
                    ),
                };
                return Err(Error::new(kind, op, why));
            }
            if let Some(sealer) = &mut sealer {
                sealer.push(&piece);
            }
            while !piece.is_empty() {
                let full = self.part_size(number, hint) as usize;
                // At once, as a buffer that grows is there twice while it does.
                let left = whole - (raw_len - piece.len() as u64);
                let lacks = (full - part.len()).min(left.try_into().unwrap_or(usize::MAX));
                part.reserve(lacks.min(ROOM.saturating_sub(part.len())));
                let taken = piece.split_to(piece.len().min(full - part.len()));
                part.extend_from_slice(&taken);
                if part.len() < full {
                    continue;
                }
                let ready = std::mem::take(&mut part);
                if number == 1 && sealer.is_some() {
                    first = Some(ready);
                } else {
                    sent += ready.len() as u64;
                    self.start(&mut sending, first.is_some(), number, ready.freeze()).await?;
                }
                number += 1;
            }
        }
        if let Some(hint) = hint.filter(|hint| *hint != raw_len) {
            let why = format!("the stream brought {raw_len} bytes, and {hint} were said");
            return Err(Error::new(ErrorKind::Invalid, op, why));
        }
        if let (Some(sealer), Some(head)) = (sealer, &draft.head) {
            let (raw_len, index) = sealer.finish();
            let mut head = head.clone();
            head.raw_len = raw_len;
            part.extend_from_slice(&index);
            // Without a first one all of it is in one part.
            let mut begin = first.unwrap_or_else(|| std::mem::take(&mut part));
            begin[..room].copy_from_slice(&head.encode()?);
            sent += begin.len() as u64;
            self.start(&mut sending, false, 1, begin.freeze()).await?;
            number = number.max(2);
        }
        if !part.is_empty() || number == 1 {
            sent += part.len() as u64;
            self.start(&mut sending, false, number, part.freeze()).await?;
        }
        sending.end().await?;
        Ok(sent)
    }

    /// Begins to send a part, and waits until the next one may be filled: it is in memory like those under way, and
    /// like the first one if that is `kept`.
    async fn start<'u>(
        &'u self,
        sending: &mut Sending<'u>,
        kept: bool,
        number: u64,
        part: Bytes,
    ) -> Result<()> {
        let most = self.wire.config().parts_at_once.saturating_sub(usize::from(kept)).max(1);
        sending.start(most, self.send(number as i32, part)).await
    }

    async fn send(&self, number: i32, part: Bytes) -> Result<()> {
        let (wire, op, call) = (&self.wire, self.op, self.call);
        let sent = self.retries.run(op, call, |_| {
            let part = part.clone();
            async move {
                let live = wire.live(op, call).await?;
                let len = part.len() as u64;
                let request = live
                    .sdk
                    .upload_part()
                    .bucket(wire.bucket())
                    .key(self.begun.name.as_str())
                    .upload_id(self.begun.id.as_str())
                    .part_number(number)
                    .body(Body::from(part))
                    .send();
                // A part that landed and got no answer is sent again, and changes nothing by itself.
                match wire.write(op, call, &live, len, request).await? {
                    Err(failed) if is_lost(&failed) => Ok(None),
                    sent => Ok(Some(sent?)),
                }
            }
        });
        let sent = sent.await?.ok_or_else(|| lost(op))?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .set_checksum_crc32_c(sent.checksum_crc32_c)
            .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
            .build();
        self.add(part);
        Ok(())
    }

    /// A part is there.
    pub(super) fn add(&self, part: CompletedPart) {
        self.parts.lock().unwrap_or_else(|e| e.into_inner()).push(part);
    }

    /// Makes an object of the parts.
    pub(super) async fn complete(
        self,
        key: &Key,
        draft: &Draft,
        mut condition: Condition,
        options: &PutOptions,
        size: u64,
    ) -> Result<Written> {
        let (op, call, id) = (self.op, self.call, draft.facts.write_id);
        let mut parts = std::mem::take(&mut *self.parts.lock().unwrap_or_else(|e| e.into_inner()));
        parts.sort_by_key(CompletedPart::part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let made = |version: Version| mine(self.wire.written(draft, "", size), version);
        let mut attempts = self.retries.attempts(call);
        // Whether an attempt got no answer.
        let mut open = false;
        let done: Result<Written> = async {
            loop {
                let failed = match self.finish(&parts, &condition).await? {
                    Ok(etag) => return Ok(self.wire.written(draft, &etag, size)),
                    Err(failure) => failure,
                };
                let is_lost = is_lost(&failed);
                if failed.is(412) {
                    let again = match self.wire.refused(op, key, &self.begun.name, options, id).await {
                        Ok(Refused::Mine(version)) => return Ok(made(version)),
                        Ok(Refused::Still(etag)) => {
                            condition = Condition::Match(etag);
                            let why = "what stood there was written again meanwhile";
                            Error::new(ErrorKind::Unavailable, op, why)
                        }
                        // What stands there could not be read; the upload still does.
                        Err(error) if error.kind().is_retryable() => error,
                        Err(error) => return Err(error),
                    };
                    attempts.again(op, again).await?;
                    continue;
                }
                if failed.is_absent() && !is_lost && condition != Condition::None {
                    return Err(gone(op));
                }
                open |= !failed.error.settled();
                if is_lost && !open {
                    return Err(lost(op));
                }
                if !failed.error.settled() || is_lost {
                    let now = self.wire.current(op, call, key, &self.begun.name).await.ok().flatten();
                    if let Some(now) = now.filter(|now| now.version.write_id() == Some(id)) {
                        return Ok(made(now.version));
                    }
                    if is_lost {
                        let why = "the upload is gone, and the value that stands there is not its own";
                        return Err(Error::new(ErrorKind::Unknown, op, why));
                    }
                }
                let error = Error::from(failed);
                if !error.kind().is_retryable() && !error.is(ErrorKind::Unknown) {
                    return Err(error);
                }
                attempts.again(op, error).await?;
            }
        }
        .await;
        match done {
            Ok(mut written) => {
                self.begun.over();
                written.settled &= !open;
                Ok(written)
            }
            // Whatever the last attempt met, one before it may have been made.
            Err(error) if open && error.is(ErrorKind::Conflict) => Err(error.with_settled(false)),
            Err(error) if open => Err(unknown(error)),
            Err(error) => Err(error),
        }
    }

    /// One request; the new object's ETag.
    async fn finish(
        &self,
        parts: &CompletedMultipartUpload,
        condition: &Condition,
    ) -> Result<Result<String, Failure>> {
        let live = self.wire.live(self.op, self.call).await?;
        let request = live
            .sdk
            .complete_multipart_upload()
            .bucket(self.wire.bucket())
            .key(self.begun.name.as_str())
            .upload_id(self.begun.id.as_str())
            .multipart_upload(parts.clone())
            .set_if_match(condition.if_match())
            .set_if_none_match(condition.if_none_match())
            .send();
        let done = self.wire.write(self.op, self.call, &live, 0, request).await?;
        Ok(done.map(|done| done.e_tag().unwrap_or_default().to_owned()))
    }
}

/// Somebody aborted the upload, or it was completed by an attempt before.
fn is_lost(failed: &Failure) -> bool {
    failed.has_code("NoSuchUpload")
}

fn lost(op: Op) -> Error {
    Error::new(ErrorKind::Unavailable, op, "the upload was aborted before it was complete").hint(
        "put the value again; a sweep or a rule of the bucket aborts uploads that are older than it says",
    )
}
