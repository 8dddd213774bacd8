//! The codec against hostile keys.
//!
//! `hostile_keys` takes 20,000 keys by default; `LARDER_HOSTILE_KEYS=1000000` takes a million.

use std::collections::BTreeMap;

use larder_store_core::Env;

use super::*;

/// Reads a path back, as a walk through the folders does.
fn decode(path: &str) -> Option<String> {
    let mut key = String::new();
    let mut names = path.split('/').peekable();
    while let Some(one) = names.next() {
        let (chunk, kind) = name::decode(one.as_bytes())?;
        key.push_str(&chunk);
        match kind {
            Kind::Value => return names.peek().is_none().then_some(key),
            Kind::Folder => key.push('/'),
            Kind::Continued => {}
        }
    }
    None
}

fn of(key: &str) -> KeyPath {
    KeyPath::of(Op::Get, &Key::new(key).unwrap(), Layout::Record).unwrap()
}

/// What makes keys hostile.
const PIECES: &[&str] = &[
    "/",
    "//",
    ".",
    "..",
    "../",
    "/..",
    "./",
    "%",
    "%2E",
    "%2F",
    "%00",
    "%+",
    "%.larder",
    ".larder",
    ".larder/",
    "larder",
    "a",
    "b",
    "A",
    "-",
    "~",
    " ",
    "  ",
    "\\",
    ":",
    "*",
    "?",
    "\"",
    "<",
    ">",
    "|",
    "CON",
    "nul",
    "COM1",
    "com¹",
    "LPT9.txt",
    "aux.",
    "é",
    "e\u{301}",
    "\u{202e}",
    "\u{feff}",
    "\u{10ffff}",
    "日本",
    "\u{a0}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%",
    "tmp",
    "lock",
    "system",
    ".git",
    ".git/config",
    "-rf",
    "$(x)",
    "`x`",
    "'",
    "\u{1f600}",
];

/// A seeded generator (SplitMix64), so that a failure names its seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    fn key(&mut self) -> String {
        let mut key = String::new();
        let pieces = match self.below(8) {
            0 => 1 + self.below(200),
            _ => 1 + self.below(8),
        };
        for _ in 0..pieces {
            let piece = PIECES[self.below(PIECES.len())];
            let times = if self.below(20) == 0 { 1 + self.below(30) } else { 1 };
            for _ in 0..times {
                if key.len() + piece.len() <= Key::MAX_LEN {
                    key.push_str(piece);
                }
            }
        }
        key
    }
}

fn is_safe(path: &str) -> bool {
    path.split('/').all(|name| {
        !name.is_empty() && !name.starts_with('.') && name.len() <= NAME_MAX && !name.contains('\0')
    })
}

#[test]
fn hostile_keys_come_back_and_none_leaves_the_root() {
    let count = std::env::var("LARDER_HOSTILE_KEYS").map_or(20_000, |n| n.parse().unwrap());
    let seed = Env::system().random_u64();
    let mut rng = Rng(seed);
    let mut by_path = BTreeMap::new();
    for _ in 0..count {
        let key = rng.key();
        let path = of(&key);
        assert!(is_safe(path.as_str()), "seed {seed}: {key:?} is at {:?}", path.as_str());
        assert!(1 + path.as_str().len() + SYSTEM.len() < longest(key.len()), "seed {seed}: {key:?}");
        assert_eq!(decode(path.as_str()).as_deref(), Some(key.as_str()), "seed {seed}");
        assert!(path.name().ends_with(name::SUFFIX) && path.as_str().ends_with(path.name()));
        let system = larder_store_core::system::key(key.as_str()).unwrap();
        let system = KeyPath::of(Op::Get, &system, Layout::Record).unwrap();
        assert_eq!(system.as_str().strip_prefix(".larder/system/"), Some(path.as_str()));
        // Different keys have different paths, and no path is both a file and a folder.
        if by_path.len() < 100_000
            && let Some(other) = by_path.insert(path.as_str().to_owned(), key.clone())
        {
            assert_eq!(other, key, "seed {seed}");
        }
    }
    let paths: Vec<_> = by_path.keys().collect();
    for pair in paths.windows(2) {
        assert!(!pair[1].starts_with(&format!("{}/", pair[0])), "seed {seed}: {pair:?}");
    }
    assert!(by_path.len() > count.min(100_000) / 2);
}

#[test]
fn the_worst_keys_fit_their_bound() {
    for len in [1, 79, 80, 237, 474, Key::PORTABLE_LEN, Key::MAX_LEN] {
        for unit in ["%", "/", "./", "../", "CON/", "a", "\u{10ffff}", ". ", ".larder/", "é", "%/"] {
            let mut key: String = unit.repeat(len / unit.len());
            key.extend(std::iter::repeat_n('%', len - key.len()));
            let path = of(&key);
            assert!(1 + SYSTEM.len() + 1 + path.as_str().len() <= longest(len), "{unit:?} × {len}");
        }
    }
    assert_eq!(max_key(0), Key::MAX_LEN);
    assert_eq!(max_key(900), Key::MAX_LEN);
    assert!(max_key(1000) < Key::MAX_LEN);
    assert!(max_key(2600) >= Key::PORTABLE_LEN);
    assert!(max_key(2700) < Key::PORTABLE_LEN);
    assert_eq!(max_key(5000), 0);
}

#[test]
fn paths_are_readable() {
    for (key, path, parent, name) in [
        ("a", "a.larder", "", "a.larder"),
        ("user/7", "user/7.larder", "user", "7.larder"),
        ("a/", "a/%.larder", "a", "%.larder"),
        ("/", "%/%.larder", "%", "%.larder"),
        ("//a", "%/%/a.larder", "%/%", "a.larder"),
        ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd.larder", "%2E%2E/%2E%2E/etc", "passwd.larder"),
    ] {
        let path_of = of(key);
        assert_eq!((path_of.as_str(), path_of.parent(), path_of.name()), (path, parent, name));
    }
    let long = "x".repeat(500);
    assert_eq!(of(&long).as_str(), format!("{0}%+/{0}%+/{1}.larder", "x".repeat(237), "x".repeat(26)));
}

#[test]
fn raw_holds_plain_paths_only() {
    let raw = |key: &str| KeyPath::of(Op::Get, &Key::new(key).unwrap(), Layout::Raw);
    for key in ["a", "a/b", ".git/config", "a b/c.larder", "...", "%41", "x/.larder"] {
        assert_eq!(raw(key).unwrap().as_str(), key);
    }
    let long = "x".repeat(256);
    for key in ["/", "/a", "a/", "a//b", ".", "a/../b", "./a", ".larder", ".larder/system/x", &long] {
        assert_eq!(raw(key).unwrap_err().kind(), ErrorKind::Unsupported, "{key}");
    }
}
