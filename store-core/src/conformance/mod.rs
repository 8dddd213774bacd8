//! The suite that a store runs against itself.
