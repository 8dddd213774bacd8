//! Copies within the bucket: the service makes them, and no byte of the value comes here.

use std::sync::Arc;

use aws_sdk_s3::types::{CompletedPart, MetadataDirective, TaggingDirective};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::layer::retry::Retries;
use larder_store_core::{
    Copied, CopyOptions, Error, ErrorKind, Got, HeadOptions, Key, Native, Op, PutOptions, Result,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::condition::Condition;
use super::error::Failure;
use super::put::Draft;
use super::stored::stored;
use super::upload::{MAX_PARTS, Upload};
use super::wire::Wire;

/// What a URL has to escape.
pub(super) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The same in a path.
const IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// How many parts' size a copied part has: nothing of it is in memory here.
const PARTS_IN_ONE: u64 = 16;

/// Which object a copy is made of.
struct Source<'a> {
    key: &'a Key,
    /// Bucket and name, as the header has them.
    path: String,
    etag: String,
    size: u64,
}

/// Copies a value. The caller's attributes and the expiry go with it; the copy is a write with an id of its own.
///
/// Up to the size of sixteen parts an unconditional copy is one request, after the one that looks at the source. What is
/// larger, or has a condition, is made of copied parts: conditions on the request that completes an upload are honoured by every
/// service that honours any, those on a copy are not.
pub(super) async fn copy(
    wire: &Arc<Wire>,
    retries: &Retries,
    op: Op,
    from: &Key,
    to: &Key,
    options: &CopyOptions,
) -> Result<Copied> {
    let call = &options.call;
    let mut head = HeadOptions::new().with_call(call.clone());
    head.only = options.only.clone();
    let looked = wire.head(op, from, &head).await.map_err(|error| error.on(from))?;
    let Got::Found { meta, .. } = looked else { return Ok(Copied::Absent) };
    let etag = meta.version.as_ref().and_then(|version| version.tag()).unwrap_or_default().to_owned();
    let size = meta.size.unwrap_or_default();
    let mut put = PutOptions::new().with_pre(options.pre.clone()).with_call(call.clone());
    put.write_id = options.write_id;
    put.size_hint = Some(size);
    put.expires = meta.expires.and_then(|expires| expires.at());
    put.attributes = meta.attributes.unwrap_or_default();
    if size == 0 {
        // Of nothing there is no part that could be copied.
        return wire.put(op, to, Bytes::new(), &put).await.map(Copied::Done);
    }
    wire.guarantees.check_put(op, to, &put, Some(size))?;
    let (source, name) = (wire.names.of(op, from)?, wire.names.of(op, to)?);
    let path = format!("{}/{}", wire.bucket(), utf8_percent_encode(&source, IN_PATH));
    let source = Source { key: from, path, etag, size };
    let condition = wire.condition(op, call, to, &name, &put.pre).await?;
    let draft = wire.draft(to, &put)?;
    if condition == Condition::None && size <= part_size(wire) {
        return match at_once(wire, op, &put, &name, &source, &draft).await? {
            Ok(etag) => Ok(Copied::Done(wire.written(&draft, &etag, size))),
            Err(failure) if failure.is(412) => Err(replaced(op, &source)),
            Err(failure) if failure.is_absent() => Ok(Copied::Absent),
            Err(failure) => Err(failure.into()),
        };
    }
    in_parts(wire, retries, op, to, &put, name, &source, draft, condition).await
}

/// Bytes of a copied part.
fn part_size(wire: &Wire) -> u64 {
    // No part may be larger, and no copy of one request.
    (wire.config().part_size * PARTS_IN_ONE).min(5 << 30)
}

fn replaced(op: Op, source: &Source<'_>) -> Error {
    Error::new(ErrorKind::Conflict, op, "the value that is to be copied was replaced meanwhile")
        .on(source.key)
}

