//! Stores out into dumps, and in again.

use crate::shop::{Shop, objects};

/// A store with what stores hold: text, bytes, nothing, attributes, expiry, a large value, an odd key.
fn stocked() -> Shop {
    let shop = Shop::new();
    let large = noise(2 << 20);
    for (key, value) in [
        ("user/7", &b"Anna"[..]),
        ("binary", b"\xff\x00"),
        ("empty", b""),
        ("é\u{202e}", b"x"),
        ("large", &large),
    ] {
        shop.ok_fed(&["put", "file:data", key], value);
    }
    let beside = ["--content-type", "text/html", "--attribute", "owner=anna", "--expires", "2100-01-02"];
    shop.ok_fed(&[&["put", "file:data", "page"], &beside[..]].concat(), b"<html>");
    shop
}

/// What cannot be compressed.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

#[test]
fn every_form_of_dump_there_and_back() {
    let shop = stocked();
    for (n, options) in [
        &[][..],
        &["--plain"],
        &["--json-lines"],
        &["--level", "-5", "--split", "1"],
        &["--level", "9", "--snapshot", "--width", "2", "--memory", "1MiB"],
        &["--no-preflight", "--rate", "1GiB/s"],
    ]
    .iter()
    .enumerate()
    {
        for (dump, target) in [
            (format!("{n}.dump"), format!("lmdb:a{n}")),
            (format!("lmdb:vault::dumps/{n}"), format!("file:b{n}")),
        ] {
            let report = &shop.json(&[&["export", "file:data", &dump], *options].concat())[0];
            assert_eq!((&report["written"], &report["resumed"]), (&6.into(), &0.into()), "{report}");
            assert_eq!(report["snapshot"], options.contains(&"--snapshot"), "{report}");
            let whole = &shop.json(&["verify", &dump])[0];
            assert_eq!(
                (&whole["verified"], &whole["totals"]["entries"]),
                (&true.into(), &6.into()),
                "{whole}"
            );
            let report = &shop.json(&["import", &dump, &target])[0];
            assert_eq!((&report["written"], &report["same"]), (&6.into(), &0.into()), "{report}");
            for sides in [["file:data", &dump], [&dump, &target], ["file:data", &target]] {
                shop.ok(&["verify", sides[0], sides[1], "--exact"]);
                let found = &shop.json(&["diff", sides[0], sides[1]])[0];
                assert_eq!((&found["same"], &found["equal"]), (&true.into(), &6.into()), "{found}");
            }
            let told = &shop.json(&["stat", &target, "page"])[0];
            assert_eq!(
                (&told["content_type"], &told["attributes"]["owner"]),
                (&"text/html".into(), &"anna".into())
            );
            assert_eq!(told["expires"], "2100-01-02T00:00:00Z");
        }
    }
    assert!(shop.path("3.dump.0001").exists() && !shop.path("3.dump").exists());
    assert_eq!(std::fs::read(shop.path("1.dump")).unwrap()[..3], [0xd9, 0xd9, 0xf7]);
    assert!(shop.ok(&["ls", "lmdb:vault", "-r"]).contains("dumps/0.0001\n"));
    assert!(
        std::fs::read_to_string(shop.path("2.dump"))
            .unwrap()
            .contains("{\"key\":\"user/7\",\"text\":\"Anna\"")
    );
}

#[test]
fn parts_end_between_large_values() {
    let shop = Shop::new();
    for key in ["a", "b"] {
        shop.ok_fed(&["put", "file:data", key], &noise(5 << 20));
    }
    shop.ok(&["export", "file:data", "d", "--split", "4MiB"]);
    assert!(shop.path("d.0002").exists());
    let whole = &shop.json(&["verify", "d"])[0];
    assert!(whole["parts"].as_u64().unwrap() >= 2, "{whole}");
    shop.ok(&["verify", "file:data", "d", "--exact"]);
    // One that is missing is missed.
    std::fs::remove_file(shop.path("d.0001")).unwrap();
    assert_eq!(shop.run(&["verify", "d"]).code, 2);
}

