//! Every example of every help, as a new user would try it.

use crate::shop::Shop;
use crate::vectors::{fvecs, npy};

/// What the examples need.
fn stocked() -> Shop {
    let shop = Shop::new();
    shop.file("logo.png", b"\x89PNG\r\n");
    shop.file("report.pdf", "%PDF-1.7");
    shop.file("stack.toml", "fresh = \"sole_writer\"\ntiers = [\"memory:\", \"file:data\"]\n");
    shop.ok_fed(&["put", "file:data", "user/7"], b"Anna");
    let log: String = (0..50).map(|n| format!("line {n}\n")).collect();
    shop.ok_fed(&["put", "file:data", "logs/app"], log.as_bytes());
    std::fs::create_dir(shop.path("site")).unwrap();
    shop.file("site/index.html", "<html>");
    shop.ok_fed(&["put", "file:data", "user/9", "--content-type", "text/plain"], b"Berta");
    shop.ok(&["export", "file:data", "data.larder"]);
    shop.ok(&["copy", "file:data", "lmdb:replica"]);
    vectors(&shop);
    shop
}

/// A collection, its dump, and what another one is made of.
fn vectors(shop: &Shop) {
    let vectors: Vec<Vec<f32>> =
        (0..40).map(|n| (0..8).map(|d| ((n * 7 + d * 3) % 11) as f32).collect()).collect();
    shop.file("docs.npy", npy(&vectors));
    shop.file("docs.fvecs", fvecs(&vectors));
    shop.file("queries.npy", npy(&vectors[..3]));
    shop.file("ids.txt", (0..40).map(|n| format!("doc/{n}\n")).collect::<String>());
    let payload =
        |n: i32| format!("{{\"lang\": \"{}\", \"year\": {}}}\n", ["en", "de"][n as usize % 2], 2000 + n);
    shop.file("payloads.jsonl", (0..40).map(payload).collect::<String>());
    shop.ok(&["vector", "import", "lmdb:vectors", "docs.npy", "--payloads", "payloads.jsonl"]);
    shop.ok(&["vector", "export", "lmdb:vectors", "vectors.cbor"]);
}

fn subcommands(shop: &Shop) -> Vec<String> {
    let mut names = listed(shop, &["--help"]);
    assert!(names.len() >= 17, "{names:?}");
    names.extend(listed(shop, &["vector", "--help"]).iter().map(|name| format!("vector {name}")));
    names
}

/// The subcommands of a help.
fn listed(shop: &Shop, args: &[&str]) -> Vec<String> {
    let help = shop.ok(args);
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // What is wrapped stands further in.
    let first = |line: &str| line.strip_prefix("  ")?.split(' ').next().map(str::to_owned);
    let names = commands.lines().filter_map(first).filter(|name| !name.is_empty());
    names.filter(|name| name != "help").collect()
}

#[test]
fn every_example_of_every_help_works() {
    let shop = Shop::new();
    for name in subcommands(&shop) {
        let words: Vec<&str> = name.split(' ').chain(["--help"]).collect();
        let help = shop.ok(&words);
        let (_, examples) =
            help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{name} has no examples"));
        let shop = stocked();
        let mut count = 0;
        for line in examples.lines() {
            let line =
                line.strip_prefix("  ").unwrap_or_else(|| panic!("{name}: behind the examples: {line}"));
            assert!(
                line.contains(&format!("larder {name}")) || line.contains(&format!(" {name} ")),
                "{line}"
            );
            let said = shop.shell(line);
            // A search says what it does not know for sure.
            let is_told = name.starts_with("vector") && said.err.starts_with("larder: approximate: ");
            assert!(said.code == 0 && (said.err.is_empty() || is_told), "{line}: {said:?}");
            count += 1;
        }
        assert!(count >= 2, "{name} has {count} examples");
    }
}

#[test]
fn help_is_there_for_all_that_can_be_asked() {
    let shop = Shop::new();
    assert!(shop.ok(&["--help"]).contains("Exit codes:"));
    assert!(shop.ok(&["help", "put"]).contains("--if-absent"));
    assert!(shop.ok(&["--version"]).starts_with("larder "));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(shop.ok(&["completions", shell]).contains("larder"), "{shell}");
    }
}

/// What is printed for pages and terminals of common width must not run on.
#[test]
fn backends_tell_parameters_and_guarantees() {
    let shop = Shop::new();
    let all = shop.json(&["backends"]);
    let of = |scheme: &str| all.iter().find(|one| one["scheme"] == scheme).unwrap();
    for scheme in ["memory", "file", "lmdb", "s3", "gs", "dynamodb", "redis"] {
        assert_eq!(of(scheme)["compiled_in"], true, "{scheme}");
        assert!(of(scheme)["guarantees"]["max_key"].as_u64().unwrap() >= 480, "{scheme}");
    }
    assert_eq!(of("s3")["guarantees"]["cas"], "global");
    let names: Vec<_> =
        of("lmdb")["parameters"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"capacity") && names.contains(&"role"), "{names:?}");
    let text = shop.ok(&["backends", "s3:"]);
    assert!(text.contains("secret_key") && text.contains("env:NAME") && text.contains("global"), "{text}");
    assert_eq!(shop.run(&["backends", "nfs"]).code, 2);
    // Nothing is left of the stores that were asked.
    let temp = shop.path("tmp");
    std::fs::create_dir(&temp).unwrap();
    let mut command = shop.command(&["backends"]);
    command.env("TMPDIR", &temp);
    assert_eq!(crate::shop::said(command, b"").code, 0);
    assert_eq!(std::fs::read_dir(&temp).unwrap().count(), 0);
}
