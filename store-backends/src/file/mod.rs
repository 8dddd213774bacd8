//! The `file:` store.
