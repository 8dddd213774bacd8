//! The conformance suite on layers around `memory:`.

use std::sync::Arc;

use larder_store_backends::memory::MemoryStore;
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};
use larder_store_core::layer::retry::RetryOptions;
use larder_store_core::layer::timeout::TimeoutOptions;
use larder_store_core::layer::{self, Stack};
use larder_store_core::{Result, Store};

#[derive(Debug)]
struct Layered {
    name: &'static str,
    lay: fn(Stack) -> Result<Stack>,
}

#[async_trait::async_trait]
impl Subject for Layered {
    fn name(&self) -> &str {
        self.name
    }

    fn minimum(&self) -> Minimum {
        Minimum::MEMORY
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let store = MemoryStore::named(place.name())?.with_env(place.env().clone());
        Ok((self.lay)(layer::stack(store).env(place.env().clone()))?.build())
    }
}

async fn passes(name: &'static str, lay: fn(Stack) -> Result<Stack>) {
    let options = Options::quick().from_env();
    conformance::run(Layered { name, lay }, &options).await.assert_passed();
}

/// The suite holds 200 streams open at once, and does something besides.
const PLACES: usize = 210;

#[tokio::test(flavor = "multi_thread")]
async fn each_layer_over_memory() {
    passes("limit memory", |stack| stack.limit(PLACES)).await;
    passes("retry memory", |stack| stack.retry(RetryOptions::new())).await;
    passes("timeout memory", |stack| stack.timeout(TimeoutOptions::new())).await;
    passes("observe memory", |stack| Ok(stack.observe())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_stack_over_memory() {
    passes("stack memory", |stack| {
        let stack = stack.limit(PLACES)?.retry(RetryOptions::new())?.timeout(TimeoutOptions::new())?;
        stack.observe().prefix("ns/")
    })
    .await;
}
