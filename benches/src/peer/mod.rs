//! The peers, each used as its own manual says is fastest.

pub(crate) mod lmdb;
