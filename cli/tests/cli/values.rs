//! What is put is got, with all that is kept beside it.

use crate::shop::Shop;

#[test]
fn values_there_and_back() {
    let shop = Shop::new();
    for store in ["file:data", "lmdb:db", "memory:?capacity=1MiB | file:under?fresh=sole_writer"] {
        let binary: Vec<u8> = (0..=255).collect();
        for (key, value) in [("text", &b"Anna"[..]), ("empty", b""), ("a/b/../c", &binary), ("é 中", b"x\n")]
        {
            shop.ok_fed(&["put", store, key], value);
            let said = shop.run(&["get", store, key]);
            assert_eq!((said.code, said.bytes.as_slice()), (0, value), "{store} {key}");
        }
    }
}

#[test]
fn parts_of_a_value() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"0123456789");
    for (range, part) in [("0-3", "0123"), ("8-", "89"), ("-2", "89"), ("5-100", "56789"), ("0-0", "0")] {
        assert_eq!(shop.ok(&["get", "file:data", "k", "--range", range]), part, "{range}");
    }
    let past = shop.run(&["get", "file:data", "k", "--range", "10-"]);
    assert_eq!(past.code, 2);
    assert!(past.err.contains("10 bytes"), "{}", past.err);
    assert_eq!(shop.run(&["get", "file:data", "k", "--range", "3-1"]).code, 2);
}

#[test]
fn conditions_and_versions() {
    let shop = Shop::new();
    let put = |args: &[&str]| shop.feed(&[&["--json", "put", "lmdb:db", "k"], args].concat(), b"v");
    let first: serde_json::Value = serde_json::from_str(&put(&["--if-absent"]).out).unwrap();
    let version = first["version"].as_str().unwrap().to_owned();
    assert_eq!((first["size"].as_u64(), first["durability"].as_str()), (Some(1), Some("durable")));
    let again = put(&["--if-absent"]);
    assert_eq!(again.code, 4);
    let error: serde_json::Value = serde_json::from_str(&again.err).unwrap();
    assert_eq!(error["error"]["kind"], "conflict");
    assert_eq!(error["error"]["current"], version.as_str());

    assert_eq!(put(&["--if-version", &version]).code, 0);
    assert_eq!(put(&["--if-version", &version]).code, 4);
    assert_eq!(shop.run(&["get", "lmdb:db", "k", "--if-version", &version]).code, 4);
    assert_eq!(shop.run(&["rm", "lmdb:db", "k", "--if-version", &version]).code, 4);
    let now = shop.json(&["stat", "lmdb:db", "k"])[0]["version"].as_str().unwrap().to_owned();
    assert_eq!(shop.ok(&["get", "lmdb:db", "k", "--if-version", &now]), "v");
    shop.ok(&["rm", "lmdb:db", "k", "--if-version", &now]);
    assert_eq!(shop.run(&["get", "lmdb:db", "k"]).code, 3);
    assert_eq!(put(&["--if-version", "nonsense"]).code, 2);
    assert_eq!(put(&["--if-version", &now, "--if-absent"]).code, 2);
}

