//! The README's table is what the stores promise. `LARDER_BLESS=1` writes it anew.

use std::fmt::Write as _;
use std::sync::Arc;

use larder::{Durability, Guarantees, Ranges, Sharing, Store, Versions};

const BEGIN: &str = "<!-- guarantees: written by tests/docs/tests/readme.rs -->\n";
const END: &str = "<!-- end of guarantees -->";

fn bytes(n: u64) -> String {
    match n {
        n if n >= 1 << 60 => "any that there is room for".into(),
        n if n.is_multiple_of(1 << 40) => format!("{} TiB", n >> 40),
        n if n.is_multiple_of(1 << 30) => format!("{} GiB", n >> 30),
        n if n.is_multiple_of(1 << 20) => format!("{} MiB", n >> 20),
        n => format!("{n} B"),
    }
}

fn words(g: &Guarantees) -> Vec<(&'static str, String)> {
    let text = |t: &str| t.to_owned();
    vec![
        ("compare-and-swap, conditional delete", format!("{}", g.cas)),
        (
            "versions",
            text(match g.versions {
                Versions::PerWrite => "one for each write",
                Versions::PerContent => "one for each content",
            }),
        ),
        (
            "a put that returned survives",
            text(match g.durability {
                Durability::Process => "until the process ends",
                Durability::Host => "a killed process",
                Durability::Durable => "a crash of the machine",
                _ => "?",
            }),
        ),
        (
            "shared by",
            text(match g.sharing {
                Sharing::Process => "the handles of a process",
                Sharing::Host => "the processes of a host",
                Sharing::Global => "everybody",
            }),
        ),
        ("longest key", bytes(g.max_key as u64)),
        ("largest value", bytes(g.max_value)),
        ("attributes", bytes(g.max_attributes as u64)),
        (
            "transactions",
            match g.transactions {
                None => text("refused"),
                Some(t) if t.max_steps == usize::MAX => text("of any size"),
                Some(t) => format!("of {} keys", t.max_steps),
            },
        ),
        ("listing", text(if g.listing.ordered { "in order of bytes" } else { "unordered" })),
        ("expiry", text(if g.expiry { "exact on read" } else { "refused" })),
        (
            "damage in a range",
            text(match g.ranges {
                Ranges::Verified => "is found",
                Ranges::Unverified => "may pass",
                Ranges::None => "no ranges",
            }),
        ),
    ]
}

async fn stores(folder: &std::path::Path) -> Vec<(&'static str, Arc<dyn Store>)> {
    let mut stores = Vec::new();
    for (scheme, place) in [("memory:", None), ("file:", Some("file")), ("lmdb:", Some("lmdb"))] {
        let url = place.map_or(scheme.to_owned(), |p| format!("{scheme}{}", folder.join(p).display()));
        stores.push((scheme, larder::open(&url).await.unwrap()));
    }
    // Opening asks nothing of the bucket.
    for (name, query) in [("s3:", ""), ("s3: layout=record", "&layout=record")] {
        let url = format!("s3://bucket?region=eu-west-1{query}");
        stores.push((name, larder::open(&url).await.unwrap()));
    }
    for (name, url) in [
        ("gs:", "gs://bucket?anonymous=true"),
        ("dynamodb:", "dynamodb://table?region=eu-west-1"),
        ("redis:", "redis://127.0.0.1:6379"),
    ] {
        stores.push((name, larder::open(url).await.unwrap()));
    }
    stores
}

#[tokio::test]
async fn the_table_is_what_the_stores_promise() {
    let folder = tempfile::Builder::new().prefix("l").tempdir_in("/tmp").unwrap();
    let stores = stores(folder.path()).await;
    let mut table = String::from("| |");
    for (scheme, _) in &stores {
        write!(table, " `{scheme}` |").unwrap();
    }
    table.push_str(&format!("\n|---|{}\n", "---|".repeat(stores.len())));
    let columns: Vec<_> = stores.iter().map(|(_, store)| words(store.guarantees())).collect();
    for row in 0..columns[0].len() {
        write!(table, "| {} |", columns[0][row].0).unwrap();
        for column in &columns {
            write!(table, " {} |", column[row].1).unwrap();
        }
        table.push('\n');
    }

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the table's beginning");
    let (old, after) = rest.split_once(END).expect("the README has the table's end");
    if std::env::var_os("LARDER_BLESS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(
            old, table,
            "README.md: LARDER_BLESS=1 cargo test -p larder-docs-tests --test readme writes the table anew"
        );
    }
}

/// Snippets that are not compiled where they stand are pieces of programs that are.
#[test]
fn snippets_are_what_the_examples_say() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let readme = std::fs::read_to_string(format!("{root}/README.md")).unwrap();
    let mut seen = 0;
    for piece in readme.split("<!-- from ").skip(1) {
        let (path, rest) = piece.split_once(" -->\n```rust,ignore\n").expect("a snippet behind its origin");
        let (snippet, _) = rest.split_once("```").expect("the snippet ends");
        let source = std::fs::read_to_string(format!("{root}/{path}")).unwrap();
        assert!(source.contains(snippet), "{path} does not say:\n{snippet}");
        seen += 1;
    }
    assert_eq!(seen, readme.matches("```rust,ignore").count(), "a snippet that nothing compiles");
    assert!(seen > 0);
}
