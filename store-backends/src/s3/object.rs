//! What a request says about an object.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use larder_store_core::{Attributes, Error, ErrorKind, Key, Meta, Native, Op, Result, Version};

use crate::object::facts::{self, Entries, Facts, Fields};

/// An object as an answer describes it.
#[derive(Debug)]
pub(super) struct Object {
    /// The ETag, quotes included.
    pub(super) etag: String,
    /// Bytes of the whole object.
    pub(super) size: u64,
    /// When the service stored it, in whole seconds.
    pub(super) stored: Option<SystemTime>,
    pub(super) facts: Option<Facts>,
    pub(super) attributes: Attributes,
}

fn no_etag(op: Op) -> Error {
    Error::new(ErrorKind::Unavailable, op, "the service's answer has no ETag")
        .hint("this is no S3, or something between changes its answers")
}

fn time(time: Option<&DateTime>) -> Option<SystemTime> {
    let time = time?;
    let secs = Duration::from_secs(u64::try_from(time.secs()).ok()?);
    UNIX_EPOCH.checked_add(secs + Duration::from_nanos(time.subsec_nanos().into()))
}

macro_rules! fields {
    ($answer:expr) => {{
        let answer = $answer;
        let mut fields = Fields::default();
        let mut set =
            |native: Native, value: Option<&str>| fields[native as usize] = value.map(str::to_owned);
        set(Native::ContentType, answer.content_type());
        set(Native::CacheControl, answer.cache_control());
        set(Native::ContentEncoding, answer.content_encoding());
        set(Native::ContentDisposition, answer.content_disposition());
        set(Native::ContentLanguage, answer.content_language());
        fields
    }};
}

impl Object {
    /// The object that a get found, whole or in part.
    pub(super) fn of_get(op: Op, answer: &GetObjectOutput) -> Result<Object> {
        let whole = answer.content_range().and_then(|range| range.rsplit('/').next()?.parse().ok());
        let size = whole.or_else(|| u64::try_from(answer.content_length()?).ok());
        let stored = time(answer.last_modified());
        Object::new(op, answer.e_tag(), size, stored, answer.metadata(), fields!(answer))
    }

    /// The object that a head found.
    pub(super) fn of_head(op: Op, answer: &HeadObjectOutput) -> Result<Object> {
        let size = answer.content_length().and_then(|len| u64::try_from(len).ok());
        let stored = time(answer.last_modified());
        Object::new(op, answer.e_tag(), size, stored, answer.metadata(), fields!(answer))
    }

    fn new(
        op: Op,
        etag: Option<&str>,
        size: Option<u64>,
        stored: Option<SystemTime>,
        entries: Option<&Entries>,
        fields: Fields,
    ) -> Result<Object> {
        let etag = etag.ok_or_else(|| no_etag(op))?.to_owned();
        let size =
            size.ok_or_else(|| Error::new(ErrorKind::Unavailable, op, "the service's answer has no length"))?;
        let (facts, attributes) = facts::read(entries, &fields)?;
        Ok(Object { etag, size, stored, facts, attributes })
    }

    pub(super) fn expires(&self) -> Option<SystemTime> {
        self.facts.as_ref()?.expires
    }

    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires().is_some_and(|at| at <= now)
    }

    pub(super) fn version(&self) -> Version {
        match &self.facts {
            Some(facts) => facts.version(&self.etag),
            None => Version::of_service(self.etag.as_str(), None, []),
        }
    }

    /// What the caller is told about a plain object.
    pub(super) fn into_meta(self, key: &Key) -> Meta {
        let mut meta = Meta::new(key.clone());
        meta.version = Some(self.version());
        meta.size = Some(self.size);
        meta.stored_size = Some(self.size);
        // Of a value that others wrote, the service's time is the only one.
        meta.modified = self.facts.as_ref().map(|facts| facts.modified).or(self.stored);
        meta.expires = Some(self.expires().into());
        meta.write_id = self.facts.as_ref().map(|facts| facts.write_id);
        meta.attributes = Some(self.attributes);
        meta
    }
}

/// The time in an answer that lists.
pub(super) fn listed_time(listed: Option<&DateTime>) -> Option<SystemTime> {
    time(listed)
}
