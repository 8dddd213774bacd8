//! The conformance suite on `memory:`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use larder_store_backends::memory::{MemoryCache, MemoryStore};
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

/// A cache in which nothing is evicted.
#[derive(Debug, Default)]
struct Cache {
    places: Mutex<HashMap<String, MemoryCache>>,
}

#[async_trait::async_trait]
impl Subject for Cache {
    fn name(&self) -> &str {
        "memory capacity"
    }

    fn minimum(&self) -> Minimum {
        Minimum::MEMORY_CACHE
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let mut places = self.places.lock().unwrap();
        let new = || MemoryCache::new(4 << 30).unwrap().with_env(place.env().clone());
        Ok(Arc::new(places.entry(place.name().to_owned()).or_insert_with(new).again()))
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        self.places.lock().unwrap().remove(place.name());
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn conformance_memory_cache() {
    // A listing goes over everything for each of its chunks.
    let options = Options::new().with_scale(20_000).from_env();
    conformance::run(Cache::default(), &options).await.assert_passed();
}
