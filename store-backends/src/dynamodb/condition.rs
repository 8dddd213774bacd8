//! What a precondition is on the wire, and what it means that one does not hold.

use std::time::SystemTime;

use aws_sdk_dynamodb::types::AttributeValue;
use larder_store_core::{Call, Error, ErrorKind, Key, Op, Precondition, Result, Version, WriteId};

use super::item::{self, Found, HEAD, Item};
use super::wire::Wire;

/// A condition in the service's own language.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) expression: &'static str,
    pub(super) values: Vec<(&'static str, AttributeValue)>,
}

/// An expired value counts as none.
const ABSENT: &str = "attribute_not_exists(pk) OR e <= :now";
const MATCHES: &str = "w = :id AND (attribute_not_exists(e) OR e > :now)";
/// The same, where nothing with chunks is replaced.
const SMALL: &str = "attribute_not_exists(p)";
const ABSENT_SMALL: &str = "attribute_not_exists(pk) OR (e <= :now AND attribute_not_exists(p))";
const MATCHES_SMALL: &str = "w = :id AND (attribute_not_exists(e) OR e > :now) AND attribute_not_exists(p)";

impl Condition {
    /// What must hold for a put, at this time.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] for a version that no value here ever has.
    pub(super) fn of(op: Op, pre: &Precondition, now: SystemTime) -> Result<Option<Condition>> {
        let now = (":now", item::number(item::nanos(now)));
        Ok(match pre {
            Precondition::Any => None,
            Precondition::Absent => Some(Condition { expression: ABSENT, values: vec![now] }),
            Precondition::Matches(version) => {
                // A version with a service's own token is of another store.
                let Some(id) = version.write_id().filter(|_| version.tag().is_none()) else {
                    let why = "the version that was named is none of this store's";
                    return Err(Error::new(ErrorKind::Conflict, op, why));
                };
                let id = (":id", item::bytes(*id.as_bytes()));
                Some(Condition { expression: MATCHES, values: vec![now, id] })
            }
        })
    }

    /// What must hold for a put that replaces nothing with chunks.
    ///
    /// # Errors
    /// Those of [`Condition::of`].
    pub(super) fn of_small(op: Op, pre: &Precondition, now: SystemTime) -> Result<Condition> {
        let Some(condition) = Condition::of(op, pre, now)? else {
            return Ok(Condition { expression: SMALL, values: Vec::new() });
        };
        let expression = match condition.expression {
            ABSENT => ABSENT_SMALL,
            _ => MATCHES_SMALL,
        };
        Ok(Condition { expression, ..condition })
    }

    /// What must hold for a delete.
    ///
    /// # Errors
    /// Those of [`Condition::of`].
    pub(super) fn of_only(op: Op, only: Option<&Version>, now: SystemTime) -> Result<Option<Condition>> {
        match only {
            None => Ok(None),
            Some(version) => Condition::of(op, &Precondition::Matches(version.clone()), now),
        }
    }

    /// The values as the SDK takes them; none is not the same as an empty table.
    pub(super) fn values(&self) -> Option<Item> {
        let values = || self.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        (!self.values.is_empty()).then(values)
    }
}

pub(super) fn gone(op: Op) -> Error {
    Error::new(ErrorKind::Conflict, op, "the key is absent")
}

/// What stands behind a refusal.
pub(super) enum Refused {
    /// The write was made: what stands there is it, or followed it.
    Mine(Version, Option<Box<Found>>),
    /// It was not.
    Error(Error),
}

/// What a refusal means to a write with this id, where this is what stands there now.
pub(super) fn refused(
    op: Op,
    pre: &Precondition,
    id: Option<WriteId>,
    now: SystemTime,
    current: Option<Found>,
) -> Refused {
    let Some(found) = current else {
        return Refused::Error(match pre {
            // It was there a moment ago: whoever asks again may be lucky.
            Precondition::Absent | Precondition::Any => Error::new(
                ErrorKind::Unavailable,
                op,
                "the key was there when the write was refused, and is not now",
            ),
            Precondition::Matches(_) => gone(op),
        });
    };
    let version = found.head.version();
    // Something on the way may have sent the request twice, and this is the answer to the second time.
    if let Some(id) = id {
        if version.write_id() == Some(id) {
            return Refused::Mine(version, Some(Box::new(found)));
        }
        if version.has_ancestor(id) {
            let before = match pre {
                Precondition::Matches(version) => version.chain().collect(),
                _ => Vec::new(),
            };
            return Refused::Mine(Version::of_write(id, before), None);
        }
    }
    let expired = found.head.is_expired(now);
    let meanwhile =
        || Error::new(ErrorKind::Unavailable, op, "what stood there changed while it was looked at");
    Refused::Error(match pre {
        Precondition::Any => meanwhile(),
        Precondition::Absent if expired => meanwhile(),
        Precondition::Absent => {
            Error::new(ErrorKind::Conflict, op, "the key is not absent").with_current(Some(version))
        }
        Precondition::Matches(_) if expired => gone(op),
        Precondition::Matches(named) if *named == version => meanwhile(),
        Precondition::Matches(_) => {
            Error::new(ErrorKind::Conflict, op, "the value has another version").with_current(Some(version))
        }
    })
}

