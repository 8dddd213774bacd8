//! Writing values that fit one request.

use std::time::SystemTime;

use aws_sdk_s3::primitives::ByteStream as Body;
use bytes::Bytes;
use larder_store_core::record::Head;
use larder_store_core::time;
use larder_store_core::{
    Durability, Error, ErrorKind, Key, Native, Op, Precondition, PutOptions, Result, WriteId, Written,
};

use super::condition::{Condition, Refused, gone, mine};
use super::config::Layout;
use super::error::Failure;
use super::stored::stored;
use super::wire::Wire;
use crate::object::facts::{self, Entries, Facts, Fields, Kept};

/// An object that is to be stored.
pub(super) struct Draft {
    pub(super) facts: Facts,
    pub(super) entries: Entries,
    pub(super) fields: Fields,
    /// The head of the record; `None` where the object is the value.
    pub(super) head: Option<Head>,
}

impl Wire {
    /// What is stored beside the value that `options` describe.
    pub(super) fn draft(&self, key: &Key, options: &PutOptions) -> Result<Draft> {
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
        let (entries, fields, head) = match self.layout_of(key) {
            Layout::Plain => {
                let (entries, fields) = facts::write(&facts, &options.attributes, |_, _| Kept::Field)?;
                (entries, fields, None)
            }
            Layout::Record => {
                let mut head = Head::new(key.clone(), facts.write_id, facts.modified);
                head.predecessors = facts.predecessors.clone();
                head.expires = facts.expires;
                head.attributes = options.attributes.clone();
                (Entries::new(), Fields::default(), Some(head))
            }
        };
        Ok(Draft { facts, entries, fields, head })
    }

    /// Writes a value by one request.
    pub(super) async fn put(&self, op: Op, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.guarantees.check_put(op, key, options, Some(value.len() as u64))?;
        let name = self.names.of(op, key)?;
        let condition = self.condition(op, &options.call, key, &name, &options.pre).await?;
        let draft = self.draft(key, options)?;
        let body = match &draft.head {
            Some(head) => Bytes::from(head.encode_with(&value)?),
            None => value,
        };
        match self.send(op, options, &name, &draft, body.clone(), &condition).await? {
            Ok(etag) => Ok(self.written(&draft, &etag, body.len() as u64)),
            Err(failure) if failure.is(412) => {
                let id = draft.facts.write_id;
                match Box::pin(self.refused(op, key, &name, options, id)).await? {
                    Refused::Mine(version) => {
                        let written = self.written(&draft, "", body.len() as u64);
                        Ok(mine(written, version))
                    }
                    Refused::Still(etag) => {
                        let still = Condition::Match(etag);
                        match Box::pin(self.send(op, options, &name, &draft, body.clone(), &still)).await? {
                            Ok(etag) => Ok(self.written(&draft, &etag, body.len() as u64)),
                            // Whoever replaced it meanwhile is for the next attempt to see.
                            Err(failure) if failure.is(412) || failure.is_absent() => {
                                let why = "what stood there was replaced meanwhile";
                                Err(Error::new(ErrorKind::Unavailable, op, why))
                            }
                            Err(failure) => Err(failure.into()),
                        }
                    }
                }
            }
            Err(failure) if failure.is_absent() && condition.if_match().is_some() => Err(gone(op)),
            Err(failure) => Err(failure.into()),
        }
    }

    /// One request; the new object's ETag.
    async fn send(
        &self,
        op: Op,
        options: &PutOptions,
        name: &str,
        draft: &Draft,
        body: Bytes,
        condition: &Condition,
    ) -> Result<Result<String, Failure>> {
        let live = self.live(op, &options.call).await?;
        let len = body.len() as u64;
        let mut request = live.sdk.put_object().bucket(self.bucket()).key(name).body(Body::from(body));
        // Each of these moves all of the request, so that only those are called that say something.
        if !draft.entries.is_empty() {
            request = request.set_metadata(Some(draft.entries.clone()));
        }
        if draft.fields.iter().any(Option::is_some) {
            let field = |native: Native| draft.fields[native as usize].clone();
            request = request
                .set_content_type(field(Native::ContentType))
                .set_cache_control(field(Native::CacheControl))
                .set_content_encoding(field(Native::ContentEncoding))
                .set_content_disposition(field(Native::ContentDisposition))
                .set_content_language(field(Native::ContentLanguage));
        }
        if *condition != Condition::None {
            request = request.set_if_match(condition.if_match()).set_if_none_match(condition.if_none_match());
        }
        let request = stored!(request, &self.config().stored);
        let done = self.write(op, &options.call, &live, len, request.send()).await?;
        Ok(match done {
            Ok(done) => Ok(done.e_tag().unwrap_or_default().to_owned()),
            Err(failure) => Err(failure),
        })
    }

    /// What a put of this tells.
    pub(super) fn written(&self, draft: &Draft, etag: &str, size: u64) -> Written {
        let facts = &draft.facts;
        Written::new(facts.version(etag), facts.write_id, Durability::Durable)
            .with_facts(facts.modified, Some(size))
    }
}

/// A time as it is stored.
fn stored(at: SystemTime) -> SystemTime {
    time::to_nanos(at).map_or(at, time::from_nanos)
}
