//! `probe`, on services that keep their word and on one that does not.

use larder_cloud_tests::s3::{Conditions, Double, DoubleOptions};

use crate::shop::{Shop, objects};

fn found<'a>(told: &'a serde_json::Value, what: &str) -> &'a str {
    let findings = told["findings"].as_array().unwrap();
    let finding = findings.iter().find(|one| one["what"] == what).unwrap_or_else(|| panic!("{what}: {told}"));
    finding["found"].as_str().unwrap()
}

const ALL: [&str; 13] = [
    "read after write",
    "create-only puts",
    "compare-and-swap",
    "compare-and-swap, eight at once",
    "conditional deletes",
    "versions",
    "streams",
    "ranges",
    "attributes",
    "expiry on read",
    "longest key",
    "listing",
    "transactions",
];

#[test]
fn stores_keep_their_word_and_nothing_is_left() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"v");
    shop.ok_fed(&["put", "lmdb:db", "k"], b"v");
    let raw = shop.path("raw");
    std::fs::create_dir(&raw).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&raw, std::fs::Permissions::from_mode(0o700)).unwrap();
    shop.ok_fed(&["put", "file:raw?layout=raw", "k"], b"v");
    for (store, not_promised) in [
        ("memory:", &[][..]),
        ("memory:?capacity=1MiB", &["transactions"]),
        ("file:data", &["transactions"]),
        ("lmdb:db", &[]),
        ("memory: | lmdb:db?fresh=sole_writer", &[]),
        (
            "file:raw?layout=raw",
            &[
                "transactions",
                "create-only puts",
                "compare-and-swap",
                "compare-and-swap, eight at once",
                "conditional deletes",
                "attributes",
                "expiry on read",
            ],
        ),
    ] {
        let told = &shop.run(&["--json", "probe", store]);
        assert_eq!(told.code, 0, "{store}: {told:?}");
        let told = &objects(&told.out)[0];
        assert_eq!(told["kept"], true, "{store}");
        for what in ALL {
            let expected = if not_promised.contains(&what) { "not_promised" } else { "kept" };
            assert_eq!(found(told, what), expected, "{store}: {what}: {told}");
        }
    }
    let files = |folder: &str| -> Vec<String> {
        let mut all = Vec::new();
        let mut folders = vec![shop.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { all.push(path.display().to_string()) }
            }
        }
        all
    };
    assert!(!files("data").iter().any(|path| path.contains("probe")), "{:?}", files("data"));
    assert_eq!(shop.ok(&["ls", "file:data", "-r"]), "k\n");
}

#[test]
fn a_service_that_ignores_conditions_is_found_out() {
    let shop = Shop::new();
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    for layout in ["plain", "record"] {
        let url = format!("{}&layout={layout}", double.url("bucket/p"));
        double.set_conditions(Conditions::Honoured);
        let said = shop.run(&["--json", "probe", &url]);
        assert_eq!(said.code, 0, "{said:?}");
        let told = &objects(&said.out)[0];
        assert_eq!(told["clock_ahead_ms"].as_i64().unwrap().abs() / 5000, 0, "{told}");

        double.set_conditions(Conditions::Ignored);
        let said = shop.run(&["--json", "probe", &url]);
        assert_eq!(said.code, 11, "{said:?}");
        let told = &objects(&said.out)[0];
        for what in ["create-only puts", "compare-and-swap", "conditional deletes"] {
            assert_eq!(found(told, what), "broken", "{what}");
        }
        let text = shop.run(&["probe", &url]);
        assert!(text.code == 11 && text.out.contains("NOT kept"), "{text:?}");
        let doctor = shop.run(&["doctor", &url]);
        assert!(doctor.code == 11 && doctor.out.contains("conditions=probed"), "{doctor:?}");
        // A store that refuses what does not hold has promised nothing.
        let said = shop.run(&["--json", "probe", &format!("{url}&conditions=probed")]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(double.count("bucket"), 0, "nothing is left behind");
    }
}
