//! Uploads in parts, but for their completion.

use std::collections::BTreeMap;

use hyper::StatusCode;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::Api;
use super::list::{Written, page_size};
use super::put::check_metadata;
use crate::s3::bucket::no_such_upload;
use crate::s3::clock;
use crate::s3::object::headers_of;
use crate::s3::receive::receive;
use crate::s3::sums::{Expected, Kind};
use crate::s3::upload::{Declared, LARGEST_NUMBER, Part as KeptPart, Upload};

/// The checksum that an upload is begun with.
fn declared(
    algorithm: Option<&ChecksumAlgorithm>,
    kind_of: Option<&ChecksumType>,
) -> S3Result<Option<Declared>> {
    let Some(algorithm) = algorithm else { return Ok(None) };
    let Some(kind) = Kind::named(algorithm.as_str()) else {
        return Err(s3_error!(InvalidRequest, "Checksum algorithm provided is unsupported."));
    };
    let full = match kind_of.map(ChecksumType::as_str) {
        None => !kind.composes(),
        Some(ChecksumType::FULL_OBJECT) => true,
        Some(_) => false,
    };
    if (full && !kind.combines()) || (!full && !kind.composes()) {
        let what = "The checksum type cannot be used with the checksum algorithm";
        return Err(s3_error!(InvalidRequest, "{what} {}.", kind.name()));
    }
    Ok(Some(Declared { kind, full }))
}

