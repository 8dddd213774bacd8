//! Copies that take more than one call.

use std::sync::Arc;

use googleapis_tonic_google_storage_v2::google::storage::v2::RewriteObjectRequest;

use super::object::Object;

/// A copy that is not done yet.
#[derive(Debug)]
pub(super) struct Rewrite {
    /// What the call that began it asked for: one that goes on must ask for the same.
    pub(super) asked: RewriteObjectRequest,
    pub(super) source: Arc<Object>,
    pub(super) done: u64,
}
