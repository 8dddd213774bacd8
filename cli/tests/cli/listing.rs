//! `ls`.

use crate::shop::Shop;

fn stocked() -> Shop {
    let shop = Shop::new();
    for key in ["a", "b/1", "b/2", "c:d", "z"] {
        shop.ok_fed(&["put", "lmdb:db", key], key.as_bytes());
    }
    shop
}

#[test]
fn one_level_or_all() {
    let shop = stocked();
    for (args, names) in [
        (&[][..], "a\nb/\nc:d\nz\n"),
        (&["-r"], "a\nb/1\nb/2\nc:d\nz\n"),
        (&["b/"], "b/1\nb/2\n"),
        (&["b"], "b/\n"),
        (&["--prefix", "b/"], "b/1\nb/2\n"),
        (&["--delimiter", ":"], "a\nb/1\nb/2\nc:\nz\n"),
        (&["--limit", "2"], "a\nb/\n"),
        (&["--start-after", "b/"], "c:d\nz\n"),
        (&["-r", "--start-after", "b/1", "--limit", "1"], "b/2\n"),
        (&["nothing"], ""),
    ] {
        assert_eq!(shop.ok(&[&["ls", "lmdb:db"], args].concat()), names, "{args:?}");
    }
    assert_eq!(shop.run(&["ls", "lmdb:db", "b", "--prefix", "b"]).code, 2);
}

#[test]
fn the_long_form_and_json() {
    let shop = stocked();
    let text = shop.ok(&["ls", "lmdb:db", "-l"]);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("           1  20") && lines[0].ends_with("Z  a"), "{text}");
    assert!(lines[1].ends_with("  b/"), "{text}");
    let all = shop.json(&["ls", "lmdb:db"]);
    assert_eq!(all[0]["key"], "a");
    assert_eq!(all[0]["size"], 1);
    assert!(all[0]["version"].as_str().unwrap().starts_with("W:"));
    assert_eq!(all[1]["prefix"], "b/");
}

#[test]
fn foreign_objects_are_shown_as_such() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"v");
    shop.file("data/notes.txt", "by hand");
    let said = shop.run(&["ls", "file:data"]);
    assert_eq!((said.code, said.out.as_str()), (0, "k\n"));
    assert!(said.err.contains("foreign: notes.txt: "), "{}", said.err);
    let json = shop.run(&["ls", "file:data", "--json"]);
    let objects = crate::shop::objects(&json.out);
    assert!(objects.iter().any(|one| one["foreign"] == "notes.txt"), "{}", json.out);
    let long = shop.ok(&["ls", "file:data", "-l"]);
    assert!(long.lines().any(|line| line.contains("foreign") && line.contains("notes.txt")), "{long}");
    assert_eq!(shop.ok(&["ls", "file:data", "-q"]), "k\n");
}
