//! Harm on the wire of Google Cloud Storage, on both of its halves.

mod apply;
mod kinds;

pub(super) use apply::{Exchange, exchange};
pub use kinds::Fault;

pub use crate::faults::When;

/// Faults of this service with their rates, drawn from a seed.
pub type FaultPlan = crate::faults::FaultPlan<Fault>;

/// What a server does wrong, and how often it did.
pub type Faults = crate::faults::Faults<Fault>;
