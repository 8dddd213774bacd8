//! A store with one value behind faults and retries, on a clock that jumps.

use std::sync::Arc;

use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::layer::retry::{Retries, Retry, RetryBudget, RetryOptions};
use larder_store_core::{Env, Op, StoreExt};

use super::jump::JumpClock;

pub type Retried = Retry<FaultStore<Arc<Reference>>>;

pub struct Bed {
    pub clock: Arc<JumpClock>,
    pub env: Env,
    pub faults: Faults,
    pub inner: Arc<Reference>,
    pub store: Retried,
}

/// A store with one value, `old`.
pub async fn bed_with(options: RetryOptions, seed: u64, rules: impl IntoIterator<Item = Fault>) -> Bed {
    let clock = JumpClock::new();
    let env = clock.env(seed);
    let faults = Faults::new(seed, rules).unwrap();
    let inner = Arc::new(Reference::new(&Place::new("retried", env.clone())));
    inner.put("old", "0123456789").await.unwrap();
    let faulty = FaultStore::new(inner.clone(), faults.clone()).with_env(env.clone());
    let retries = Retries::new(options, env.clone()).unwrap();
    let store = Retry::with_retries(faulty, retries).unwrap();
    Bed { clock, env, faults, inner, store }
}

pub fn patient() -> RetryOptions {
    RetryOptions::new().with_budget(RetryBudget::unlimited())
}

pub async fn bed(rules: impl IntoIterator<Item = Fault>) -> Bed {
    bed_with(patient(), 7, rules).await
}

impl Bed {
    /// How often the service was asked for `op`, as far as a rule looked.
    pub fn asked(&self, op: Op) -> u64 {
        self.faults.cells().iter().filter(|cell| cell.op == op).map(|cell| cell.asked).max().unwrap_or(0)
    }
}
