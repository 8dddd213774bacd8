//! PutObject.

use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Api;
use crate::s3::bucket::Condition;
use crate::s3::object::{Extra, Headers, Object, headers_of};
use crate::s3::receive::receive;
use crate::s3::settings::Conditions;
use crate::s3::sums;

impl Api {
    /// The condition of a write, or none where conditions are ignored.
    pub(super) fn condition(
        &self,
        if_match: Option<ETagCondition>,
        if_none_match: Option<ETagCondition>,
    ) -> S3Result<Condition> {
        match self.0.settings().conditions {
            Conditions::Honoured => Condition::of(if_match, if_none_match),
            Conditions::Ignored => Ok(Condition::None),
        }
    }

    pub(super) async fn put(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = request.input;
        let condition = self.condition(input.if_match.take(), input.if_none_match.take())?;
        let headers = headers_of!(input);
        check_metadata(&headers)?;
        let trailers = request.trailing_headers;
        let taken =
            receive(&self.0.spool, &request.headers, trailers, input.content_length, input.body.take())
                .await?;
        let (kind, value) = taken.sums.kept();
        let checksum = sums::dto(kind, &sums::encode(value), true);
        let extra = Extra { headers, checksum: checksum.clone(), parts: Vec::new() };
        let object = Object {
            content: taken.content,
            etag: taken.etag,
            modified: self.0.now(),
            extra: Some(Box::new(extra)),
        };
        let replaced = self.0.with_bucket(&input.bucket, |bucket| {
            condition.check(bucket.object(&input.key))?;
            Ok(bucket.objects.insert(input.key.as_bytes().into(), object))
        })?;
        // Its file is removed outside of the lock.
        drop(replaced);
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(taken.etag.dto()),
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            checksum_type: checksum.checksum_type,
            ..PutObjectOutput::default()
        }))
    }
}

pub(super) fn check_metadata(headers: &Headers) -> S3Result<()> {
    if headers.metadata_fits() {
        return Ok(());
    }
    Err(s3_error!(MetadataTooLarge, "Your metadata headers exceed the maximum allowed metadata size"))
}
