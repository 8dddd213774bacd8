//! Exit codes, and what is said with them.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::shop::Shop;

#[test]
fn each_cause_has_its_code() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"v");
    shop.ok_fed(&["put", "lmdb:db", "k"], b"v");
    let raw = shop.path("raw");
    std::fs::create_dir(&raw).unwrap();
    std::fs::set_permissions(&raw, std::fs::Permissions::from_mode(0o700)).unwrap();
    for (args, code, part) in [
        (&["get", "file:data", "gone"][..], 3, "gone"),
        (&["put", "file:data", "k", "--if-absent"], 4, "not absent"),
        (&["get", "nonsense", "k"], 2, "no scheme"),
        (&["get", "file:data?snyc=none", "k"], 2, "snyc"),
        (&["get", "nfs://share", "k"], 10, "not known here"),
        (&["put", "file:raw?layout=raw", "k", "--expires", "1d"], 10, "expire"),
        (&["put", "lmdb:db", &"k".repeat(600)], 10, "510"),
        (&["get", "file:data", "k", "-o", "no/such/folder/file"], 1, "No such file"),
        (&["get", "file:data"], 2, "KEY"),
        (&["frobnicate"], 2, "frobnicate"),
        (&["ls", "file:nowhere"], 2, "no folder"),
        (&["ls", "file:data", "--timeout", "0s"], 6, "deadline"),
        (
            &["ls", "s3://bucket?endpoint=http://127.0.0.1:9&anonymous=true&patience=100ms&attempts=1"],
            6,
            "127.0.0.1",
        ),
    ] {
        let said = shop.run(args);
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        assert!(said.err.starts_with("larder: ") && said.err.lines().count() == 1, "{args:?}: {}", said.err);
        assert!(said.err.contains(part), "{args:?}: {}", said.err);
        assert!(said.out.is_empty(), "{args:?}: {}", said.out);

        let said = shop.run(&[args, &["--json"]].concat());
        assert_eq!(said.code, code, "{args:?}: {said:?}");
        let error: Value =
            serde_json::from_str(&said.err).unwrap_or_else(|e| panic!("{args:?}: {e}: {}", said.err));
        assert_eq!(error["error"]["exit"], code, "{args:?}: {error}");
        assert!(error["error"]["kind"].is_string() && error["error"]["why"].is_string(), "{error}");
    }
    // A file system that is the superuser's to write as it likes denies it all the same what is not its own.
    std::fs::set_permissions(shop.path("data"), std::fs::Permissions::from_mode(0o777)).unwrap();
    let said = shop.run(&["get", "file:data", "k"]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(said.err.contains("chmod go-w"), "{}", said.err);
}

#[test]
fn damage_is_told_from_absence() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"a value that is about to be damaged");
    let path = shop.path("data/k.larder");
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let said = shop.run(&["get", "file:data", "k"]);
    assert_eq!(said.code, 8, "{said:?}");
    let doctor = shop.run(&["doctor", "file:data"]);
    assert_eq!(doctor.code, 11, "{doctor:?}");
    assert!(doctor.out.contains("wrong") && doctor.out.contains("corrupt"), "{}", doctor.out);
}

#[test]
fn a_slip_is_answered_with_what_was_meant() {
    let shop = Shop::new();
    let said = shop.run(&["lss", "file:data"]);
    assert!(said.err.contains("ls") && said.err.contains("did you mean"), "{}", said.err);
    let said = shop.run(&["ls", "file:data", "--recursiv"]);
    assert!(said.err.contains("--recursive") && said.err.contains("larder ls --help"), "{}", said.err);
    // Nothing at all shows the help.
    let said = shop.run(&[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("Usage:"), "{}", said.err);
}
