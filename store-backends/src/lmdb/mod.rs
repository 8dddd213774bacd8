//! The `lmdb:` store.
