//! Entity tags: the MD5 of the content, or of the parts' MD5s with their number.

use std::fmt;

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{ETag, ETagCondition};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Etag {
    md5: [u8; 16],
    /// 0 for an object that came in one piece.
    parts: u16,
}

impl Etag {
    pub(super) fn whole(md5: [u8; 16]) -> Self {
        Self { md5, parts: 0 }
    }

    pub(super) fn of_parts(parts: &[Etag]) -> Self {
        let mut hasher = Md5::new();
        for part in parts {
            hasher.update(&part.md5);
        }
        Self { md5: hasher.finalize(), parts: u16::try_from(parts.len()).unwrap_or(u16::MAX) }
    }

    pub(super) fn dto(self) -> ETag {
        ETag::Strong(self.to_string())
    }

    pub(super) fn meets(self, condition: &ETagCondition) -> bool {
        match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(ETag::Strong(value)) => *value == self.to_string(),
            ETagCondition::ETag(ETag::Weak(_)) => false,
        }
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.md5 {
            write!(f, "{byte:02x}")?;
        }
        match self.parts {
            0 => Ok(()),
            parts => write!(f, "-{parts}"),
        }
    }
}
