//! What a precondition is on the wire, and what an answer of 412 means.

use larder_store_core::{
    Call, Error, ErrorKind, Op, Precondition, PutOptions, Result, Version, WriteId, Written,
};

use super::object::{Object, generation};
use super::wire::Wire;

/// A condition as the service knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    None,
    Absent,
    /// The live object has this generation.
    Match(i64),
}

impl Condition {
    /// `ifGenerationMatch`; none is generation 0.
    pub(super) fn generation(self) -> Option<i64> {
        match self {
            Condition::None => None,
            Condition::Absent => Some(0),
            Condition::Match(generation) => Some(generation),
        }
    }
}

/// What is there now.
pub(super) struct Current {
    pub(super) version: Version,
    pub(super) generation: i64,
    /// It counts as absent.
    pub(super) expired: bool,
}

impl Current {
    /// Whether it is what a version names. A write that was sent twice and landed twice is still one version, and has
    /// two generations.
    pub(super) fn is(&self, named: &Version) -> bool {
        let same_write = named.write_id().is_some() && named.write_id() == self.version.write_id();
        self.version == *named || same_write
    }
}

pub(super) fn gone(op: Op) -> Error {
    Error::new(ErrorKind::Conflict, op, "the key is absent")
}

pub(super) fn other(op: Op, current: Option<Version>) -> Error {
    Error::new(ErrorKind::Conflict, op, "the value has another version").with_current(current)
}

fn not_absent(op: Op, current: Version) -> Error {
    Error::new(ErrorKind::Conflict, op, "the key is not absent").with_current(Some(current))
}

impl Wire {
    /// What is under a key, expired or not.
    pub(super) async fn current(&self, op: Op, call: &Call, name: &str) -> Result<Option<Current>> {
        let now = |object: Object| Current {
            version: object.version(),
            generation: object.generation,
            expired: object.is_expired(self.env.wall()),
        };
        Ok(self.look(op, call, name, None).await?.map(now))
    }

    /// The condition under which a version still stands.
    pub(super) async fn still(
        &self,
        op: Op,
        call: &Call,
        name: &str,
        version: &Version,
    ) -> Result<Condition> {
        // The value of an expired version is absent.
        let expired = version.expires().is_some_and(|at| at <= self.env.wall());
        match generation(version).filter(|_| !expired) {
            Some(generation) => Ok(Condition::Match(generation)),
            None => match self.current(op, call, name).await? {
                Some(now) if now.expired => Err(gone(op)),
                Some(now) if now.is(version) => Ok(Condition::Match(now.generation)),
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
        name: &str,
        pre: &Precondition,
    ) -> Result<Condition> {
        match pre {
            Precondition::Any => Ok(Condition::None),
            Precondition::Absent => Ok(Condition::Absent),
            Precondition::Matches(version) => Box::pin(self.still(op, call, name, version)).await,
        }
    }

    /// A put was refused by its condition: why, and whether it is true. Something on the way may have sent the request
    /// twice, and then it is the answer to the second time.
    pub(super) async fn refused(
        &self,
        op: Op,
        name: &str,
        options: &PutOptions,
        id: WriteId,
    ) -> Result<Refused> {
        let Some(now) = self.current(op, &options.call, name).await? else {
            return match &options.pre {
                // It was there a moment ago: whoever asks again may be lucky.
                Precondition::Absent => {
                    let why = "the key was there when the put was refused, and is not now";
                    Err(Error::new(ErrorKind::Unavailable, op, why))
                }
                _ => Err(gone(op)),
            };
        };
        stands(op, now, &options.pre, id)
    }

    /// What stands in a put's way before it is sent: the condition under which it may go on.
    pub(super) async fn allowed(
        &self,
        op: Op,
        name: &str,
        options: &PutOptions,
        id: WriteId,
    ) -> Result<Refused> {
        match self.current(op, &options.call, name).await? {
            Some(now) => stands(op, now, &options.pre, id),
            None if options.pre == Precondition::Absent => Ok(Refused::Free),
            None => Err(gone(op)),
        }
    }
}

/// What stands where a conditional put wants to write.
fn stands(op: Op, now: Current, pre: &Precondition, id: WriteId) -> Result<Refused> {
    if now.version.write_id() == Some(id) {
        return Ok(Refused::Mine(now.version));
    }
    if now.version.has_ancestor(id) {
        return Ok(Refused::Mine(Version::of_write(id, [])));
    }
    match pre {
        Precondition::Absent if now.expired => Ok(Refused::Still(now.generation)),
        Precondition::Absent => Err(not_absent(op, now.version)),
        _ if now.expired => Err(gone(op)),
        Precondition::Matches(named) if now.is(named) => Ok(Refused::Still(now.generation)),
        _ => Err(other(op, Some(now.version))),
    }
}

/// What stands behind a refusal.
pub(super) enum Refused {
    /// The write was made, as this version.
    Mine(Version),
    /// What is there may be replaced while it has this generation: it has expired, or is what was named.
    Still(i64),
    /// Nothing is there, as was wanted.
    Free,
}

/// A write that was made although its answer said otherwise.
pub(super) fn mine(mut written: Written, version: Version) -> Written {
    written.version = version;
    written.settled = false;
    written
}
