//! What a bucket with object versioning keeps.

use larder::gs::{GsConfig, GsStore};
use larder::{Call, ErrorKind, GetOptions, Key, StoreExt};
use larder_store_core::config::StoreConfig;

use crate::service::double;

#[tokio::test]
async fn older_values_are_read() {
    let double = double();
    double.set_versioned("bucket", true);
    let config = StoreConfig::parse(&double.url("bucket/p")).unwrap();
    let store = GsStore::open(GsConfig::try_from(&config).unwrap()).await.unwrap();
    let (key, call) = (Key::new("k").unwrap(), Call::default());
    let first = store.put("k", "first").await.unwrap();
    store.put("k", "second").await.unwrap();
    store.put("k2", "another").await.unwrap();
    store.delete("k").await.unwrap();
    store.put("k", "third").await.unwrap();
    let kept = store.generations(&key, &call).await.unwrap();
    assert_eq!(kept.len(), 3);
    assert!(kept.windows(2).all(|two| two[0].number < two[1].number));
    assert_eq!(kept[0].meta.version, Some(first.version.clone()));
    assert_eq!(kept.iter().map(|one| one.replaced.is_some()).collect::<Vec<_>>(), [true, true, false]);
    for (generation, want) in kept.iter().zip(["first", "second", "third"]) {
        let got = store.get_generation(&key, generation.number, &GetOptions::new()).await.unwrap();
        let (meta, value) = got.unwrap();
        assert_eq!((&value[..], meta.write_id), (want.as_bytes(), generation.meta.write_id));
        let part = GetOptions::new().with_range(1..3);
        let got = store.get_generation(&key, generation.number, &part).await.unwrap();
        assert_eq!(got.unwrap().1, want.as_bytes()[1..3]);
    }
    assert_eq!(store.get_generation(&key, 1, &GetOptions::new()).await.unwrap(), None);
    let error = store.get_generation(&key, 0, &GetOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);

    double.set_versioned("bucket", false);
    store.put("k3", "v").await.unwrap();
    store.put("k3", "w").await.unwrap();
    assert_eq!(store.generations(&Key::new("k3").unwrap(), &call).await.unwrap().len(), 1);
    assert!(store.generations(&Key::new("none").unwrap(), &call).await.unwrap().is_empty());
}
