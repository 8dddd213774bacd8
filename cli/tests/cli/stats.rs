//! `stats`.

use crate::shop::Shop;

#[test]
fn a_store_is_counted() {
    let shop = Shop::new();
    for (key, bytes) in [("a/1", 10), ("a/2", 5000), ("b/x/1", 3), ("top", 0)] {
        shop.ok_fed(&["put", "lmdb:db", key], &vec![7; bytes]);
    }
    shop.ok_fed(&["put", "lmdb:db", "a/3", "--expires", "1h"], b"soon");
    let told = &shop.json(&["stats", "lmdb:db", "--top", "2"])[0];
    assert_eq!((&told["entries"], &told["bytes"]), (&5.into(), &5017.into()));
    assert_eq!(told["largest"].as_array().unwrap().len(), 2);
    assert_eq!(told["largest"][0], serde_json::json!({ "key": "a/2", "size": 5000 }));
    assert_eq!((&told["expiring"], &told["first_to_expire"]["key"]), (&1.into(), &"a/3".into()));
    assert_eq!(told["newest"]["key"], "a/3");
    assert_eq!(told["segments"][0], serde_json::json!({ "name": "a/", "entries": 3, "bytes": 5014 }));
    assert_eq!(told["segment_count"], 2);
    assert_eq!(told["without_segment"]["entries"], 1);
    assert!(told["usage"]["bytes"].as_u64().unwrap() > 5000);
    let sizes: Vec<_> = told["sizes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["up_to"].as_u64(), c["entries"].as_u64()))
        .collect();
    assert_eq!(sizes, [(Some(0), Some(1)), (Some(1024), Some(3)), (Some(16384), Some(1))]);

    let below = &shop.json(&["stats", "lmdb:db", "--prefix", "b/"])[0];
    assert_eq!(below["entries"], 1);
    assert_eq!(below["segments"][0]["name"], "b/x/");
    let text = shop.ok(&["stats", "lmdb:db"]);
    for part in ["entries          5", "largest values", "4.9 KiB  a/2", "a/", "####"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_stack_tells_its_tiers() {
    let shop = Shop::new();
    let stack = "memory:?capacity=1MiB | lmdb:front?capacity=8MiB | file:data?fresh=sole_writer";
    shop.ok_fed(&["put", stack, "k"], b"v");
    let told = &shop.json(&["stats", stack])[0];
    assert_eq!(told["entries"], 1);
    assert_eq!(told["tiers"].as_array().unwrap().len(), 2);
    assert_eq!(told["tiers"][0]["usage"]["capacity"], 1 << 20);
    assert!(told["tiers"][1]["store"].as_str().unwrap().contains("front"));
    assert!(shop.ok(&["stats", stack]).contains("tier 1  lmdb:"));
}
