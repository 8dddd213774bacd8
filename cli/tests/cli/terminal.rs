//! Names and values that would harm a terminal, or whoever reads line by line.

use crate::shop::{Shop, objects};

/// Turned around, as a picture, without width, a line end to some, with an accent, a backslash, blanks.
const ODD: [&str; 7] =
    ["\u{202e}gpj.exe", "a\u{2028}b", "a\u{200b}b\u{feff}", "e\u{301}", "back\\slash", " lead", "'quote\""];

fn is_harmless(text: &str) -> bool {
    !text.contains(['\u{202e}', '\u{2028}', '\u{200b}', '\u{feff}', '\u{1b}', '\u{9b}', '\r'])
}

#[test]
fn odd_keys_are_printed_safely_and_told_exactly() {
    let shop = Shop::new();
    for key in ODD {
        let said = shop.feed(&["put", "lmdb:db", key, "--attribute", "a=\u{1b}[2J"], b"v");
        assert_eq!(said.code, 0, "{said:?}");
        assert!(is_harmless(&said.out), "{}", said.out);
        let told = shop.ok(&["stat", "lmdb:db", key]);
        assert!(is_harmless(&told) && told.contains("a=\\u{1b}[2J"), "{told}");
    }
    let mut sorted = ODD;
    sorted.sort_unstable();

    let text = shop.ok(&["ls", "lmdb:db"]);
    assert!(is_harmless(&text), "{text}");
    assert_eq!(text.lines().count(), ODD.len());
    assert!(
        text.contains("\\u{202e}gpj.exe\n")
            && text.contains("back\\\\slash\n")
            && text.contains("e\u{301}\n")
    );
    assert!(is_harmless(&shop.ok(&["ls", "lmdb:db", "-l"])));
    assert!(is_harmless(&shop.ok(&["stats", "lmdb:db"])));

    let exact = shop.ok(&["ls", "lmdb:db", "-0"]);
    let keys: Vec<_> = exact.strip_suffix('\0').unwrap().split('\0').collect();
    assert_eq!(keys, sorted);

    let json = shop.ok(&["ls", "lmdb:db", "--json"]);
    assert!(is_harmless(&json), "{json}");
    let keys: Vec<_> = objects(&json).iter().map(|one| one["key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(keys, sorted);
}

#[test]
fn errors_about_odd_keys_are_one_harmless_line() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "lmdb:db", "k"], b"v");
    for key in ODD {
        for args in [&["get", "lmdb:db", key][..], &["rm", "lmdb:db", key], &["stat", "lmdb:db", key, "x"]] {
            let said = shop.run(args);
            assert_eq!(said.code, 3);
            assert!(is_harmless(&said.err), "{}", said.err);
            let lines = if args.len() > 3 { 2 } else { 1 };
            assert_eq!(said.err.lines().count(), lines, "{}", said.err);
        }
    }
    let said = shop.run(&["get", "lmdb:db", "a\n\u{1b}[2Jb"]);
    assert_eq!((said.code, said.err.lines().count()), (2, 1), "{}", said.err);
    assert!(is_harmless(&said.err), "{}", said.err);
    let said = shop.run(&["ls", "lmdb:db", "x", "y\n\u{1b}[2J"]);
    assert_eq!((said.code, said.err.lines().count()), (2, 1), "{}", said.err);
    assert!(is_harmless(&said.err), "{}", said.err);
}

/// Names of files that Larder did not make can hold anything.
#[test]
fn foreign_names_are_harmless() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"v");
    shop.file("data/two\nlines\u{1b}[2J", "");
    for args in [
        &["ls", "file:data"][..],
        &["ls", "file:data", "-l"],
        &["stats", "file:data"],
        &["doctor", "file:data"],
    ] {
        let said = shop.run(args);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(is_harmless(&said.out) && is_harmless(&said.err), "{said:?}");
        assert!(!said.out.contains("two\n") && !said.err.contains("two\n"), "{said:?}");
    }
}
