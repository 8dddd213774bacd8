//! Each layer around a right store is a right store.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use larder_store_core::conformance::{self, Minimum, Options, Place, ReferenceSubject, Subject};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{ErrorKind, Op, Result, Store};

/// The reference store behind a layer.
#[derive(Debug)]
struct Layered {
    name: &'static str,
    inner: ReferenceSubject,
    wrap: fn(Arc<dyn Store>) -> Arc<dyn Store>,
}

#[async_trait]
impl Subject for Layered {
    fn name(&self) -> &str {
        self.name
    }

    fn minimum(&self) -> Minimum {
        Minimum::MEMORY
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        Ok((self.wrap)(self.inner.open(place).await?))
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        self.inner.remove(place).await
    }
}

async fn passes(name: &'static str, wrap: fn(Arc<dyn Store>) -> Arc<dyn Store>) {
    let layered = Layered { name, inner: ReferenceSubject::default(), wrap };
    conformance::run(layered, &Options::quick().from_env()).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_without_rules() {
    passes("fault without rules", |inner| Arc::new(FaultStore::new(inner, Faults::new(1, []).unwrap())))
        .await;
}

/// Every call takes the way of a call that is struck: it is held up for no time, and cut behind its end.
#[tokio::test(flavor = "multi_thread")]
async fn fault_that_changes_nothing() {
    passes("fault that changes nothing", |inner| {
        let calls = Op::ALL.iter().copied().filter(|op| {
            !matches!(op, Op::Update | Op::Open | Op::Exists | Op::Destroy | Op::Key | Op::Parse)
        });
        let rules = [
            Fault::before(calls.clone()).delay(Duration::ZERO),
            Fault::after(calls).delay(Duration::ZERO),
            Fault::before([Op::GetStream, Op::PutStream, Op::List]).cut(u64::MAX, ErrorKind::Corrupt),
        ];
        Arc::new(FaultStore::new(inner, Faults::new(1, rules).unwrap()))
    })
    .await;
}
