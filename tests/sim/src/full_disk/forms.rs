//! The forms of stores that are tried on a full disk.

use crate::stores::Kind;

/// Their parameters, as in a URL.
pub fn variants(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Memory => &[],
        Kind::File => &["", "sync=none", "map=off"],
        Kind::Lmdb => &["", "sync=none", "map_size=1MiB", "map_size=1MiB&max_size=5MiB"],
    }
}