impl Api {
    pub(super) async fn create_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let mut input = request.input;
        let headers = headers_of!(input);
        check_metadata(&headers)?;
        let declared = declared(input.checksum_algorithm.as_ref(), input.checksum_type.as_ref())?;
        let id = self.0.new_upload_id();
        let upload = Upload { headers, initiated: self.0.now(), declared, parts: BTreeMap::new() };
        self.0.with_bucket(&input.bucket, |bucket| {
            bucket.uploads.insert((input.key.clone(), id.clone()), upload);
            Ok(())
        })?;
        let kind_of = |full| if full { ChecksumType::FULL_OBJECT } else { ChecksumType::COMPOSITE };
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            checksum_algorithm: declared.map(|one| ChecksumAlgorithm::from_static(one.kind.name())),
            checksum_type: declared.map(|one| ChecksumType::from_static(kind_of(one.full))),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    pub(super) async fn put_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = request.input;
        if !(1..=LARGEST_NUMBER).contains(&input.part_number) {
            return Err(s3_error!(
                InvalidArgument,
                "Part number must be an integer between 1 and {LARGEST_NUMBER}, inclusive"
            ));
        }
        let declared = self
            .0
            .with_bucket(&input.bucket, |bucket| Ok(bucket.upload(&input.key, &input.upload_id)?.declared))?;
        let sent = Expected::of(&request.headers)?.kind();
        if let Some(declared) = declared
            && sent != Some(declared.kind)
        {
            let sent = sent.map_or("null", Kind::name).to_lowercase();
            let wanted = declared.kind.name().to_lowercase();
            return Err(s3_error!(
                InvalidRequest,
                "Checksum Type mismatch occurred, expected checksum Type: {wanted}, actual checksum type: {sent}"
            ));
        }
        let trailers = request.trailing_headers;
        let taken =
            receive(&self.0.spool, &request.headers, trailers, input.content_length, input.body.take())
                .await?;
        let part = KeptPart {
            content: taken.content,
            etag: taken.etag,
            modified: self.0.now(),
            sums: taken.sums.clone(),
        };
        // The upload may have been completed or aborted while the body came.
        let replaced = self.0.with_bucket(&input.bucket, |bucket| {
            Ok(bucket.upload(&input.key, &input.upload_id)?.parts.insert(input.part_number, part))
        })?;
        drop(replaced);
        let sums = taken.sent.and_then(|kind| {
            let value = taken.sums.get(kind)?;
            Some(crate::s3::sums::dto(kind, &crate::s3::sums::encode(value), true))
        });
        let sums = sums.unwrap_or_default();
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(taken.etag.dto()),
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            ..UploadPartOutput::default()
        }))
    }

    pub(super) async fn abort(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = request.input;
        let removed = self.0.with_bucket(&input.bucket, |bucket| {
            bucket.uploads.remove(&(input.key, input.upload_id)).ok_or_else(no_such_upload)
        })?;
        drop(removed);
        Ok(S3Response::with_status(AbortMultipartUploadOutput::default(), StatusCode::NO_CONTENT))
    }

    pub(super) async fn list_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        if input.delimiter.as_deref().is_some_and(|delimiter| !delimiter.is_empty()) {
            return Err(not_here("delimiter"));
        }
        let written = Written::of(input.encoding_type.as_ref())?;
        let most = page_size(input.max_uploads)?;
        let prefix = input.prefix.unwrap_or_default();
        let marker = input.key_marker.filter(|marker| !marker.is_empty());
        let id_marker = input.upload_id_marker.filter(|id| !id.is_empty() && marker.is_some());
        let behind = |key: &str, id: &str| match (&marker, &id_marker) {
            (None, _) => true,
            (Some(marker), None) => key > marker.as_str(),
            (Some(marker), Some(id_marker)) => (key, id) > (marker.as_str(), id_marker.as_str()),
        };
        let mut output = ListMultipartUploadsOutput {
            bucket: Some(input.bucket.clone()),
            prefix: Some(written.name(&prefix)),
            key_marker: Some(written.name(marker.as_deref().unwrap_or(""))),
            upload_id_marker: Some(id_marker.clone().unwrap_or_default()),
            max_uploads: i32::try_from(most).ok(),
            encoding_type: written.dto(),
            is_truncated: Some(false),
            ..ListMultipartUploadsOutput::default()
        };
        let mut uploads = Vec::new();
        self.0.with_bucket(&input.bucket, |bucket| {
            for ((key, id), upload) in &bucket.uploads {
                if !key.starts_with(&prefix) || !behind(key, id) {
                    continue;
                }
                if uploads.len() == most {
                    output.is_truncated = Some(most > 0);
                    break;
                }
                uploads.push(MultipartUpload {
                    key: Some(written.name(key)),
                    upload_id: Some(id.clone()),
                    initiated: Some(clock::timestamp(upload.initiated)),
                    storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                    ..MultipartUpload::default()
                });
            }
            Ok(())
        })?;
        if output.is_truncated == Some(true)
            && let Some(last) = uploads.last()
        {
            output.next_key_marker = last.key.clone();
            output.next_upload_id_marker = last.upload_id.clone();
        }
        output.uploads = Some(uploads);
        Ok(S3Response::new(output))
    }

    pub(super) async fn list_parts_of(
        &self,
        request: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = request.input;
        let most = page_size(input.max_parts)?;
        let marker = input.part_number_marker.unwrap_or(0);
        let mut parts = Vec::new();
        let mut truncated = false;
        self.0.with_bucket(&input.bucket, |bucket| {
            let upload = bucket.upload(&input.key, &input.upload_id)?;
            for (number, part) in upload.parts.range(marker.saturating_add(1)..) {
                if parts.len() == most {
                    truncated = most > 0;
                    break;
                }
                parts.push(Part {
                    part_number: Some(*number),
                    e_tag: Some(part.etag.dto()),
                    size: i64::try_from(part.content.len()).ok(),
                    last_modified: Some(clock::timestamp(part.modified)),
                    ..Part::default()
                });
            }
            Ok(())
        })?;
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: Some(marker),
            next_part_number_marker: parts.last().and_then(|part| part.part_number).filter(|_| truncated),
            max_parts: i32::try_from(most).ok(),
            is_truncated: Some(truncated),
            parts: Some(parts),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..ListPartsOutput::default()
        }))
    }
}

/// Something that S3 has and this server has not: said, never ignored.
pub(super) fn not_here(what: &str) -> S3Error {
    s3_error!(NotImplemented, "This test server has no {what} here")
}
