//! `doctor`, on stores with something wrong.

use std::os::unix::fs::{PermissionsExt, symlink};

use larder_cloud_tests::s3::{Double, DoubleOptions};
use serde_json::Value;

use crate::shop::{Shop, objects};

/// The steps, the exit code, and the verdict in all.
fn steps(shop: &Shop, args: &[&str]) -> (i32, Vec<Value>, String) {
    let said = shop.run(&[&["--json", "doctor"], args].concat());
    assert_eq!(said.err, "", "{args:?}");
    let mut steps = objects(&said.out);
    let verdict = steps.pop().unwrap()["verdict"].as_str().unwrap().to_owned();
    (said.code, steps, verdict)
}

/// The first step that is not ok.
fn complaint(shop: &Shop, store: &str) -> (i32, String) {
    let (code, steps, _) = steps(shop, &[store]);
    let bad =
        steps.iter().find(|step| step["verdict"] != "ok").unwrap_or_else(|| panic!("{store}: {steps:?}"));
    assert!(bad["advice"].as_str().is_some_and(|advice| !advice.is_empty()), "{bad}");
    (code, bad.to_string())
}

#[test]
fn a_sound_store_passes_and_stays_as_it_is() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"v");
    let (code, steps, verdict) = steps(&shop, &["file:data"]);
    assert_eq!((code, verdict.as_str()), (0, "ok"));
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "text",
            "place",
            "owner and mode",
            "file system",
            "store",
            "open",
            "list",
            "read",
            "write",
            "leftovers"
        ]
    );
    let (code, steps, _) = self::steps(&shop, &["file:data", "--read-only"]);
    assert_eq!(code, 0);
    assert!(!steps.iter().any(|step| step["step"] == "write"), "{steps:?}");
    assert_eq!(shop.ok(&["doctor", "file:data", "-q"]), "");
}

#[test]
fn folders_with_something_wrong() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"v");
    symlink("data", shop.path("link")).unwrap();
    shop.file("file", "");
    std::fs::create_dir(shop.path("foreign")).unwrap();
    std::fs::set_permissions(shop.path("foreign"), std::fs::Permissions::from_mode(0o700)).unwrap();
    shop.file("foreign/theirs", "");
    std::fs::create_dir(shop.path("open")).unwrap();
    std::fs::set_permissions(shop.path("open"), std::fs::Permissions::from_mode(0o777)).unwrap();
    for (store, part) in [
        ("file:link", "symbolic link"),
        ("file:file", "not a folder"),
        ("file:file/below", "not a folder"),
        ("file:open", "chmod go-w"),
        ("lmdb:open", "chmod go-w"),
        ("nonsense", "no scheme"),
        ("nfs:share", "not compiled in"),
        ("file:data?snyc=full", "known: sync"),
        ("file:data?layout=raw", "layout=record"),
        ("memory: | file:data", "fresh=30s"),
        ("file:data | memory:?capacity=1MiB", "tier"),
    ] {
        let (code, step) = complaint(&shop, store);
        assert_eq!(code, 11, "{store}: {step}");
        assert!(step.contains(part), "{store}: {step}");
    }
    // Somebody else's files are no store, and are left alone.
    let (_, steps, _) = steps(&shop, &["file:foreign"]);
    assert!(steps.iter().any(|step| step.to_string().contains("none is there")), "{steps:?}");
    assert!(shop.path("foreign/theirs").exists());
}

#[test]
fn what_can_be_lived_with_is_a_warning() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"v");
    shop.file("data/notes.txt", "by hand");
    let (code, step) = complaint(&shop, "file:data");
    assert_eq!(code, 0);
    assert!(step.contains("foreign") && step.contains("notes.txt"), "{step}");

    let (code, steps, verdict) = steps(&shop, &["file:none"]);
    assert_eq!((code, verdict.as_str()), (0, "ok"));
    assert!(steps.iter().any(|step| step["found"].as_str().unwrap().contains("not there yet")), "{steps:?}");
    assert!(!shop.path("none").exists());
}

#[test]
fn a_cache_is_no_origin() {
    let shop = Shop::new();
    let stack = "lmdb:front?capacity=8MiB | file:data?fresh=sole_writer";
    shop.ok_fed(&["put", stack, "k"], b"v");
    let (code, steps, _) = steps(&shop, &[stack]);
    assert_eq!(code, 0, "{steps:?}");
    let last = steps.last().unwrap();
    assert!(last["step"] == "stack" && last["found"].as_str().unwrap().contains("shared by"), "{last}");
    let (code, step) = complaint(&shop, "lmdb:front");
    assert_eq!(code, 11);
    assert!(step.contains("role=cache"), "{step}");
}

#[test]
fn buckets_with_something_wrong() {
    let shop = Shop::new();
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    let url = double.url("bucket/p");
    let (code, steps, verdict) = steps(&shop, &[&url]);
    assert_eq!((code, verdict.as_str()), (0, "ok"), "{steps:?}");
    assert!(steps.iter().any(|step| step["step"] == "clock"), "{steps:?}");
    assert_eq!(double.count("bucket"), 0, "nothing is left behind");

    let (code, step) = complaint(&shop, &url.replace("s3://bucket", "s3://no-such-bucket"));
    assert!(code == 11 && step.contains("make the bucket"), "{step}");
    let (code, step) = complaint(&shop, &url.replace("secret_key=", "secret_key=x"));
    assert!(code == 11 && step.contains("denied"), "{step}");
    let (code, step) =
        complaint(&shop, "s3://bucket?endpoint=http://127.0.0.1:9&anonymous=true&patience=100ms&attempts=1");
    assert!(code == 11 && step.contains("unavailable"), "{step}");

    double.set_clock_offset(60);
    let (code, step) = complaint(&shop, &url);
    assert!(code == 0 && step.contains("clock") && step.contains("ahead of"), "{step}");
    double.set_clock_offset(3600);
    let (code, steps, _) = self::steps(&shop, &[&url]);
    let told = steps.iter().any(|step| step["verdict"] == "wrong" && step.to_string().contains("clock"));
    assert!(code == 11 && told, "{steps:?}");
}
