//! LMDB's pages, read by our own code.
//!
//! LMDB trusts its file: of a thousand bits flipped in page headers nine killed the process, and most of the others
//! gave wrong answers. So what is read is read here, from a mapping of our own, with every offset checked: a damaged
//! page is an error, never a crash, a hang or a wrong "absent". LMDB itself still does what writes, and keeps the
//! snapshots (its reader table says which pages must stay).
//!
//! What a page says is checked when it is first seen: its number and kind, that its nodes fill it exactly, that its
//! keys ascend and lie between those that the page above gives. That the offsets are in bounds is checked always.
//! The layout is that of LMDB 0.9 (`mdb.c`, data version 1) on little-endian 64-bit machines.

mod cursor;
mod meta;
mod page;
mod seen;
mod verify;
mod view;

pub(super) use cursor::TreeCursor;
pub(super) use meta::{META_BYTES, META_TXN, Meta, Root};
use page::{BRANCH, LEAF};
pub(super) use page::{Node, To};
pub(super) use seen::Seen;
pub(super) use verify::{free_pages, verify, verify_free};
pub(super) use view::View;

/// What is wrong with the file, for an error that names the key and the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damage {
    /// What is wrong.
    pub(super) what: &'static str,
    /// The page where it was seen.
    pub(super) page: u64,
}

impl Damage {
    pub(super) fn new(what: &'static str, page: u64) -> Damage {
        Damage { what, page }
    }
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "page {} of data.mdb is damaged: {}", self.page, self.what)
    }
}

/// The result of reading pages.
pub(super) type Read<T> = Result<T, Damage>;
