//! Large values, and files that are there whole or not at all.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::shop::Shop;

#[test]
fn large_values_pass_through() {
    let shop = Shop::new();
    // Above what is put at once, and no multiple of a piece.
    let value: Vec<u8> =
        (0..(3 << 20) + 17).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    shop.file("value", &value);
    for store in ["file:data", "lmdb:db", "memory:?capacity=1MiB | file:under?fresh=sole_writer"] {
        shop.ok_fed(&["put", store, "by/pipe"], &value);
        shop.ok(&["put", store, "by/file", "value"]);
        for key in ["by/pipe", "by/file"] {
            assert!(shop.run(&["get", store, key]).bytes == value, "{store} {key}");
            shop.ok(&["get", store, key, "-o", "copy"]);
            assert!(std::fs::read(shop.path("copy")).unwrap() == value, "{store} {key}");
        }
        let tail = shop.run(&["get", store, "by/file", "--range", "-1000000"]);
        assert!(tail.bytes == value[value.len() - 1_000_000..], "{store}");
        let said = shop.run(&["--json", "get", store, "by/file"]);
        assert_eq!(said.code, 0);
    }
}

#[test]
fn an_input_that_fails_leaves_nothing() {
    let shop = Shop::new();
    // A folder opens and cannot be read.
    let said = shop.shell("larder put file:data k < .");
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("cannot be read on"), "{}", said.err);
    assert_eq!(shop.ok(&["ls", "file:data"]), "");
}

#[test]
fn a_file_is_replaced_whole_or_not_at_all() {
    let shop = Shop::new();
    shop.ok_fed(&["put", "file:data", "k"], b"new");
    let out = shop.file("out", "old");
    std::fs::set_permissions(&out, std::fs::Permissions::from_mode(0o600)).unwrap();
    symlink("out", shop.path("link")).unwrap();

    assert_eq!(shop.run(&["get", "file:data", "gone", "-o", "out"]).code, 3);
    assert_eq!(std::fs::read(&out).unwrap(), b"old");
    shop.ok(&["get", "file:data", "k", "-o", "link"]);
    assert_eq!(std::fs::read(&out).unwrap(), b"new");
    assert!(shop.path("link").is_symlink(), "a link stays one");
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);

    // A damaged value is found after its first bytes were written.
    shop.ok_fed(&["put", "file:data", "large"], &vec![7; 1 << 20]);
    let path = shop.path("data/large.larder");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() - 1000;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(shop.run(&["get", "file:data", "large", "-o", "out"]).code, 8);
    assert_eq!(std::fs::read(&out).unwrap(), b"new");
    let left: Vec<_> = std::fs::read_dir(shop.path(".")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains(".part")), "{left:?}");

    assert_eq!(shop.run(&["get", "file:data", "k", "-o", "."]).code, 2);
    // A device is written, and stays one.
    shop.ok(&["get", "file:data", "k", "-o", "/dev/null"]);
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}
