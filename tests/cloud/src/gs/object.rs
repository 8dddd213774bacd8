//! What is kept of an object.

use std::collections::BTreeMap;

use super::sums::Sums;
use crate::content::Content;

/// One generation of an object.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) generation: i64,
    pub(super) metageneration: i64,
    pub(super) content: Content,
    pub(super) sums: Sums,
    pub(super) fields: Fields,
    pub(super) storage_class: String,
    pub(super) kms_key: Option<String>,
    /// Of how many others it was composed.
    pub(super) components: Option<i32>,
    /// Microseconds since 1970, as all times here.
    pub(super) created: i64,
    pub(super) updated: i64,
    /// When it became noncurrent.
    pub(super) deleted: Option<i64>,
}

/// What writers say about an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) custom_time: Option<i64>,
}

/// An object that is to be made.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) fields: Fields,
    pub(super) storage_class: Option<String>,
    pub(super) kms_key: Option<String>,
    pub(super) components: Option<i32>,
}

/// Bytes of names and values of custom metadata (Cloud Storage, "Quotas & limits").
const METADATA_LIMIT: usize = 8 << 10;

impl Fields {
    pub(super) fn fits(&self) -> bool {
        self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= METADATA_LIMIT
    }
}

impl Object {
    /// What changes with the object and its metadata.
    pub(super) fn etag(&self) -> String {
        let mut bytes = self.generation.to_be_bytes().to_vec();
        bytes.extend(self.metageneration.to_be_bytes());
        base64_simd::STANDARD.encode_to_string(bytes)
    }
}
