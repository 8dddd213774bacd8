//! Harm on the wire of S3.

mod apply;
mod kinds;

pub(super) use apply::{Answer, Exchange, conditional, exchange};
pub use kinds::Fault;

pub use crate::faults::When;

/// Faults of this service with their rates, drawn from a seed.
pub type FaultPlan = crate::faults::FaultPlan<Fault>;

/// What a server does wrong, and how often it did.
pub type Faults = crate::faults::Faults<Fault>;