#[test]
fn through_the_standard_streams() {
    let shop = stocked();
    let line = "larder -q export file:data - | larder -q import - lmdb:copy && larder -q verify file:data lmdb:copy --exact";
    let said = shop.shell(line);
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (0, "", ""), "{said:?}");
    let said = shop.shell("larder export file:data - --json-lines | larder verify - lmdb:copy");
    assert_eq!(said.code, 0, "{said:?}");
    // What the export reports is beside the dump, not in it.
    assert!(said.err.contains("written     6 entries") && said.out.contains("verified"), "{said:?}");
    let said = shop.run(&["export", "file:data", "-", "--json"]);
    assert_eq!((said.code, &objects(&said.err)[0]["written"]), (0, &6.into()), "{said:?}");
    assert_eq!(shop.feed(&["verify", "-"], &said.bytes).code, 0);

    for args in [
        &["export", "file:data", "-", "--split", "1MiB"][..],
        &["export", "file:data", "-", "--replace"],
        &["export", "file:data", "-", "--restart"],
        &["diff", "-", "-"],
    ] {
        let said = shop.run(args);
        assert_eq!(
            (said.code, said.out.as_str(), said.err.lines().count()),
            (2, "", 1),
            "{args:?}: {said:?}"
        );
    }
}

#[test]
fn lines_of_others_are_taken() {
    let shop = Shop::new();
    let lines = b"{\"key\":\"b\",\"text\":\"1\"}\n\n{\"key\":\"a\",\"base64\":\"/wA=\",\"attributes\":{\"n\":\"v\"}}\n";
    assert_eq!(shop.feed(&["import", "-", "lmdb:db"], lines).code, 0);
    assert_eq!(shop.run(&["get", "lmdb:db", "a"]).bytes, b"\xff\x00");
    assert_eq!(shop.json(&["stat", "lmdb:db", "a"])[0]["attributes"]["n"], "v");
    shop.file("lines", lines);
    let said = shop.run(&["verify", "lines"]);
    assert!(said.code == 2 && said.err.contains("no digests"), "{said:?}");
    let said = shop.run(&["diff", "lines", "lmdb:db"]);
    assert!(said.code == 10 && said.err.contains("sort the lines"), "{said:?}");
}

#[test]
fn a_plain_folder_goes_in_and_out() {
    let shop = Shop::new();
    std::fs::create_dir_all(shop.path("site/img")).unwrap();
    shop.file("site/index.html", "<html>");
    shop.file("site/img/a.png", vec![7; 2 << 20]);
    shop.ok(&["copy", "file:site?layout=raw", "lmdb:db"]);
    shop.ok(&["export", "file:site?layout=raw", "site.larder"]);
    shop.ok(&["import", "site.larder", "file:back?layout=raw"]);
    assert_eq!(std::fs::read(shop.path("back/img/a.png")).unwrap(), vec![7; 2 << 20]);
    shop.ok(&["verify", "file:back?layout=raw", "lmdb:db", "--exact"]);
}

#[test]
fn a_dump_is_not_replaced_unasked() {
    let shop = stocked();
    for (dump, there) in [("d", "d"), ("lmdb:vault::d", "")] {
        shop.ok(&["export", "file:data", dump, "--split", "0"]);
        let said = shop.run(&["export", "file:data", dump, "--split", "0"]);
        assert!(said.code == 2 && said.err.contains("--replace"), "{said:?}");
        let said = shop.run(&["export", "file:data", dump, "--split", "0", "--replace"]);
        assert!(said.code == 2 && said.err.contains("--yes"), "{said:?}");
        // Nor does --restart throw away what is whole.
        assert_eq!(shop.run(&["export", "file:data", dump, "--split", "0", "--restart"]).code, 2);
        // One of the other form would be hidden by it.
        let said = shop.run(&["export", "file:data", dump, "--split", "1MiB"]);
        assert!(said.code == 2 && said.err.contains("one part"), "{said:?}");
        shop.ok(&["export", "file:data", dump, "--split", "0", "--replace", "--yes", "--prefix", "user/"]);
        assert_eq!(shop.json(&["verify", dump])[0]["totals"]["entries"], 1);
        assert!(there.is_empty() || shop.path(there).exists());

        let parts = format!("{dump}.parts");
        shop.ok(&["export", "file:data", &parts, "--split", "1MiB"]);
        let said = shop.run(&["export", "file:data", &parts, "--split", "0"]);
        assert!(said.code == 2 && said.err.contains("several parts"), "{said:?}");
    }
}

