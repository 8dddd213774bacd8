//! A store that is right and simple: what the suite itself is tested with.

mod data;
#[cfg(test)]
mod shared;
mod state;
mod store;
mod subject;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::subject::Place;
use crate::env::Env;
use crate::guarantees::{Guarantees, Transactions};
use crate::store_id::StoreId;

use data::Data;
pub use subject::ReferenceSubject;

/// A map behind a lock that follows the contract to the letter. Not meant for use: every put copies its value.
#[derive(Debug)]
pub struct Reference(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: StoreId,
    guarantees: Guarantees,
    env: Env,
    data: Arc<Data>,
    closed: AtomicBool,
}

impl Reference {
    /// An empty one.
    pub fn new(place: &Place) -> Reference {
        Reference::with_guarantees(place, Reference::best())
    }

    /// What one promises that is not told to promise less.
    pub fn best() -> Guarantees {
        let mut guarantees = Guarantees::in_process();
        guarantees.transactions = Some(Transactions { max_steps: usize::MAX, max_bytes: u64::MAX });
        guarantees
    }

    /// An empty one that promises less: what `guarantees` rules out, it refuses.
    pub fn with_guarantees(place: &Place, guarantees: Guarantees) -> Reference {
        Reference(Arc::new(Inner {
            id: StoreId::new("reference", place.name(), "none"),
            guarantees,
            env: place.env().clone(),
            data: Arc::default(),
            closed: AtomicBool::new(false),
        }))
    }

    /// Another handle on the same data, open even if this one is closed.
    pub fn again(&self) -> Reference {
        let Inner { id, guarantees, env, data, .. } = &*self.0;
        Reference(Arc::new(Inner {
            id: id.clone(),
            guarantees: guarantees.clone(),
            env: env.clone(),
            data: data.clone(),
            closed: AtomicBool::new(false),
        }))
    }
}
