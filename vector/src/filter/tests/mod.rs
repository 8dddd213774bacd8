//! What the tests of filters share: random payloads and filters, and what a filter says of a tree.

mod differential;
mod json;
mod limits;
mod payloads;
mod random;
mod tree;
