//! UploadPartCopy.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Api;
use super::multipart::not_here;
use crate::s3::bucket::{no_such_bucket, no_such_key, precondition_failed};
use crate::s3::clock;
use crate::s3::content::stream;
use crate::s3::receive::copied;
use crate::s3::upload::{LARGEST_NUMBER, Part};

/// The most that one part may have.
const LARGEST: u64 = 5 << 30;

impl Api {
    pub(super) async fn copy_part(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = request.input;
        if !(1..=LARGEST_NUMBER).contains(&input.part_number) {
            return Err(s3_error!(
                InvalidArgument,
                "Part number must be an integer between 1 and {LARGEST_NUMBER}, inclusive"
            ));
        }
        let CopySource::Bucket { bucket: from, key: source, version_id: None } = &input.copy_source else {
            return Err(not_here("copy from an access point or of a version"));
        };
        if input.copy_source_if_none_match.is_some()
            || input.copy_source_if_modified_since.is_some()
            || input.copy_source_if_unmodified_since.is_some()
        {
            return Err(not_here("condition on the source but x-amz-copy-source-if-match"));
        }
        let declared = self
            .0
            .with_bucket(&input.bucket, |bucket| Ok(bucket.upload(&input.key, &input.upload_id)?.declared))?;
        let object = {
            let buckets = self.0.buckets();
            let found = buckets.get(&**from).ok_or_else(no_such_bucket)?.object(source).cloned();
            found.ok_or_else(no_such_key)?
        };
        if input.copy_source_if_match.as_ref().is_some_and(|tag| !object.etag.meets(tag)) {
            return Err(precondition_failed());
        }
        let size = object.content.len();
        let range = match input.copy_source_range.as_deref() {
            None => 0..size,
            Some(text) => bytes(text).filter(|range| range.end <= size).ok_or_else(|| {
                s3_error!(InvalidArgument, "Range specified is not valid for source object of size: {size}")
            })?,
        };
        if range.end - range.start > LARGEST {
            return Err(s3_error!(
                InvalidRequest,
                "The specified copy source is larger than the maximum allowable size"
            ));
        }
        let kind = declared.map(|declared| declared.kind);
        let taken = copied(&self.0.spool, kind, stream(object.content.reader(range))).await?;
        let part = Part {
            content: taken.content,
            etag: taken.etag,
            modified: self.0.now(),
            sums: taken.sums.clone(),
        };
        let modified = part.modified;
        let replaced = self.0.with_bucket(&input.bucket, |bucket| {
            Ok(bucket.upload(&input.key, &input.upload_id)?.parts.insert(input.part_number, part))
        })?;
        drop(replaced);
        let sums = kind.and_then(|kind| {
            let value = taken.sums.get(kind)?;
            Some(crate::s3::sums::dto(kind, &crate::s3::sums::encode(value), true))
        });
        let sums = sums.unwrap_or_default();
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(taken.etag.dto()),
                last_modified: Some(clock::timestamp(modified)),
                checksum_crc32: sums.checksum_crc32,
                checksum_crc32c: sums.checksum_crc32c,
                checksum_crc64nvme: sums.checksum_crc64nvme,
                checksum_sha1: sums.checksum_sha1,
                checksum_sha256: sums.checksum_sha256,
            }),
            ..UploadPartCopyOutput::default()
        }))
    }
}

/// `bytes=first-last`, the only form that is taken here.
fn bytes(text: &str) -> Option<std::ops::Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (first.parse::<u64>().ok()?, last.parse::<u64>().ok()?);
    (first <= last).then(|| first..last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn a_range_has_both_ends() {
        assert_eq!(bytes("bytes=0-9"), Some(0..10));
        for bad in ["bytes=9-0", "bytes=-5", "bytes=5-", "0-9", "bytes=a-b", ""] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
