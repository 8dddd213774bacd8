//! What the store finds out about a service, and what it refuses then.

use larder::s3::{S3Config, S3Store};
use larder::{Call, CasScope, ErrorKind, Store, StoreExt, UpdateOptions};
use larder_cloud_tests::s3::{Conditions, Double, DoubleOptions};
use larder_store_core::config::StoreConfig;

fn double(conditions: Conditions) -> Double {
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    double.set_conditions(conditions);
    double
}

async fn store(double: &Double) -> S3Store {
    let config = StoreConfig::parse(&double.url("bucket/p")).unwrap();
    S3Store::open(S3Config::try_from(&config).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_service_that_keeps_its_word() {
    let double = double(Conditions::Honoured);
    let probe = store(&double).await.probe(&Call::default()).await.unwrap();
    assert!(probe.conditions_hold() && probe.conditional_delete && probe.read_after_write, "{probe}");
    assert_eq!(double.requests().values().sum::<u64>(), 11, "{:?}", double.requests());
    assert_eq!(double.count("bucket"), 0, "nothing is left behind");

    let probed = larder::open(&format!("{}&conditions=probed", double.url("bucket/p"))).await.unwrap();
    assert_eq!(probed.guarantees().cas, CasScope::Global);
    probed.put_if_absent("k", "v").await.unwrap();
}

/// Compare-and-swap would lose writes without a word there.
#[tokio::test]
async fn a_service_that_ignores_conditions_is_refused_compare_and_swap() {
    let double = double(Conditions::Ignored);
    let probe = store(&double).await.probe(&Call::default()).await.unwrap();
    assert!(!probe.create_only && !probe.compare_and_swap && !probe.conditional_delete, "{probe}");
    assert!(probe.to_string().contains("compare-and-swap NOT kept"), "{probe}");
    assert_eq!(double.count("bucket"), 0, "nothing is left behind");

    let store = larder::open(&format!("{}&conditions=probed", double.url("bucket/p"))).await.unwrap();
    assert_eq!((store.guarantees().cas, store.guarantees().conditional_delete), (CasScope::None, false));
    let written = store.put("k", "v").await.unwrap();
    double.reset_requests();
    let refused = [
        store.put_if_absent("k", "w").await.unwrap_err(),
        store.put_if_matches("k", "w", written.version).await.unwrap_err(),
        store.update_opts("k", UpdateOptions::new(), |_| Some("w".into())).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    }
    assert_eq!(double.requests().values().sum::<u64>(), 0, "what is refused is not sent");
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
}

#[tokio::test]
async fn what_cannot_be_probed_is_not_opened() {
    let double = double(Conditions::Honoured);
    let absent = double.url("absent").replace("s3://absent", "s3://no-such-bucket");
    let error = larder::open(&format!("{absent}&conditions=probed")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}
