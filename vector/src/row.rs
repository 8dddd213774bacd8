//! What goes in and what comes out.

use bytes::Bytes;

use crate::Id;

/// A vector with its name and what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name. A row of the same name that there was is replaced.
    pub id: Id,
    /// As many values as the collection has dimensions, all of them finite.
    pub vector: Vec<f32>,
    /// A CBOR map with texts as keys (RFC 8949), which [filters](crate::Filter) look into; or nothing.
    pub payload: Bytes,
}

impl Row {
    /// A vector without a payload.
    pub fn new(id: impl Into<Id>, vector: Vec<f32>) -> Row {
        Row { id: id.into(), vector, payload: Bytes::new() }
    }

    /// Adds a payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Row {
        self.payload = payload.into();
        self
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Found {
    /// The name of the vector.
    pub id: Id,
    /// How far it is, in the units of the [`Metric`](crate::Metric).
    pub distance: f32,
    /// Its payload, if that was asked for.
    pub payload: Option<Bytes>,
}
