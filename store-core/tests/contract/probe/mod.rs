//! The probe finds out stores that do not keep their word, each by the promise that it breaks, and leaves nothing behind.

#[path = "../../conformance/quirk.rs"]
mod quirk;

mod broken;

use std::sync::Arc;

use futures_util::TryStreamExt;
use larder_store_core::conformance::{Place, Reference, Subject};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::layer::read_only::ReadOnly;
use larder_store_core::probe::{Found, Probed, conditions, probe};
use larder_store_core::{
    Attributes, Call, CasScope, Env, ErrorKind, Guarantees, ListOptions, Listed, Op, PutOptions, Ranges,
    Store, StoreExt, Versions, system,
};

use quirk::{Quirk, Quirky};

/// A store with a quirk.
pub(crate) async fn quirky<Q: Quirk>(promises: Guarantees, make: fn() -> Q) -> Arc<dyn Store> {
    Quirky::new("probed", promises, make).open(&Place::new("probed", Env::system())).await.unwrap()
}

/// What is in the system space.
pub(crate) async fn left(store: &dyn Store) -> Vec<String> {
    let items = store.list_opts(system::listing(ListOptions::new()));
    let names: Vec<Listed> = items.try_collect().await.unwrap();
    names.iter().map(|item| item.name().to_owned()).collect()
}

/// The promises that were found broken.
pub(crate) fn broken(probed: &Probed) -> Vec<&'static str> {
    let is_broken = |found: &Found| matches!(found, Found::Broken(_));
    probed.findings.iter().filter(|finding| is_broken(&finding.found)).map(|finding| finding.what).collect()
}

fn reference() -> Reference {
    Reference::new(&Place::new("probed", Env::system()))
}

#[tokio::test]
async fn a_store_that_keeps_its_word() {
    let (store, env) = (reference(), Env::system());
    store.put("mine", "v").await.unwrap();
    let probed = probe(&store, &env, &Call::default()).await.unwrap();
    assert!(probed.kept());
    for finding in &probed.findings {
        assert!(matches!(finding.found, Found::Kept), "{}: {}", finding.what, finding.found);
    }
    assert_eq!(probed.findings.len(), 13);
    assert_eq!(probed.clock_ahead_ms, None, "its listings tell the writers' times");
    assert_eq!(left(&store).await, [""; 0]);
    assert_eq!(store.get("mine").await.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn what_is_not_promised_is_not_tried() {
    let mut weak = Reference::best();
    (weak.cas, weak.conditional_delete, weak.transactions) = (CasScope::None, false, None);
    (weak.expiry, weak.ranges, weak.max_attributes) = (false, Ranges::None, 0);
    weak.versions = Versions::PerContent;
    let store = Reference::with_guarantees(&Place::new("weak", Env::system()), weak);
    let probed = probe(&store, &Env::system(), &Call::default()).await.unwrap();
    let not_promised = probed.findings.iter().filter(|finding| matches!(finding.found, Found::NotPromised));
    assert_eq!(not_promised.count(), 8);
    assert!(probed.kept());
    assert_eq!(left(&store).await, [""; 0]);
}

#[tokio::test]
async fn whoever_cannot_write_is_told_so() {
    let store = ReadOnly::new(reference());
    let error = probe(&store, &Env::system(), &Call::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(conditions(&store, &Env::system(), &Call::default()).await.is_err());
}

/// Cancelled at any of its calls, it leaves nothing.
#[tokio::test]
async fn a_cancelled_probe_leaves_nothing() {
    let env = Env::system();
    for after in 0..60 {
        let token = tokio_util::sync::CancellationToken::new();
        let call = Call::default().with_cancel(token.clone());
        let store = quirky(Reference::best(), || broken::CancelsAfter).await;
        broken::CANCEL.with(|cancel| *cancel.borrow_mut() = Some((after, token)));
        let probed = probe(&*store, &env, &call).await;
        broken::CANCEL.with(|cancel| *cancel.borrow_mut() = None);
        if let Err(error) = probed {
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{error}");
        }
        assert_eq!(left(&*store).await, [""; 0], "cancelled after {after} writes");
    }
}

/// An error is neither kept nor broken.
#[tokio::test]
async fn what_cannot_be_found_out_is_unclear() {
    let faults = Faults::new(7, [Fault::before([Op::List]).fail(ErrorKind::Unavailable)]).unwrap();
    let store = FaultStore::new(reference(), faults);
    let probed = probe(&store, &Env::system(), &Call::default()).await.unwrap();
    assert!(probed.kept());
    let listing = probed.findings.iter().find(|finding| finding.what == "listing").unwrap();
    assert!(matches!(&listing.found, Found::Unclear(error) if error.is(ErrorKind::Unavailable)));
    assert_eq!(left(store.inner()).await, [""; 0]);
}

/// What a killed probe left goes with a later one, and not what one left that may live.
#[tokio::test]
async fn old_leftovers_go() {
    let (store, env) = (reference(), Env::system());
    let put = PutOptions::new().with_attributes(Attributes::new());
    store.put_opts(&system::key("probe/dead/value").unwrap(), "v".into(), &put).await.unwrap();
    store.put_opts(&system::key("lease/mine").unwrap(), "v".into(), &put).await.unwrap();
    probe(&store, &env, &Call::default()).await.unwrap();
    assert_eq!(left(&store).await, ["lease/mine", "probe/dead/value"], "it may live");
    let later = env.with_clock(Arc::new(broken::Tomorrow));
    probe(&store, &later, &Call::default()).await.unwrap();
    assert_eq!(left(&store).await, ["lease/mine"]);
}
