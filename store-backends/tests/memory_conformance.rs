//! The conformance suite on `memory:`.
#![cfg(feature = "memory")]

use std::sync::Arc;

use larder_store_backends::memory::MemoryStore;
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};
use larder_store_core::{Result, Store};

#[derive(Debug)]
struct Memory;

#[async_trait::async_trait]
impl Subject for Memory {
    fn name(&self) -> &str {
        "memory"
    }

    fn minimum(&self) -> Minimum {
        Minimum::MEMORY
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(MemoryStore::named(place.name())?.with_env(place.env().clone())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance_memory() {
    conformance::run(Memory, &Options::new().from_env()).await.assert_passed();
}
