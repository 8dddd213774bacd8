//! Uploads in parts.

use std::collections::BTreeMap;

use super::etag::Etag;
use super::object::Headers;
use super::sums::{Kind, Sums};
use crate::content::Content;

/// The smallest part, but for the last.
pub(super) const SMALLEST_PART: u64 = 5 << 20;
/// The largest part number.
pub(super) const LARGEST_NUMBER: i32 = 10_000;

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) headers: Headers,
    /// Seconds since 1970.
    pub(super) initiated: i64,
    /// The checksum that it was begun with.
    pub(super) declared: Option<Declared>,
    pub(super) parts: BTreeMap<i32, Part>,
}

/// A checksum that every part must carry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declared {
    pub(super) kind: Kind,
    /// Over the whole object, not over the checksums of the parts.
    pub(super) full: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) content: Content,
    pub(super) etag: Etag,
    pub(super) modified: i64,
    pub(super) sums: Sums,
}
