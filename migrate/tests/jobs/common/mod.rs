//! Stores and entries for the tests of migration.

#![allow(dead_code, reason = "each test uses some of it")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use larder_store_core::{Attributes, Key, PutOptions, Store};

/// Opens a store by its URL.
pub(crate) async fn open(url: &str) -> Arc<dyn Store> {
    let registry = larder_store_backends::registry();
    registry.open_url(url, &Default::default()).await.unwrap_or_else(|e| panic!("{url}: {e}"))
}

/// An empty store of a kind, in a folder.
pub(crate) async fn empty(kind: &str, folder: &Path, name: &str) -> Arc<dyn Store> {
    let place = folder.join(name);
    match kind {
        "memory" => open("memory:").await,
        "file" => open(&format!("file:{}?sync=none", place.display())).await,
        "lmdb" => open(&format!("lmdb:{}?sync=none", place.display())).await,
        _ => panic!("no kind {kind}"),
    }
}

/// Bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A day from now, to the nanosecond: what an expiry must keep.
pub(crate) fn tomorrow() -> SystemTime {
    #[allow(clippy::disallowed_methods, reason = "stores that are tested judge by this clock")]
    let now = SystemTime::now();
    now + Duration::new(86_400, 123_456_789)
}

/// Keys that something is odd about.
pub(crate) const ODD_KEYS: &[&str] = &[
    "a",
    "a-b",
    "a/b",
    "ab",
    "/",
    "//",
    "..",
    "../..",
    "./x",
    "a//b",
    "a/",
    " ",
    " lead",
    "trail ",
    "con",
    "CON.txt",
    "%2F",
    "a%b",
    "a\\b",
    "a:b",
    "a*b?",
    "\"quoted\"",
    "<tag>",
    "|pipe|",
    ".larder",
    "x.larder",
    "x.larder/y",
    "ä/ö",
    "שלום",
    "🦀/🦀",
    "\u{202e}rtl",
    "~",
    "..~",
    "UPPER",
    "upper",
    "Upper",
];

/// Fills a store with entries of every kind, none above `largest` bytes, and `many` small ones. Gives their number.
pub(crate) async fn fill(store: &dyn Store, largest: usize, many: u32) -> u64 {
    let mut entries = 0;
    let mut put = async |key: &str, value: Vec<u8>, options: PutOptions| {
        let key = Key::new(key).unwrap();
        store.put_opts(&key, value.into(), &options).await.unwrap();
        entries += 1;
    };
    for (i, key) in ODD_KEYS.iter().enumerate() {
        put(key, format!("value {i}").into_bytes(), PutOptions::new()).await;
    }
    put(&"k".repeat(480), b"long key".to_vec(), PutOptions::new()).await;
    for (i, length) in
        [0, 1, 100, 4096, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 5 << 20, 64 << 20].into_iter().enumerate()
    {
        if length <= largest {
            put(&format!("size/{i}"), noise(i as u64, length), PutOptions::new()).await;
        }
    }
    let full = Attributes::new()
        .content_type("text/plain; charset=utf-8")
        .cache_control("max-age=60")
        .set_native(larder_store_core::Native::ContentEncoding, "identity")
        .set_native(larder_store_core::Native::ContentDisposition, "attachment; filename=\"a.txt\"")
        .set_native(larder_store_core::Native::ContentLanguage, "de")
        .set("owner", "anna")
        .set("Mixed-Case", "Ünï")
        .set("z", "1")
        .set("aa", "");
    put("facts/attributes", b"x".to_vec(), PutOptions::new().with_attributes(full.clone())).await;
    put("facts/expires", b"y".to_vec(), PutOptions::new().with_expires(tomorrow())).await;
    let both = PutOptions::new().with_attributes(full).with_expires(tomorrow());
    put("facts/both", noise(77, 2 << 20), both).await;
    for i in 0..many {
        put(&format!("many/{i:06}"), format!("{{\"n\":{i}}}").into_bytes(), PutOptions::new()).await;
    }
    entries
}
