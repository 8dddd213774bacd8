//! Removing objects.

use std::collections::{HashMap, HashSet};

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use larder_store_core::{
    Call, DeleteItem, DeleteOptions, Deleted, Error, ErrorKind, Key, Op, Removed, Result,
};

use super::condition::{Condition, gone, other};
use super::config::Layout;
use super::wire::Wire;

/// Objects that one request removes (Amazon S3 API Reference, DeleteObjects).
pub(super) const BATCH: usize = 1000;

/// What became of a request to remove an object.
enum Done {
    Removed,
    /// There was none.
    Absent,
    /// There is one with another ETag than was named.
    Other,
}

impl Wire {
    /// Removes one value.
    pub(super) async fn delete(&self, op: Op, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.guarantees.check_delete(op, key, options.only.is_some())?;
        let (call, name) = (&options.call, self.names.of(op, key)?);
        if options.tell && options.only.is_none() {
            return self.delete_telling(op, call, key, &name).await;
        }
        let Some(named) = &options.only else {
            self.delete_one(op, call, &name, &Condition::None).await?;
            return Ok(Removed::new(Deleted::NotTold));
        };
        let mut condition = self.still(op, call, key, &name, named).await?;
        loop {
            match self.delete_one(op, call, &name, &condition).await? {
                Done::Removed => return Ok(Removed::new(Deleted::Yes)),
                Done::Absent => return Err(gone(op)),
                Done::Other if self.layout_of(key) == Layout::Plain => return Err(other(op, None)),
                // A record that was sent twice is the same version with another ETag.
                Done::Other => match self.current(op, call, key, &name).await? {
                    Some(now) if now.expired => return Err(gone(op)),
                    Some(now)
                        if now.is(named, Layout::Record)
                            && condition != Condition::Match(now.etag.clone()) =>
                    {
                        condition = Condition::Match(now.etag);
                    }
                    Some(now) => return Err(other(op, Some(now.version))),
                    None => return Err(gone(op)),
                },
            }
        }
    }

    /// Removes a value, and tells whether there was one. What was seen is what is removed: a value that somebody puts
    /// meanwhile is looked at anew. A service without conditional deletes removes what it has by then, and what was
    /// seen is told.
    async fn delete_telling(&self, op: Op, call: &Call, key: &Key, name: &str) -> Result<Removed> {
        let mut refused = None;
        loop {
            let Some(now) = self.current(op, call, key, name).await? else {
                return Ok(Removed::new(Deleted::No));
            };
            let condition = match self.guarantees.conditional_delete {
                true => Condition::Match(now.etag),
                false => Condition::None,
            };
            match self.delete_one(op, call, name, &condition).await? {
                Done::Removed if !now.expired => return Ok(Removed::new(Deleted::Yes)),
                Done::Removed | Done::Absent => return Ok(Removed::new(Deleted::No)),
                Done::Other if refused.as_ref() == Some(&condition) => {
                    let why = "a delete of what stands there is refused as if something else did";
                    let hint =
                        "if it stays so, the service does not keep to If-Match: open with conditions=probed";
                    return Err(Error::new(ErrorKind::Unavailable, op, why).hint(hint));
                }
                Done::Other => refused = Some(condition),
            }
        }
    }

