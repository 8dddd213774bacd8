//! Asking the live service whether it keeps its word.

use larder_store_core::probe::conditions;
use larder_store_core::{Call, CasScope, Guarantees, Op, Result, Store};

use super::store::GsStore;
use super::wire::Wire;

/// What a live service was found to keep.
pub use larder_store_core::probe::Conditions as Probe;

/// Takes what does not hold out of the guarantees, so that it is refused by name.
pub(super) fn weaken(probed: &Probe, guarantees: &mut Guarantees) {
    if !probed.conditions_hold() {
        guarantees.cas = CasScope::None;
    }
    guarantees.conditional_delete &= probed.conditional_delete && probed.conditions_hold();
}

/// Writes, reads and removes an object that nobody else knows.
pub(super) async fn probe(store: &GsStore, wire: &Wire, call: &Call) -> Result<Probe> {
    conditions(store, &wire.env, call).await.map_err(|e| e.during(Op::Open).at(store.id()))
}
