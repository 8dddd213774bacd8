//! DeleteObject and DeleteObjects.

use hyper::{HeaderMap, StatusCode};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::Api;
use crate::s3::bucket::{Condition, access_denied};
use crate::s3::keys::stays_inside;
use crate::s3::settings::Conditions;
use crate::s3::sums::Expected;

/// The most keys that one request may name.
const LARGEST_BATCH: usize = 1000;

impl Api {
    fn remove(&self, bucket: &str, key: &str, condition: &Condition) -> S3Result<()> {
        let removed = self.0.with_bucket(bucket, |bucket| {
            condition.check(bucket.object(key))?;
            Ok(bucket.objects.remove(key.as_bytes()))
        })?;
        drop(removed);
        Ok(())
    }

    pub(super) async fn delete(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = request.input;
        if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
            return Err(s3_error!(
                NotImplemented,
                "A header you provided implies functionality that only directory buckets have"
            ));
        }
        let condition = self.condition(input.if_match, None)?;
        self.remove(&input.bucket, &input.key, &condition)?;
        Ok(S3Response::with_status(DeleteObjectOutput::default(), StatusCode::NO_CONTENT))
    }

    pub(super) async fn delete_many(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = request.input;
        check_digest(&request.headers)?;
        let objects = input.delete.objects;
        if objects.is_empty() || objects.len() > LARGEST_BATCH {
            return Err(s3_error!(
                MalformedXML,
                "The XML you provided was not well-formed or did not validate against our published schema"
            ));
        }
        let settings = self.0.settings();
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in objects {
            let condition = match settings.conditions {
                Conditions::Honoured => Condition::tag(object.e_tag),
                Conditions::Ignored => Condition::None,
            };
            let outcome = if !settings.rights.delete_object {
                Err(access_denied())
            } else if object.key.len() > 1024 || !stays_inside(&object.key) {
                Err(s3_error!(InvalidURI, "Couldn't parse the specified URI."))
            } else {
                self.remove(&input.bucket, &object.key, &condition)
            };
            match outcome {
                Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() }),
                Err(error) => errors.push(told(object.key, &error)),
            }
        }
        // Quiet: only what failed is told.
        let quiet = input.delete.quiet.unwrap_or(false);
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!quiet && !deleted.is_empty()).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            request_charged: None,
        }))
    }
}

/// S3 wants a batch to come with a digest of the list. (Its value is held against the list by the gate.)
fn check_digest(headers: &HeaderMap) -> S3Result<()> {
    let has_sum = Expected::of(headers)?.kind().is_some();
    if has_sum || headers.contains_key("content-md5") {
        return Ok(());
    }
    Err(s3_error!(
        InvalidRequest,
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
    ))
}

fn told(key: String, error: &S3Error) -> Error {
    Error {
        code: Some(error.code().as_str().to_owned()),
        message: error.message().map(str::to_owned),
        key: Some(key),
        version_id: None,
    }
}
