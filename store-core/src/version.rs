//! What a conditional write names.

use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::time::{from_nanos, to_nanos};
use crate::write_id::WriteId;

/// How many predecessors of a write a store keeps with it.
pub const MAX_PREDECESSORS: usize = 8;

/// What a store saw under a key: opaque, comparable, serialisable.
///
/// A version is the token that the store compares (the write id where Larder owns the bytes, the service's ETag or
/// generation elsewhere) together with the write id and the last eight ids before it, so that a conditional write
/// extends the chain. Two versions are equal when their tokens are.
///
/// ```
/// use larder_store_core::{Version, WriteId};
/// let a = Version::of_write(WriteId::from_bytes([1; 16]), [WriteId::from_bytes([0; 16])]);
/// let text = a.to_string();
/// assert_eq!(text.parse::<Version>()?, a);
/// assert!(a.has_ancestor(WriteId::from_bytes([0; 16])));
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Version {
    tag: Option<Arc<str>>,
    write_id: Option<WriteId>,
    predecessors: Option<Arc<[WriteId]>>,
    expires: Option<SystemTime>,
}

impl Version {
    /// The version of a store that owns its bytes: the write id is the token.
    ///
    /// `predecessors` come newest first; those past [`MAX_PREDECESSORS`] are dropped.
    pub fn of_write(write_id: WriteId, predecessors: impl IntoIterator<Item = WriteId>) -> Version {
        Version { tag: None, write_id: Some(write_id), predecessors: collect(predecessors), expires: None }
    }

    /// The version of a service with a token of its own, and the write id kept beside it where there is one.
    pub fn of_service(
        tag: impl Into<Arc<str>>,
        write_id: Option<WriteId>,
        predecessors: impl IntoIterator<Item = WriteId>,
    ) -> Version {
        // Without an id of its own a version has no chain to extend.
        let predecessors = write_id.and_then(|_| collect(predecessors));
        Version { tag: Some(tag.into()), write_id, predecessors, expires: None }
    }

    /// The same, and when its value expires: for stores whose service knows nothing of that, and would let a conditional
    /// write on an expired value pass. No part of the token.
    pub fn with_expiry(mut self, expires: Option<SystemTime>) -> Version {
        self.expires = expires;
        self
    }

    /// When its value expires, where the store said so.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// The service's token, where it has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The id of the write that made this version, where it is known.
    pub fn write_id(&self) -> Option<WriteId> {
        self.write_id
    }

    /// The ids of the writes before it, newest first, at most [`MAX_PREDECESSORS`].
    pub fn predecessors(&self) -> &[WriteId] {
        self.predecessors.as_deref().unwrap_or_default()
    }

    /// The chain that a write conditional on this version stores: its id, then its predecessors.
    pub fn chain(&self) -> impl Iterator<Item = WriteId> + '_ {
        self.write_id.into_iter().chain(self.predecessors().iter().copied()).take(MAX_PREDECESSORS)
    }

    /// Whether `id` is among the writes before this one, as far as they are kept.
    pub fn has_ancestor(&self, id: WriteId) -> bool {
        self.predecessors().contains(&id)
    }

    fn token(&self) -> (Option<&str>, Option<WriteId>) {
        match &self.tag {
            Some(tag) => (Some(tag), None),
            None => (None, self.write_id),
        }
    }
}

fn collect(ids: impl IntoIterator<Item = WriteId>) -> Option<Arc<[WriteId]>> {
    let mut ids = ids.into_iter().take(MAX_PREDECESSORS).peekable();
    ids.peek().is_some().then(|| ids.collect())
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.token() == other.token()
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.token().hash(state);
    }
}

/// One line of text that [`FromStr`](std::str::FromStr) takes back:
/// `W:<write id>[,<predecessor>…][@<nanoseconds since 1970>][;<token>]`.
impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("W:")?;
        for (i, id) in self.write_id.iter().chain(self.predecessors()).enumerate() {
            write!(f, "{}{id}", if i == 0 { "" } else { "," })?;
        }
        if let Some(nanos) = self.expires.and_then(to_nanos) {
            write!(f, "@{nanos}")?;
        }
        match &self.tag {
            Some(tag) => write!(f, ";{tag}"),
            None => Ok(()),
        }
    }
}

impl std::str::FromStr for Version {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Version> {
        let wrong = || crate::Error::new(crate::ErrorKind::Invalid, crate::Op::Parse, "this is no version");
        let rest = text.strip_prefix("W:").ok_or_else(wrong)?;
        let (ids, tag) = match rest.split_once(';') {
            Some((ids, tag)) => (ids, Some(Arc::from(tag))),
            None => (rest, None),
        };
        let (ids, expires) = match ids.split_once('@') {
            Some((ids, nanos)) => (ids, Some(from_nanos(nanos.parse().map_err(|_| wrong())?))),
            None => (ids, None),
        };
        let mut parsed = Vec::new();
        for id in ids.split(',').filter(|id| !id.is_empty()) {
            parsed.push(id.parse::<WriteId>()?);
        }
        if (parsed.is_empty() && tag.is_none()) || parsed.len() > MAX_PREDECESSORS + 1 {
            return Err(wrong());
        }
        let mut parsed = parsed.into_iter();
        Ok(Version { tag, write_id: parsed.next(), predecessors: collect(parsed), expires })
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

impl TryFrom<String> for Version {
    type Error = crate::Error;
    fn try_from(text: String) -> crate::Result<Version> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> WriteId {
        WriteId::from_bytes([n; 16])
    }

    #[test]
    fn equality_is_the_token() {
        assert_eq!(Version::of_write(id(1), [id(2)]), Version::of_write(id(1), []));
        assert_ne!(Version::of_write(id(1), []), Version::of_write(id(2), []));
        assert_eq!(Version::of_service("e", Some(id(1)), []), Version::of_service("e", None, []));
        assert_ne!(Version::of_service("e", Some(id(1)), []), Version::of_write(id(1), []));
    }

    #[test]
    fn the_chain_is_bounded_and_round_trips() {
        let long = Version::of_write(id(0), (1..20).map(id));
        assert_eq!(long.predecessors().len(), MAX_PREDECESSORS);
        assert_eq!(long.chain().count(), MAX_PREDECESSORS);
        for v in
            [long, Version::of_service("\"abc;d\"", None, []), Version::of_service("7", Some(id(1)), [id(2)])]
        {
            let back: Version = v.to_string().parse().unwrap();
            assert_eq!(back, v);
            assert_eq!(back.predecessors(), v.predecessors());
            assert_eq!(back.write_id(), v.write_id());
        }
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(5);
        let until = Version::of_service("e@1;f", Some(id(1)), []).with_expiry(Some(at));
        let back: Version = until.to_string().parse().unwrap();
        assert_eq!((back.expires(), back.tag()), (Some(at), Some("e@1;f")));
        assert_eq!(until, Version::of_service("e@1;f", None, []), "an expiry is no part of the token");
        for bad in ["", "W:", "W:zz", "X", "w:", "W:@x;e"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
    }
}