    /// One request.
    async fn delete_one(&self, op: Op, call: &Call, name: &str, condition: &Condition) -> Result<Done> {
        let live = self.live(op, call).await?;
        let request = live
            .sdk
            .delete_object()
            .bucket(self.bucket())
            .key(name)
            .set_if_match(condition.if_match())
            .send();
        match self.write(op, call, &live, 0, request).await? {
            Ok(_) => Ok(Done::Removed),
            Err(failure) if failure.is(412) => Ok(Done::Other),
            Err(failure) if failure.is_absent() => Ok(Done::Absent),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Removes many values by one request for each thousand. Their keys are distinct.
    pub(super) async fn delete_batch(&self, items: &[DeleteItem], call: &Call) -> Vec<Result<Removed>> {
        let op = Op::DeleteMany;
        let mut outcomes: Vec<Option<Result<Removed>>> = Vec::with_capacity(items.len());
        let mut named = Vec::with_capacity(items.len());
        for item in items {
            let ready = async {
                self.guarantees.check_delete(op, &item.key, item.only.is_some())?;
                let name = self.names.of(op, &item.key)?;
                let condition = match &item.only {
                    Some(version) => self.still(op, call, &item.key, &name, version).await?,
                    None => Condition::None,
                };
                Ok((name, condition))
            };
            match ready.await {
                Ok(ready) => {
                    named.push((outcomes.len(), ready));
                    outcomes.push(None);
                }
                Err(error) => outcomes.push(Some(Err(error))),
            }
        }
        // A name that XML cannot hold goes by itself.
        let (named, alone): (Vec<_>, Vec<_>) = named.into_iter().partition(|(_, (name, _))| is_xml(name));
        let one_by_one = async |item: &DeleteItem| {
            let mut one = DeleteOptions::new().with_call(call.clone());
            one.only = item.only.clone();
            self.delete(op, &item.key, &one).await
        };
        for (at, _) in alone {
            outcomes[at] = Some(one_by_one(&items[at]).await);
        }
        for batch in named.chunks(BATCH) {
            let done = self.delete_some(op, batch, call).await;
            for (at, (name, condition)) in batch {
                let item = &items[*at];
                outcomes[*at] = Some(match &done {
                    Err(error) => Err(error.clone()),
                    Ok(refused) => match refused.get(name) {
                        // What stands there may be the same version all the same.
                        Some(error)
                            if error.is(ErrorKind::Conflict)
                                && self.layout_of(&item.key) == Layout::Record =>
                        {
                            one_by_one(item).await
                        }
                        Some(error) => Err(error.clone()),
                        None => Ok(Removed::new(match condition {
                            Condition::Match(_) => Deleted::Yes,
                            _ => Deleted::NotTold,
                        })),
                    },
                });
            }
        }
        let missing = || Err(Error::new(ErrorKind::Unknown, op, "the key was left out of its batch"));
        let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing));
        outcomes.zip(items).map(|(done, item)| done.map_err(self.named(op, &item.key))).collect()
    }

    /// One request; the errors by name.
    async fn delete_some(
        &self,
        op: Op,
        batch: &[(usize, (String, Condition))],
        call: &Call,
    ) -> Result<HashMap<String, Error>> {
        let invalid = |e: aws_sdk_s3::error::BuildError| {
            Error::new(ErrorKind::Invalid, op, format!("the request could not be made: {e}"))
        };
        let mut delete = Delete::builder();
        for (_, (name, condition)) in batch {
            let object = ObjectIdentifier::builder().key(name).set_e_tag(condition.if_match());
            delete = delete.objects(object.build().map_err(invalid)?);
        }
        let live = self.live(op, call).await?;
        let delete = delete.build().map_err(invalid)?;
        let request = live.sdk.delete_objects().bucket(self.bucket()).delete(delete).send();
        let done = match self.write(op, call, &live, 0, request).await? {
            Ok(done) => done,
            Err(failure) => return Err(failure.into()),
        };
        let mut refused = HashMap::new();
        for error in done.errors() {
            let (Some(name), code) = (error.key(), error.code().unwrap_or_default()) else { continue };
            let said =
                format!("S3 says {code}: {}", error.message().unwrap_or_default().trim_end_matches('.'));
            let why = match code {
                "PreconditionFailed" => other(op, None),
                "NoSuchKey" => gone(op),
                "AccessDenied" => {
                    Error::new(ErrorKind::Denied, op, said).hint("s3:DeleteObject on the object is missing")
                }
                "SlowDown" => Error::new(ErrorKind::Throttled, op, said),
                _ => Error::new(ErrorKind::Unknown, op, said),
            };
            refused.insert(name.to_owned(), why);
        }
        Ok(refused)
    }
}

/// Whether an XML document can hold it (XML 1.0, 2.2). Other characters that it cannot are none of names.
fn is_xml(name: &str) -> bool {
    !name.contains(['\u{1}', '\u{fffe}', '\u{ffff}'])
}

/// Whether no key stands twice.
pub(super) fn distinct(items: &[DeleteItem]) -> bool {
    let mut seen = HashSet::with_capacity(items.len());
    items.iter().all(|item| seen.insert(&item.key))
}
