//! What the store finds out about a service, and what it refuses then.

use larder::gs::{GsConfig, GsStore};
use larder::{Call, CasScope, ErrorKind, Store, StoreExt};
use larder_cloud_tests::gs::{Double, Obeys};
use larder_store_core::config::StoreConfig;

use crate::service::double;

async fn store(double: &Double) -> GsStore {
    let config = StoreConfig::parse(&double.url("bucket/p")).unwrap();
    GsStore::open(GsConfig::try_from(&config).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_service_that_keeps_its_word() {
    let double = double();
    let probe = store(&double).await.probe(&Call::default()).await.unwrap();
    assert!(probe.conditions_hold() && probe.conditional_delete && probe.read_after_write, "{probe}");
    assert_eq!(double.count("bucket"), 0, "nothing is left behind");
    let probed = larder::open(&format!("{}&conditions=probed", double.url("bucket/p"))).await.unwrap();
    assert_eq!(probed.guarantees().cas, CasScope::Global);
    probed.put_if_absent("k", "v").await.unwrap();
}

/// Compare-and-swap would lose writes without a word there.
#[tokio::test]
async fn a_service_that_ignores_conditions_is_refused_compare_and_swap() {
    let double = double();
    double.set_obeys(Obeys::Nothing);
    let probe = store(&double).await.probe(&Call::default()).await.unwrap();
    assert!(!probe.create_only && !probe.compare_and_swap && !probe.conditional_delete, "{probe}");
    let store = larder::open(&format!("{}&conditions=probed", double.url("bucket/p"))).await.unwrap();
    assert_eq!((store.guarantees().cas, store.guarantees().conditional_delete), (CasScope::None, false));
    store.put("k", "v").await.unwrap();
    double.reset_requests();
    let error = store.put_if_absent("k", "w").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(double.requests().values().sum::<u64>(), 0, "what is refused is not sent");
}

#[tokio::test]
async fn a_service_that_ignores_conditions_of_deletes_keeps_the_rest() {
    let double = double();
    double.set_obeys(Obeys::NoDeletes);
    let store = larder::open(&format!("{}&conditions=probed", double.url("bucket/p"))).await.unwrap();
    assert_eq!((store.guarantees().cas, store.guarantees().conditional_delete), (CasScope::Global, false));
}
