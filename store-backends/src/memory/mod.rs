//! The `memory:` store.
