//! What a precondition is on the wire, and what an answer of 412 means.

use larder_store_core::{
    Call, Error, ErrorKind, Key, Op, Precondition, PutOptions, Result, Version, WriteId, Written,
};

use super::config::Layout;
use super::read::{Answer, Ask};
use super::record;
use super::wire::Wire;

/// A condition as S3 knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    Absent,
    /// `If-Match` with this ETag.
    Match(String),
}

impl Condition {
    pub(super) fn if_match(&self) -> Option<String> {
        match self {
            Condition::Match(etag) => Some(etag.clone()),
            _ => None,
        }
    }

    pub(super) fn if_none_match(&self) -> Option<String> {
        (*self == Condition::Absent).then(|| "*".to_owned())
    }
}

/// What is there now.
pub(super) struct Current {
    pub(super) version: Version,
    pub(super) etag: String,
    /// It counts as absent.
    pub(super) expired: bool,
}

impl Current {
    /// Whether it is what a version names.
    ///
    /// A write that was sent twice and landed twice is still one version. Its record tells the time of each attempt, and
    /// has another ETag; and of some writes nobody learned the ETag.
    pub(super) fn is(&self, named: &Version, layout: Layout) -> bool {
        let same_write = named.write_id().is_some() && named.write_id() == self.version.write_id();
        self.version == *named || (same_write && (layout == Layout::Record || named.tag().is_none()))
    }
}

pub(super) fn gone(op: Op) -> Error {
    Error::new(ErrorKind::Conflict, op, "the key is absent")
}

pub(super) fn other(op: Op, current: Option<Version>) -> Error {
    Error::new(ErrorKind::Conflict, op, "the value has another version").with_current(current)
}

impl Wire {
    /// What is under a key, expired or not.
    pub(super) async fn current(
        &self,
        op: Op,
        call: &Call,
        key: &Key,
        name: &str,
    ) -> Result<Option<Current>> {
        if self.layout_of(key) == Layout::Record {
            return record::current(self, op, call, key, name).await;
        }
        match self.look(op, call, name, &Ask::default()).await?? {
            Answer::Found(object) => {
                let expired = object.is_expired(self.env.wall());
                Ok(Some(Current { version: object.version(), etag: object.etag, expired }))
            }
            _ => Ok(None),
        }
    }

    /// The condition under which a version still stands.
    pub(super) async fn still(
        &self,
        op: Op,
        call: &Call,
        key: &Key,
        name: &str,
        version: &Version,
    ) -> Result<Condition> {
        // The value of an expired version is absent, unless the same bytes were written again.
        let expired = version.expires().is_some_and(|at| at <= self.env.wall());
        match version.tag().filter(|_| !expired) {
            Some(etag) => Ok(Condition::Match(etag.to_owned())),
            None => match self.current(op, call, key, name).await? {
                Some(now) if now.expired => Err(gone(op)),
                Some(now) if now.is(version, self.layout_of(key)) => Ok(Condition::Match(now.etag)),
                Some(now) => Err(other(op, Some(now.version))),
                None => Err(gone(op)),
            },
        }
    }

    /// A put's condition.
    pub(super) async fn condition(
        &self,
        op: Op,
        call: &Call,
        key: &Key,
        name: &str,
        pre: &Precondition,
    ) -> Result<Condition> {
        match pre {
            Precondition::Any => Ok(Condition::None),
            Precondition::Absent => Ok(Condition::Absent),
            Precondition::Matches(version) => Box::pin(self.still(op, call, key, name, version)).await,
        }
    }

    /// A put was refused by its condition: why, and whether it is true. Something on the way may have sent the request
    /// twice, and then it is the answer to the second time.
    pub(super) async fn refused(
        &self,
        op: Op,
        key: &Key,
        name: &str,
        options: &PutOptions,
        id: WriteId,
    ) -> Result<Refused> {
        let (call, pre) = (&options.call, &options.pre);
        let unread = |cause| self.unread(op, key, pre, cause);
        let Some(now) = self.current(op, call, key, name).await.map_err(unread)? else {
            return match pre {
                // It was there a moment ago: whoever asks again may be lucky.
                Precondition::Absent => {
                    let why = "the key was there when the put was refused, and is not now";
                    Err(Error::new(ErrorKind::Unavailable, op, why))
                }
                _ => Err(gone(op)),
            };
        };
        if now.version.write_id() == Some(id) {
            return Ok(Refused::Mine(now.version));
        }
        if now.version.has_ancestor(id) {
            return Ok(Refused::Mine(Version::of_write(id, [])));
        }
        match pre {
            Precondition::Absent if now.expired => Ok(Refused::Still(now.etag)),
            Precondition::Absent => {
                Err(Error::new(ErrorKind::Conflict, op, "the key is not absent")
                    .with_current(Some(now.version)))
            }
            _ if now.expired => Err(gone(op)),
            Precondition::Matches(named) if now.is(named, self.layout_of(key)) => {
                Ok(Refused::Still(now.etag))
            }
            _ => Err(other(op, Some(now.version))),
        }
    }

    /// Nobody could tell what stands where a put was refused. A plain object with another ETag is another version. A
    /// record with another ETag may be the version that was named, sent twice, and what is not absent may have expired:
    /// then the put was not made, and whether it would be is for the next attempt to see.
    fn unread(&self, op: Op, key: &Key, pre: &Precondition, cause: Error) -> Error {
        match pre {
            Precondition::Matches(_) if self.layout_of(key) == Layout::Plain => {
                Error::new(ErrorKind::Conflict, op, "the key has not the version that was named")
                    .caused_by(cause)
            }
            _ => cause,
        }
    }
}

/// What stands behind a refusal.
pub(super) enum Refused {
    /// The write was made, as this version.
    Mine(Version),
    /// What is there may be replaced while it has this ETag: it has expired, or is what was named.
    Still(String),
}

/// A write that was made although its answer said otherwise.
pub(super) fn mine(mut written: Written, version: Version) -> Written {
    written.version = version;
    written.settled = false;
    written
}
