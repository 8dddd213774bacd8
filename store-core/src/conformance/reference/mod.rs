//! A store that is right and simple: what the suite itself is tested with.

mod state;
mod store;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::minimum::Minimum;
use super::subject::{Place, Subject};
use crate::env::Env;
use crate::error::Result;
use crate::guarantees::{Guarantees, Transactions};
use crate::store::Store;
use crate::store_id::StoreId;

use state::State;

/// A map behind a lock that follows the contract to the letter. Not meant for use: every call copies what it can.
#[derive(Debug)]
pub struct Reference(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: StoreId,
    guarantees: Guarantees,
    env: Env,
    state: Mutex<State>,
}

impl Reference {
    /// An empty one.
    pub fn new(place: &Place) -> Reference {
        let transactions = Some(Transactions { max_steps: usize::MAX, max_bytes: u64::MAX });
        let mut guarantees = Guarantees::in_process();
        guarantees.transactions = transactions;
        Reference::with_guarantees(place, guarantees)
    }

    /// An empty one that promises less: what `guarantees` rules out, it refuses.
    pub fn with_guarantees(place: &Place, guarantees: Guarantees) -> Reference {
        Reference(Arc::new(Inner {
            id: StoreId::new("reference", place.name(), "none"),
            guarantees,
            env: place.env().clone(),
            state: Mutex::default(),
        }))
    }
}

impl Reference {
    fn is_closed(&self) -> bool {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).closed
    }
}

/// Makes a [`Reference`] a subject: the suite's test of itself, and an example of a subject.
#[derive(Debug, Default)]
pub struct ReferenceSubject {
    open: Mutex<HashMap<String, Arc<Reference>>>,
}

#[async_trait]
impl Subject for ReferenceSubject {
    fn name(&self) -> &str {
        "reference"
    }

    fn minimum(&self) -> Minimum {
        Minimum::MEMORY
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let store = open.entry(place.name().to_owned()).or_insert_with(|| Arc::new(Reference::new(place)));
        if store.is_closed() {
            *store = Arc::new(Reference::new(place));
        }
        Ok(store.clone())
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(place.name());
        Ok(())
    }
}
