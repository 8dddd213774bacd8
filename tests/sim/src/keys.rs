//! A few keys that are awkward neighbours.

use larder_store_core::Key;

/// Keys for campaigns that write the same few over and over: folders that are values too, deep paths, segments that
/// must be split, text that names a folder above.
pub fn neighbours() -> Vec<Key> {
    let long = "long/".to_owned() + &"segment".repeat(50) + "/end";
    let texts = [
        "a",
        "a/b",
        "a/b/c",
        "a/b/d",
        "a-b",
        "a//b",
        "d/e/f/g/h",
        "d/e",
        "..",
        "../a",
        "ü/שלום",
        "%2e%2e/x",
        &long,
    ];
    texts.iter().map(|text| Key::new(*text).expect("they are legal")).collect()
}
