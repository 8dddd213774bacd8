//! CompleteMultipartUpload.

use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::Api;
use crate::content::Content;
use crate::s3::bucket::Bucket;
use crate::s3::etag::Etag;
use crate::s3::object::{Extra, Object};
use crate::s3::sums::{self, Kind};
use crate::s3::upload::{Part, SMALLEST_PART, Upload};

impl Api {
    pub(super) async fn complete(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let mut input = request.input;
        let condition = self.condition(input.if_match.take(), input.if_none_match.take())?;
        let named = input.multipart_upload.take().and_then(|upload| upload.parts).unwrap_or_default();
        let now = self.0.now();
        // Lookup, decision and effect are one step: a completion that is refused leaves the upload as it was.
        let (object, left) = self.0.with_bucket(&input.bucket, |bucket: &mut Bucket| {
            let upload = bucket.upload(&input.key, &input.upload_id)?;
            let object = completed(upload, &named, &input, now)?;
            condition.check(bucket.object(&input.key))?;
            let upload = bucket.uploads.remove(&(input.key.clone(), input.upload_id.clone()));
            let replaced = bucket.objects.insert(input.key.as_bytes().into(), object.clone());
            Ok((object, (upload, replaced)))
        })?;
        // Parts that were not named, and the object of before.
        drop(left);
        let checksum = object.extra.map(|extra| extra.checksum).unwrap_or_default();
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(object.etag.dto()),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
            ..CompleteMultipartUploadOutput::default()
        }))
    }
}

/// The object that the named parts make.
fn completed(
    upload: &Upload,
    named: &[CompletedPart],
    input: &CompleteMultipartUploadInput,
    now: i64,
) -> S3Result<Object> {
    let parts = chosen(upload, named)?;
    let sizes: Vec<u64> = parts.iter().map(|part| part.content.len()).collect();
    if sizes.iter().rev().skip(1).any(|size| *size < SMALLEST_PART) {
        return Err(s3_error!(
            EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size"
        ));
    }
    let said = input.mpu_object_size.map(u64::try_from);
    if said.is_some_and(|said| said != Ok(sizes.iter().sum())) {
        return Err(s3_error!(
            InvalidRequest,
            "The provided 'x-amz-mp-object-size' header value does not match what was computed."
        ));
    }
    let checksum = checksum(upload, &parts, &sizes)?;
    hold_against(&checksum, input)?;
    let tags: Vec<Etag> = parts.iter().map(|part| part.etag).collect();
    Ok(Object {
        content: Content::joined(parts.iter().map(|part| part.content.clone())),
        etag: Etag::of_parts(&tags),
        modified: now,
        extra: Some(Box::new(Extra { headers: upload.headers.clone(), checksum, parts: sizes })),
    })
}

/// The parts that are named, which must be there as they are named and in the order of their numbers.
fn chosen<'a>(upload: &'a Upload, named: &[CompletedPart]) -> S3Result<Vec<&'a Part>> {
    if named.is_empty() {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    let mut last = 0;
    let mut parts = Vec::with_capacity(named.len());
    for one in named {
        let number = one.part_number.unwrap_or(0);
        if number <= last {
            return Err(s3_error!(
                InvalidPartOrder,
                "The list of parts was not in ascending order. Parts must be ordered by part number."
            ));
        }
        last = number;
        let part = upload.parts.get(&number).ok_or_else(invalid_part)?;
        let tag = one.e_tag.clone().map(ETagCondition::ETag);
        if !tag.is_some_and(|tag| part.etag.meets(&tag)) || !sums_agree(one, part) {
            return Err(invalid_part());
        }
        if upload.declared.is_some_and(|declared| !declared.full && said(one, declared.kind).is_none()) {
            let what = "The upload was created using a checksum. The complete request must include the checksum for \
                        each part. It was missing for part";
            return Err(s3_error!(InvalidRequest, "{what} {number} in the request."));
        }
        parts.push(part);
    }
    Ok(parts)
}

fn invalid_part() -> S3Error {
    s3_error!(
        InvalidPart,
        "One or more of the specified parts could not be found. The part may not have been uploaded, or the \
         specified entity tag may not match the part's entity tag."
    )
}

fn said(part: &CompletedPart, kind: Kind) -> Option<&str> {
    match kind {
        Kind::Crc32 => part.checksum_crc32.as_deref(),
        Kind::Crc32c => part.checksum_crc32c.as_deref(),
        Kind::Crc64Nvme => part.checksum_crc64nvme.as_deref(),
        Kind::Sha1 => part.checksum_sha1.as_deref(),
        Kind::Sha256 => part.checksum_sha256.as_deref(),
    }
}

fn sums_agree(named: &CompletedPart, part: &Part) -> bool {
    Kind::ALL.into_iter().all(|kind| match said(named, kind) {
        None => true,
        Some(said) => part.sums.get(kind).is_some_and(|value| sums::encode(value) == said),
    })
}

/// The checksum of the whole, of the declared kind; CRC64NVME where none was declared, as S3 adds it by itself.
fn checksum(upload: &Upload, parts: &[&Part], sizes: &[u64]) -> S3Result<Checksum> {
    let (kind, full) =
        upload.declared.map_or((Kind::Crc64Nvme, true), |declared| (declared.kind, declared.full));
    let each: Option<Vec<&[u8]>> = parts.iter().map(|part| part.sums.get(kind)).collect();
    let value = each.and_then(|each| match full {
        true => sums::combined(kind, each.into_iter().zip(sizes.iter().copied())),
        false => sums::composed(kind, each),
    });
    match value {
        Some(value) => Ok(sums::dto(kind, &value, full)),
        None => Err(invalid_part()),
    }
}

/// The request may say what the whole sums to.
fn hold_against(checksum: &Checksum, input: &CompleteMultipartUploadInput) -> S3Result<()> {
    let pairs = [
        (&input.checksum_crc32, &checksum.checksum_crc32),
        (&input.checksum_crc32c, &checksum.checksum_crc32c),
        (&input.checksum_crc64nvme, &checksum.checksum_crc64nvme),
        (&input.checksum_sha1, &checksum.checksum_sha1),
        (&input.checksum_sha256, &checksum.checksum_sha256),
    ];
    // A checksum of parts may be said with or without their number.
    let same = |said: &str, is: &str| said == is || is.rsplit_once('-').is_some_and(|(sum, _)| sum == said);
    for (said, is) in pairs {
        if let Some(said) = said
            && !is.as_deref().is_some_and(|is| same(said, is))
        {
            return Err(s3_error!(
                BadDigest,
                "The checksum you specified did not match the calculated checksum."
            ));
        }
    }
    Ok(())
}
