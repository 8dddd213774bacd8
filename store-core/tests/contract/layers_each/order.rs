//! Which layer may lie around which.

use std::sync::Arc;

use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::fault::{FaultStore, Faults};
use larder_store_core::layer::limit::Limit;
use larder_store_core::layer::retry::{Retry, RetryOptions};
use larder_store_core::layer::timeout::{Timeout, TimeoutOptions};
use larder_store_core::layer::{self, Layers, Stack};
use larder_store_core::{Env, ErrorKind, Store, StoreExt};

fn bare() -> Arc<dyn Store> {
    Arc::new(Reference::new(&Place::new("order", Env::system())))
}

/// Something that passes layers on, around each of these.
fn seen_through(store: Arc<dyn Store>) -> Arc<dyn Store> {
    let store = layer::stack(FaultStore::new(store, Faults::new(1, []).unwrap())).observe().read_only();
    Arc::new(Arc::new(store.build().prefixed("p/").unwrap()))
}

fn refused(made: Result<Stack, larder_store_core::Error>, names: &str) {
    let error = made.expect_err(names);
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.why().contains(names) && error.advice().is_some(), "{error}");
    assert_eq!(error.store().unwrap().kind(), "reference");
}

#[test]
fn what_would_do_harm_is_refused_by_name() {
    let (retry, timeout) = (RetryOptions::new, TimeoutOptions::new);
    let retried = || seen_through(Arc::new(Retry::new(bare(), retry()).unwrap()));
    let timed = || seen_through(Arc::new(Timeout::new(bare(), timeout()).unwrap()));
    refused(layer::stack(retried()).retry(retry()), "a retry layer around a retry layer");
    refused(layer::stack(retried()).limit(8), "a limit layer around a retry layer");
    refused(layer::stack(timed()).retry(retry()), "a retry layer around a timeout layer");
    refused(
        layer::stack(timed()).limit(8).and_then(|s| s.retry(retry())),
        "a retry layer around a timeout layer",
    );
    for none in [0, usize::MAX] {
        assert_eq!(Limit::new(bare(), none).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn the_order_of_the_docs_is_taken() {
    let whole = layer::stack(seen_through(bare()))
        .limit(8)
        .and_then(|s| s.retry(RetryOptions::new()))
        .and_then(|s| s.timeout(TimeoutOptions::new()))
        .and_then(|s| s.read_only().observe().prefix("q/"))
        .unwrap()
        .build();
    assert_eq!(whole.layers(), Layers::LIMIT.with(Layers::RETRY).with(Layers::TIMEOUT));
    assert_eq!(bare().layers(), Layers::NONE);
    assert_eq!(
        format!("{:?} {:?}", whole.layers(), Layers::NONE),
        "Layers(limit, retry, timeout) Layers(none)"
    );
    // A stack of two timeouts does no harm: the earlier deadline holds.
    layer::stack(whole).timeout(TimeoutOptions::new()).unwrap();
}
