//! Writing values that fit one request.

use std::time::SystemTime;

use bytes::Bytes;
use google_cloud_storage::model;
use larder_store_core::time;
use larder_store_core::{
    Durability, Error, ErrorKind, Native, Op, Precondition, PutOptions, Result, WriteId, Written,
};

use super::condition::{Condition, Refused, mine};
use super::error::{Failure, Said};
use super::object::kept;
use super::wire::Wire;
use crate::object::facts::{self, Entries, Facts, Fields};

/// An object that is to be stored.
pub(super) struct Draft {
    pub(super) facts: Facts,
    pub(super) entries: Entries,
    pub(super) fields: Fields,
}

impl Draft {
    pub(super) fn field(&self, native: Native) -> Option<&str> {
        self.fields[native as usize].as_deref()
    }

    /// The same as the service's own description, and with its expiry as its custom time.
    pub(super) fn describe(&self, mut object: model::Object) -> model::Object {
        let field = |native| self.field(native).unwrap_or_default().to_owned();
        object.metadata = self.entries.clone();
        object.content_type = field(Native::ContentType);
        object.cache_control = field(Native::CacheControl);
        object.content_encoding = field(Native::ContentEncoding);
        object.content_disposition = field(Native::ContentDisposition);
        object.content_language = field(Native::ContentLanguage);
        // By which the bucket may remove it. A time that RFC 3339 has no text for is in the facts alone.
        object.custom_time = self.facts.expires.and_then(|at| at.try_into().ok());
        object
    }
}

impl Wire {
    /// What is stored beside the value that `options` describe.
    pub(super) fn draft(&self, options: &PutOptions) -> Result<Draft> {
        let predecessors = match &options.pre {
            Precondition::Matches(version) => version.chain().collect(),
            _ => Vec::new(),
        };
        let facts = Facts {
            write_id: options.write_id.unwrap_or_else(|| WriteId::random(&self.env)),
            predecessors,
            modified: stored(self.env.wall()),
            expires: options.expires.map(stored),
        };
        let (entries, fields) = facts::write(&facts, &options.attributes, kept)?;
        Ok(Draft { facts, entries, fields })
    }

    /// Writes a value by one request.
    pub(super) async fn put(
        &self,
        op: Op,
        key: &larder_store_core::Key,
        value: Bytes,
        options: &PutOptions,
    ) -> Result<Written> {
        self.guarantees.check_put(op, key, options, Some(value.len() as u64))?;
        let name = self.names.of(op, key)?;
        let condition = self.condition(op, &options.call, &name, &options.pre).await?;
        let draft = self.draft(options)?;
        let size = value.len() as u64;
        let failed = match self.send(op, options, &name, &draft, value.clone(), condition).await? {
            Ok(generation) => return Ok(self.written(&draft, generation, size)),
            Err(failure) => failure,
        };
        if !failed.is(Said::Precondition) {
            return Err(failed.into());
        }
        let still = match Box::pin(self.refused(op, &name, options, draft.facts.write_id)).await? {
            Refused::Mine(version) => return Ok(mine(self.written(&draft, 0, size), version)),
            Refused::Still(generation) => Condition::Match(generation),
            Refused::Free => Condition::Absent,
        };
        match Box::pin(self.send(op, options, &name, &draft, value, still)).await? {
            Ok(generation) => Ok(self.written(&draft, generation, size)),
            // Whoever replaced it meanwhile is for the next attempt to see.
            Err(failure) if failure.is(Said::Precondition) => {
                let why = "what stood there was replaced meanwhile";
                Err(Error::new(ErrorKind::Unavailable, op, why))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// One request; the new object's generation.
    async fn send(
        &self,
        op: Op,
        options: &PutOptions,
        name: &str,
        draft: &Draft,
        body: Bytes,
        condition: Condition,
    ) -> Result<Result<i64, Failure>> {
        let (live, client) = self.storage(op, &options.call).await?;
        let len = body.len() as u64;
        let config = self.config();
        let described = draft.describe(model::Object::new());
        let mut request = client
            .write_object(self.bucket.as_str(), name, body)
            // What is larger goes up in pieces, by a way of its own.
            .with_resumable_upload_threshold(usize::MAX)
            .set_metadata(described.metadata)
            .set_content_type(described.content_type)
            .set_cache_control(described.cache_control)
            .set_content_encoding(described.content_encoding)
            .set_content_disposition(described.content_disposition)
            .set_content_language(described.content_language);
        if let Some(at) = described.custom_time {
            request = request.set_custom_time(at);
        }
        if let Some(class) = &config.storage_class {
            request = request.set_storage_class(class.as_str());
        }
        if let Some(key) = &config.kms_key {
            request = request.set_kms_key(key.as_str());
        }
        if let Some(generation) = condition.generation() {
            request = request.set_if_generation_match(generation);
        }
        let done = self.write(op, &options.call, &live, len, request.send_buffered()).await?;
        Ok(done.map(|object| object.generation))
    }

    /// What a put of this tells.
    pub(super) fn written(&self, draft: &Draft, generation: i64, size: u64) -> Written {
        let facts = &draft.facts;
        Written::new(facts.version(&generation.to_string()), facts.write_id, Durability::Durable)
            .with_facts(facts.modified, Some(size))
    }
}

/// A time as it is stored.
fn stored(at: SystemTime) -> SystemTime {
    time::to_nanos(at).map_or(at, time::from_nanos)
}
