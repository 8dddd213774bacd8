//! What a request says about an object.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use google_cloud_storage::model;
use google_cloud_storage::model_ext::ObjectHighlights;
use larder_store_core::{Attributes, Key, Meta, Native, Result, Version};

use crate::object::facts::{self, Entries, Facts, Fields, Kept};

/// The longest `Content-Language` that the service keeps, in bytes (JSON API reference, "Objects").
const LONGEST_LANGUAGE: usize = 100;

/// An object as an answer describes it.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) generation: i64,
    /// Bytes of the whole object.
    pub(super) size: u64,
    /// When the service stored it.
    pub(super) stored: Option<SystemTime>,
    pub(super) facts: Option<Facts>,
    pub(super) attributes: Attributes,
}

/// Where a native field goes.
pub(super) fn kept(native: Native, value: &str) -> Kept {
    match native {
        // No download tells it.
        Native::CacheControl => Kept::Both,
        // That is what a download says where there is none.
        Native::ContentEncoding if value == "identity" => Kept::Both,
        Native::ContentLanguage if value.len() > LONGEST_LANGUAGE => Kept::Beside,
        _ => Kept::Field,
    }
}

fn said(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// Names of entries as headers tell them.
fn lower(entries: &Entries) -> Entries {
    entries.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect()
}

impl Object {
    /// The object that a download found; `None` if Larder did not write it, or the answer does not tell. Then there is
    /// more to know than a download says.
    pub(super) fn of_get(answer: &ObjectHighlights) -> Result<Option<Object>> {
        let mut fields = Fields::default();
        let mut set = |native: Native, value: Option<String>| fields[native as usize] = value;
        set(Native::ContentType, said(&answer.content_type));
        set(
            Native::ContentEncoding,
            said(&answer.content_encoding).filter(|encoding| encoding != "identity"),
        );
        set(Native::ContentDisposition, said(&answer.content_disposition));
        set(Native::ContentLanguage, said(&answer.content_language));
        let (facts, attributes) = facts::read(Some(&answer.metadata), &fields)?;
        let size = u64::try_from(answer.size).unwrap_or(0);
        Ok(facts.map(|facts| Object {
            generation: answer.generation,
            size,
            stored: None,
            facts: Some(facts),
            attributes,
        }))
    }

    /// The object that the service describes.
    pub(super) fn of(object: &model::Object) -> Result<Object> {
        let mut fields = Fields::default();
        let mut set = |native: Native, value: &str| fields[native as usize] = said(value);
        set(Native::ContentType, &object.content_type);
        set(Native::CacheControl, &object.cache_control);
        set(Native::ContentEncoding, &object.content_encoding);
        set(Native::ContentDisposition, &object.content_disposition);
        set(Native::ContentLanguage, &object.content_language);
        let (facts, attributes) = facts::read(Some(&lower(&object.metadata)), &fields)?;
        let stored = object.create_time.as_ref().and_then(|at| time(at.seconds(), at.nanos()));
        Ok(Object {
            generation: object.generation,
            size: u64::try_from(object.size).unwrap_or(0),
            stored,
            facts,
            attributes,
        })
    }

    pub(super) fn expires(&self) -> Option<SystemTime> {
        self.facts.as_ref()?.expires
    }

    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires().is_some_and(|at| at <= now)
    }

    pub(super) fn version(&self) -> Version {
        let token = self.generation.to_string();
        match &self.facts {
            Some(facts) => facts.version(&token),
            None => Version::of_service(token, None, []),
        }
    }

    /// What the caller is told.
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

/// A time as the service tells it.
pub(super) fn time(seconds: i64, nanos: i32) -> Option<SystemTime> {
    let since =
        Duration::from_secs(u64::try_from(seconds).ok()?) + Duration::from_nanos(u64::try_from(nanos).ok()?);
    UNIX_EPOCH.checked_add(since)
}

/// The generation in a version; `None` for one that no object can have.
pub(super) fn generation(version: &Version) -> Option<i64> {
    version.tag()?.parse().ok().filter(|generation| *generation > 0)
}
