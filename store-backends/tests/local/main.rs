//! `file:`, `lmdb:` and `memory:`, which need no server.

#[cfg(feature = "file")]
mod file {
    mod conformance;
    mod folder;
    mod list;
    mod values;
}
#[cfg(feature = "lmdb")]
mod lmdb {
    mod cache;
    mod cache_hard;
    mod conformance;
    mod deaths;
}
#[cfg(feature = "memory")]
mod memory {
    mod conformance;
    mod layers;
}
#[cfg(feature = "lmdb")]
#[path = "../trace/mod.rs"]
mod trace;
