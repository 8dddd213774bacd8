//! Stores by their names.

use crate::shop::Shop;

const CONFIG: &str = r#"
fresh = "sole_writer"
tiers = ["memory:", "file:data"]

[stores]
short = "file:data"

[stores.table]
url = "file:data"
sync = "none"

[stores.stack]
fresh = "30s"
[[stores.stack.tiers]]
url = "memory:"
capacity = "1MiB"
[[stores.stack.tiers]]
url = "file:data"
"#;

#[test]
fn the_file_knows_one_store_or_several() {
    let shop = Shop::new();
    shop.file("larder.toml", CONFIG);
    shop.ok_fed(&["put", "@", "k", "--config", "larder.toml"], b"v");
    for name in ["@", "@short", "@table", "@stack"] {
        assert_eq!(shop.ok(&["get", name, "k", "--config", "larder.toml"]), "v", "{name}");
    }
    let mut command = shop.command(&["get", "@short", "k"]);
    command.env("LARDER_CONFIG", "larder.toml");
    assert_eq!(crate::shop::said(command, b"").out, "v");
    // What a name stands for is what was written there.
    let doctor = shop.ok(&["doctor", "@table", "--config", "larder.toml"]);
    assert!(doctor.contains("file:data?sync=none"), "{doctor}");
}

#[test]
fn what_is_wrong_with_it_is_said_without_its_text() {
    let shop = Shop::new();
    for (text, args, part) in [
        (CONFIG, &["ls", "@gone"][..], "@short, @stack, @table"),
        ("tiers = [\"file:x\"\nsecret = \"hunter2", &["ls", "@"], "line "),
        ("[stores.a]\nurl = \"s3://b\"\nsecret_key = [\"hunter2\"]", &["ls", "@a"], "[stores.a]"),
        ("[stores.a]\nurl = \"file:x\"\nhunter2 = 1", &["ls", "@a"], "known: sync"),
        ("[stores]\na = 7", &["ls", "@a"], "[stores.a]"),
        ("stores = \"hunter2\"", &["ls", "@a"], "stores"),
        ("[stores.a]\nurl = \"file:x\"", &["ls", "@"], "tiers"),
    ] {
        shop.file("larder.toml", text);
        let said = shop.run(&[args, &["--config", "larder.toml"]].concat());
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{text}: {said:?}");
        assert!(said.err.contains(part), "{text}: {}", said.err);
        assert!(!said.err.contains("\"hunter2\"]") && !said.err.contains("= \"hunter2"), "{}", said.err);
    }
    assert_eq!(shop.run(&["ls", "@", "--config", "none.toml"]).code, 2);
    let said = shop.run(&["ls", "@"]);
    assert!(said.code == 2 && said.err.contains("LARDER_CONFIG"), "{said:?}");
}