impl Wire {
    /// The head that stands in the way, as the refusal told it, or else by another request.
    pub(super) async fn in_the_way(
        &self,
        op: Op,
        call: &Call,
        key: &Key,
        pk: &str,
        told: Option<Item>,
    ) -> Result<Option<Found>> {
        let item = match told {
            Some(item) if item.contains_key(HEAD) => Some(item),
            _ => self.fetch(op, call, item::key(pk, key.as_bytes()), Some(HEAD)).await?,
        };
        item.map(|item| Found::of(op, &item, Some(key))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_store_core::record::Head;
    use std::time::{Duration, UNIX_EPOCH};

    const OP: Op = Op::Put;

    fn id(n: u8) -> WriteId {
        WriteId::from_bytes([n; 16])
    }

    fn at(s: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(s)
    }

    fn standing(n: u8, before: &[u8], expires: Option<u64>) -> Option<Found> {
        let mut head = Head::new(Key::new("k").unwrap(), id(n), at(1));
        head.predecessors = before.iter().map(|n| id(*n)).collect();
        head.expires = expires.map(at);
        Some(Found { head, head_len: 0 })
    }

    #[test]
    fn versions_of_others_are_refused_without_a_request() {
        for version in [Version::of_service("etag", Some(id(1)), []), Version::of_service("etag", None, [])] {
            let error = Condition::of(OP, &Precondition::Matches(version), at(5)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
        }
        assert_eq!(Condition::of(OP, &Precondition::Any, at(5)).unwrap(), None);
        let matches = Precondition::Matches(Version::of_write(id(1), []));
        let small = Condition::of_small(OP, &Precondition::Any, at(5)).unwrap();
        assert_eq!((small.expression, small.values()), (SMALL, None), "an empty table would be refused");
        for pre in [&Precondition::Absent, &matches] {
            let (any, small) =
                (Condition::of(OP, pre, at(5)).unwrap().unwrap(), Condition::of_small(OP, pre, at(5)));
            let small = small.unwrap();
            assert!(small.expression.contains(SMALL) && small.values() == any.values());
        }
        let condition = Condition::of(OP, &matches, at(5)).unwrap().unwrap();
        assert_eq!(condition.values().unwrap()[":now"], item::number(5_000_000_000u64));
    }

    #[test]
    fn what_stands_there_decides() {
        let matches = Precondition::Matches(Version::of_write(id(2), []));
        let kind = |pre: &Precondition, current| match refused(OP, pre, Some(id(9)), at(5), current) {
            Refused::Mine(version, found) => Err((version.write_id(), found.is_some())),
            Refused::Error(error) => Ok((error.kind(), error.current().and_then(Version::write_id))),
        };
        let absent = Precondition::Absent;
        assert_eq!(kind(&absent, standing(3, &[], None)), Ok((ErrorKind::Conflict, Some(id(3)))));
        assert_eq!(kind(&absent, standing(3, &[], Some(5))), Ok((ErrorKind::Unavailable, None)));
        assert_eq!(kind(&absent, None), Ok((ErrorKind::Unavailable, None)));
        assert_eq!(kind(&matches, standing(3, &[2], None)), Ok((ErrorKind::Conflict, Some(id(3)))));
        assert_eq!(kind(&matches, standing(2, &[], Some(5))), Ok((ErrorKind::Conflict, None)));
        assert_eq!(kind(&matches, standing(2, &[], None)), Ok((ErrorKind::Unavailable, None)));
        assert_eq!(kind(&matches, None), Ok((ErrorKind::Conflict, None)));
        for pre in [&absent, &matches] {
            assert_eq!(kind(pre, standing(9, &[], None)), Err((Some(id(9)), true)));
            assert_eq!(kind(pre, standing(3, &[9], None)), Err((Some(id(9)), false)));
        }
    }
}
