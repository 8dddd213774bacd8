//! The first walk of the README, as it goes.

use std::fmt::Write;

use crate::shop::Shop;

const BEGIN: &str = "<!-- walk: written by cli/tests -->\n```text\n";
const END: &str = "```\n<!-- end of walk -->";

/// What a new user does first.
const WALK: [&str; 8] = [
    "echo '{\"name\": \"Anna\"}' | larder put file:shop user/7 --content-type application/json",
    "larder put file:shop img/logo.png logo.png",
    "larder ls file:shop -r",
    "larder export file:shop shop.larder",
    "larder import shop.larder lmdb:elsewhere --dry-run",
    "larder import shop.larder lmdb:elsewhere",
    "larder verify file:shop lmdb:elsewhere",
    "larder get lmdb:elsewhere user/7",
];

/// Without what is another each time: versions, times, rates, and the size of what is compressed.
fn stable(transcript: &str) -> String {
    let line = |line: &str| match line.split_once(", version ") {
        Some((line, _)) => line.to_owned(),
        None if line.starts_with("took ") || line.starts_with("takes ") => line[..5].to_owned(),
        None if line.starts_with("dump ") => line.split(',').next().unwrap_or_default().to_owned(),
        None => line.to_owned(),
    };
    transcript.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_readme_shows_a_walk_as_it_goes() {
    let shop = Shop::new();
    shop.file(
        "logo.png",
        (0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>(),
    );
    let mut transcript = String::new();
    for line in WALK {
        let said = shop.shell(line);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{line}: {said:?}");
        writeln!(transcript, "$ {line}\n{}", said.out.trim_end()).unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README has the walk's beginning");
    let (old, after) = rest.split_once(END).expect("the README has the walk's end");
    if std::env::var_os("LARDER_BLESS").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{transcript}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(stable(old), stable(&transcript), "LARDER_BLESS=1 writes it anew");
}
