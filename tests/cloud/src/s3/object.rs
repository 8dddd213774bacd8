//! What is kept of an object.

use s3s::dto::{Checksum, Metadata, Timestamp};

use super::etag::Etag;
use crate::content::Content;

/// A million of these stand in memory, so what few objects have is boxed.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) content: Content,
    pub(super) etag: Etag,
    /// Seconds since 1970.
    pub(super) modified: i64,
    pub(super) extra: Option<Box<Extra>>,
}

/// What comes with the bytes and goes back with them.
#[derive(Debug, Clone, Default)]
pub(super) struct Extra {
    pub(super) headers: Headers,
    pub(super) checksum: Checksum,
    /// Sizes of the parts it was completed from.
    pub(super) parts: Vec<u64>,
}

/// Headers that S3 keeps for an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) expires: Option<Timestamp>,
    pub(super) storage_class: Option<String>,
    pub(super) metadata: Option<Metadata>,
    /// Tags, as the query of a URL.
    pub(super) tagging: Option<String>,
    /// Whoever encrypts: an algorithm, and the key's name.
    pub(super) encryption: Option<(String, Option<String>)>,
}

/// The bytes that S3 allows for names and values of user metadata.
const METADATA_LIMIT: usize = 2 << 10;

impl Headers {
    pub(super) fn metadata_fits(&self) -> bool {
        let size = |metadata: &Metadata| {
            metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
        };
        self.metadata.as_ref().is_none_or(|metadata| size(metadata) <= METADATA_LIMIT)
    }
}

/// How a body came over the wire (`aws-chunked`) is no property of the object.
pub(super) fn kept_encoding(value: String) -> Option<String> {
    let kept: Vec<&str> =
        value.split(',').map(str::trim).filter(|one| !matches!(*one, "" | "aws-chunked")).collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// The headers out of an input of any of the operations that take them.
macro_rules! headers_of {
    ($input:expr) => {
        $crate::s3::object::Headers {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take().and_then($crate::s3::object::kept_encoding),
            content_language: $input.content_language.take(),
            expires: $input.expires.take(),
            storage_class: $input.storage_class.take().map(|class| class.as_str().to_owned()),
            metadata: $input.metadata.take(),
            tagging: $input.tagging.take(),
            encryption: $input
                .server_side_encryption
                .take()
                .map(|how| (how.as_str().to_owned(), $input.ssekms_key_id.take())),
        }
    };
}
pub(super) use headers_of;
