//! Asking the live service whether it keeps its word.

use larder_store_core::probe::conditions;
use larder_store_core::{Call, Op, Result, Store};

use super::store::DynamoStore;
use super::wire::Wire;

/// What a live service was found to keep.
pub use larder_store_core::probe::Conditions as Probe;

/// Writes, reads and removes an item that nobody else knows.
pub(super) async fn probe(store: &DynamoStore, wire: &Wire, call: &Call) -> Result<Probe> {
    conditions(store, &wire.env, call).await.map_err(|e| e.during(Op::Open).at(store.id()))
}