/// One request; the new object's ETag.
async fn at_once(
    wire: &Arc<Wire>,
    op: Op,
    put: &PutOptions,
    name: &str,
    source: &Source<'_>,
    draft: &Draft,
) -> Result<Result<String, Failure>> {
    let live = wire.live(op, &put.call).await?;
    let field = |native: Native| draft.fields[native as usize].clone();
    let kept = &wire.config().stored;
    let request = live
        .sdk
        .copy_object()
        .bucket(wire.bucket())
        .key(name)
        .copy_source(&source.path)
        .copy_source_if_match(&source.etag)
        // The facts are those of another write.
        .metadata_directive(MetadataDirective::Replace)
        .set_metadata(Some(draft.entries.clone()))
        .set_content_type(field(Native::ContentType))
        .set_cache_control(field(Native::CacheControl))
        .set_content_encoding(field(Native::ContentEncoding))
        .set_content_disposition(field(Native::ContentDisposition))
        .set_content_language(field(Native::ContentLanguage))
        .set_tagging_directive(kept.tagging().map(|_| TaggingDirective::Replace));
    let request = stored!(request, kept);
    let done = wire.write(op, &put.call, &live, source.size, request.send()).await?;
    Ok(done.map(|done| {
        done.copy_object_result().and_then(|result| result.e_tag()).unwrap_or_default().to_owned()
    }))
}

#[allow(clippy::too_many_arguments, reason = "one copy, and all that it is made of")]
async fn in_parts(
    wire: &Arc<Wire>,
    retries: &Retries,
    op: Op,
    to: &Key,
    put: &PutOptions,
    name: String,
    source: &Source<'_>,
    draft: Draft,
    condition: Condition,
) -> Result<Copied> {
    let upload = Upload::begin(wire, retries, op, &put.call, name, &draft).await?;
    let size = part_size(wire).max(source.size.div_ceil(MAX_PARTS - 8));
    let parts = (0..source.size.div_ceil(size)).map(|part| {
        let range = part * size..((part + 1) * size).min(source.size);
        upload.copy_part(part as i32 + 1, source, range)
    });
    // Collected, as the parts of a stream that is polled from many places want one lifetime.
    let parts: Vec<_> = parts.collect();
    stream::iter(parts).buffer_unordered(wire.config().parts_at_once).try_collect::<()>().await?;
    Ok(Copied::Done(upload.complete(to, &draft, condition, put, source.size).await?))
}

impl Upload<'_> {
    async fn copy_part(&self, number: i32, source: &Source<'_>, range: std::ops::Range<u64>) -> Result<()> {
        let (wire, op, call) = (&self.wire, self.op, self.call);
        let whole = range == (0..source.size);
        let range = (!whole).then(|| format!("bytes={}-{}", range.start, range.end - 1));
        let bytes = source.size.min(part_size(wire));
        let sent = self.retries.run(op, call, |_| {
            let range = range.clone();
            async move {
                let live = wire.live(op, call).await?;
                let request = live
                    .sdk
                    .upload_part_copy()
                    .bucket(wire.bucket())
                    .key(self.begun.name.as_str())
                    .upload_id(self.begun.id.as_str())
                    .part_number(number)
                    .copy_source(&source.path)
                    .copy_source_if_match(&source.etag)
                    .set_copy_source_range(range)
                    .send();
                match wire.write(op, call, &live, bytes, request).await? {
                    Ok(sent) => Ok(sent),
                    Err(failure) if failure.is(412) || failure.code.as_deref() == Some("NoSuchKey") => {
                        Err(replaced(op, source))
                    }
                    Err(failure) => Err(failure.into()),
                }
            }
        });
        let none =
            || Error::new(ErrorKind::Unavailable, op, "the service copied a part and did not say which");
        let sent = sent.await?.copy_part_result.ok_or_else(none)?;
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
}

/// Whether the service can copy it: a record names its key, so its bytes are another one's under another key.
pub(super) fn is_offered(wire: &Wire, from: &Key, to: &Key) -> bool {
    use super::config::Layout;
    [from, to].into_iter().all(|key| wire.layout_of(key) == Layout::Plain)
}