#[test]
fn what_a_name_is_taken_for_is_said() {
    let shop = stocked();
    shop.ok(&["export", "file:data", "./file:odd::name"]);
    assert!(shop.path("file:odd::name").exists());
    // Now that it is there, nothing else can be meant.
    shop.ok(&["verify", "file:odd::name", "file:data"]);
    std::fs::create_dir(shop.path("folder")).unwrap();
    shop.file("begun.partial", "");
    for (args, part) in [
        (&["verify", "gone", "file:data"][..], "taken for a dump's"),
        (&["import", "gone", "lmdb:new"], "taken for a dump's"),
        (&["import", "folder", "lmdb:new"], "file:folder?layout=raw"),
        (&["import", "begun", "lmdb:new"], "not finished"),
        (&["import", "file:data::gone", "lmdb:new"], "no dump of that key"),
        (&["import", "file:data", "lmdb:new"], "a store is named"),
        (&["export", "file:data", "lmdb:new"], "STORE::KEY"),
        (&["export", "file:data", "lmdb:new::"], "no key"),
        (&["export", "file:data", "file:data::backup"], "would lie in"),
        (&["export", "file:data", "folder"], "name a file in it"),
        (&["export", "file:data", "folder", "--split", "1MiB"], "name a file in it"),
        (&["verify", "file:data"], "a store alone"),
        (&["verify", "gone"], "taken for a dump's"),
        (&["copy", "file:data", "file:data"], "the same store"),
        (&["copy", "gone", "lmdb:new"], "no scheme"),
        (&["copy", "file:gone", "lmdb:new"], "import and copy make a store"),
        (&["copy", "lmdb:gone", "lmdb:new"], "import and copy make a store"),
    ] {
        let said = shop.run(args);
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{args:?}: {said:?}");
        assert!(said.err.contains(part), "{args:?}: {}", said.err);
        assert!(!shop.path("new").exists(), "{args:?} made a store");
    }
    let said = shop.run(&["diff", "nfs://share", "file:data"]);
    assert!(said.code == 10 && said.err.contains("taken for a store"), "{said:?}");
}

#[test]
fn what_is_no_entry_is_refused_or_counted() {
    let shop = stocked();
    shop.file("data/notes.txt", "by hand");
    for options in [&[][..], &["--no-preflight"]] {
        let said = shop.run(&[&["export", "file:data", "d"], options].concat());
        assert_eq!(said.code, 10, "{said:?}");
        assert!(said.err.contains("notes.txt") && said.err.contains("--leave-out-foreign"), "{said:?}");
        let said = shop.run(&[&["copy", "file:data", "lmdb:c"], options].concat());
        assert_eq!(said.code, 10, "{said:?}");
        assert!(said.err.contains("notes.txt") && said.err.contains("--unfit leave-out"), "{said:?}");
    }
    let text = shop.ok(&["export", "file:data", "d", "--leave-out-foreign"]);
    assert!(text.contains("left out    1 × no entry"), "{text}");
    assert!(shop.ok(&["verify", "d"]).contains("left out    1 × no entry"));
    shop.ok(&["verify", "file:data", "d"]);
}

#[test]
fn a_damaged_dump_is_told_before_anything_is_written() {
    let shop = stocked();
    shop.ok(&["export", "file:data", "d"]);
    let whole = std::fs::read(shop.path("d")).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    shop.file("flipped", &flipped);
    shop.file("cut", &whole[..whole.len() - 10]);
    for dump in ["flipped", "cut"] {
        for args in [&["verify", dump][..], &["verify", dump, "file:data"], &["import", dump, "lmdb:new"]] {
            let said = shop.run(args);
            assert_eq!((said.code, said.err.lines().count()), (8, 1), "{args:?}: {said:?}");
        }
        assert!(shop.run(&["ls", "lmdb:new"]).out.is_empty());
    }
    // Without a trailer nobody knows whether it is all.
    let plain = shop.run(&["export", "file:data", "-", "--json-lines"]);
    let lines: Vec<_> = plain.out.lines().collect();
    let cut: String = lines[..lines.len() - 1].iter().map(|line| format!("{line}\n")).collect();
    shop.file("cut", cut);
    let said = shop.run(&["import", "cut", "lmdb:new"]);
    assert!(said.code == 8, "{said:?}");
    let report = &shop.json(&["import", "cut", "lmdb:new", "--incomplete"])[0];
    assert!(report["incomplete"].is_string(), "{report}");
}
