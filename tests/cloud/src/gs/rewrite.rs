//! Copies that take more than one call.

use std::sync::Arc;

use super::object::Object;

/// A copy that is not done yet.
#[derive(Debug)]
pub(super) struct Rewrite {
    /// What the call that began it asked for: one that goes on must ask for the same.
    pub(super) asked: Vec<u8>,
    pub(super) source: Arc<Object>,
    pub(super) done: u64,
}
