//! The reference store as a subject.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::Reference;
use crate::conformance::minimum::Minimum;
use crate::conformance::subject::{Place, Subject};
use crate::error::Result;
use crate::guarantees::Guarantees;
use crate::store::Store;

/// Makes a [`Reference`] a subject: the suite's test of itself, and an example of a subject.
#[derive(Debug)]
pub struct ReferenceSubject {
    guarantees: Guarantees,
    minimum: Minimum,
    places: Mutex<HashMap<String, Reference>>,
}

impl ReferenceSubject {
    /// One whose stores promise the best.
    pub fn new() -> ReferenceSubject {
        ReferenceSubject::with(Reference::best(), Minimum::MEMORY)
    }

    /// One whose stores promise this. From [`Durability::Host`](crate::Durability::Host) on it keeps the data of
    /// stores that were closed.
    pub fn with(guarantees: Guarantees, minimum: Minimum) -> ReferenceSubject {
        ReferenceSubject { guarantees, minimum, places: Mutex::default() }
    }

    /// A handle on what is at `place`.
    pub fn handle(&self, place: &Place) -> Reference {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Reference::with_guarantees(place, self.guarantees.clone());
        places.entry(place.name().to_owned()).or_insert_with(new).again()
    }
}

impl Default for ReferenceSubject {
    fn default() -> ReferenceSubject {
        ReferenceSubject::new()
    }
}

#[async_trait]
impl Subject for ReferenceSubject {
    fn name(&self) -> &str {
        "reference"
    }

    fn minimum(&self) -> Minimum {
        self.minimum
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(self.handle(place)))
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).remove(place.name());
        Ok(())
    }
}