#[test]
fn what_is_kept_beside_a_value() {
    let shop = Shop::new();
    let beside = [
        "--content-type",
        "text/html",
        "--cache-control",
        "no-store",
        "--content-encoding",
        "gzip",
        "--content-disposition",
        "inline",
        "--content-language",
        "de",
        "--attribute",
        "owner=anna",
        "--attribute",
        "note=a=b",
        "--expires",
        "2100-01-02T03:04:05Z",
    ];
    shop.ok_fed(&[&["put", "file:data", "k"][..], &beside].concat(), b"v");
    let told = &shop.json(&["stat", "file:data", "k"])[0];
    assert_eq!(told["content_type"], "text/html");
    assert_eq!(told["cache_control"], "no-store");
    assert_eq!(told["content_encoding"], "gzip");
    assert_eq!(told["content_disposition"], "inline");
    assert_eq!(told["content_language"], "de");
    assert_eq!(told["attributes"], serde_json::json!({ "owner": "anna", "note": "a=b" }));
    assert_eq!(told["expires"], "2100-01-02T03:04:05Z");
    let text = shop.ok(&["stat", "file:data", "k"]);
    for part in ["content-type  text/html", "owner=anna", "2100-01-02T03:04:05Z", "size          1"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let got = &shop.json(&["get", "file:data", "k"])[0];
    assert_eq!((&got["value"], &got["content_type"]), (&"v".into(), &"text/html".into()));
    shop.ok_fed(&["put", "file:data", "b"], b"\xff\x00");
    assert_eq!(shop.json(&["get", "file:data", "b"])[0]["value_base64"], "/wA=");
}

#[test]
fn expiry_is_a_time_from_now_or_a_moment() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k", "--expires", "30d"], b"v");
    let at = shop.json(&["stat", "file:data", "k"])[0]["expires"].as_str().unwrap().to_owned();
    assert!(at.starts_with("20") && at.ends_with('Z'), "{at}");
    for wrong in ["2001-01-01", "yesterday", "30", "1w"] {
        assert_eq!(shop.feed(&["put", "file:data", "k", "--expires", wrong], b"v").code, 2, "{wrong}");
    }
    shop.ok_fed(&["put", "file:data", "soon", "--expires", "1us"], b"v");
    assert_eq!(shop.run(&["get", "file:data", "soon"]).code, 3);
}

#[test]
fn removing() {
    let shop = Shop::new();
    for key in ["a", "b", "logs/1", "logs/2", "z"] {
        shop.ok_fed(&["put", "file:data", key], b"v");
    }
    let keys =
        |shop: &Shop| shop.ok(&["ls", "file:data", "-r"]).lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(shop.ok(&["rm", "file:data", "a", "--dry-run"]).contains("would be removed"));
    assert_eq!(shop.ok(&["rm", "file:data", "--prefix", "logs/", "--dry-run"]).lines().count(), 3);
    assert_eq!(keys(&shop).len(), 5, "a dry run removes nothing");

    // One that is absent keeps nobody from the others.
    let said = shop.run(&["rm", "file:data", "a", "gone", "b"]);
    assert_eq!(said.code, 3);
    assert_eq!(said.err.matches("gone").count(), 1, "{}", said.err);
    assert_eq!(keys(&shop), ["logs/1", "logs/2", "z"]);
    shop.ok(&["rm", "file:data", "gone", "--force"]);

    let refused = shop.run(&["rm", "file:data", "--prefix", "logs/"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(keys(&shop).len(), 3, "nothing is removed without a yes");
    let removed = &shop.json(&["rm", "file:data", "--prefix", "logs/", "--yes"])[0];
    assert_eq!((&removed["removed"], &removed["failed"]), (&2.into(), &0.into()));
    assert_eq!(keys(&shop), ["z"]);
    assert_eq!(shop.run(&["rm", "file:data"]).code, 2);
    assert_eq!(shop.run(&["rm", "file:data", "z", "--prefix", ""]).code, 2);
    shop.ok(&["rm", "file:data", "--prefix", "", "--yes"]);
    assert!(keys(&shop).is_empty());
}

#[test]
fn what_is_wrong_is_said_before_a_store_is_made() {
    let shop = Shop::new();
    for args in [
        &["put", "file:data", ""][..],
        &["put", "file:data", "a\nb"],
        &["put", "file:data", "k", "no-such-file"],
        &["put", "file:data", "k", "."],
        &["put", "file:data", "k", "--expires", "2001-01-01"],
        &["put", "file:data?sync=perhaps", "k"],
        &["get", "file:data", "k"],
        &["ls", "file:data"],
        &["ls", "lmdb:data"],
        &["stats", "file:data"],
        &["probe", "file:data"],
        &["rm", "file:data", "k"],
        &["doctor", "file:data"],
    ] {
        shop.run(args);
        assert!(!shop.path("data").exists(), "{args:?} made a store");
    }
}
