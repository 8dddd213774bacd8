//! Who a store is.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Who a store is: its kind, place, prefix and layout, without secrets.
///
/// Two handles to the same data have equal ids. Fronts, dumps and ciphertexts bind to it, and so does the fairness of
/// [`StoreExt::update`](crate::StoreExt::update).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoreId(Arc<Parts>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Parts {
    kind: String,
    place: String,
    prefix: String,
    layout: String,
}

impl StoreId {
    /// `kind` is the URL scheme; `place` the canonical path, or endpoint and bucket, of the data; `layout` names how
    /// values are kept there (`record` for Larder's own).
    pub fn new(kind: impl Into<String>, place: impl Into<String>, layout: impl Into<String>) -> StoreId {
        StoreId(Arc::new(Parts {
            kind: kind.into(),
            place: place.into(),
            prefix: String::new(),
            layout: layout.into(),
        }))
    }

    /// The same place seen through a key prefix, behind those that it already has.
    pub fn with_prefix(&self, prefix: &str) -> StoreId {
        let mut parts = Parts::clone(&self.0);
        parts.prefix.push_str(prefix);
        StoreId(Arc::new(parts))
    }

    /// The URL scheme.
    pub fn kind(&self) -> &str {
        &self.0.kind
    }

    /// Where the data is: a canonical path, or endpoint and bucket.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    /// The key prefix, or nothing.
    pub fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// How values are kept.
    pub fn layout(&self) -> &str {
        &self.0.layout
    }
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.kind, self.0.place)?;
        if !self.0.prefix.is_empty() {
            write!(f, " under {:?}", self.0.prefix)?;
        }
        Ok(())
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({self}, {})", self.0.layout)
    }
}
