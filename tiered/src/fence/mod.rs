//! The fence: a table of slots that decides, when an entry of a front is read, whether it may be served.
//!
//! A key belongs to a slot. A slot has an *epoch*, drawn at random; *owners*, the processes that have a write open in
//! it; and a time until which it is in *doubt*, because a write may still land that nobody waits for any more.
//!
//! | step | call |
//! |---|---|
//! | a read begins, before any front is asked | [`Table::lease`] |
//! | an entry was found in a front | [`Table::serves`], else it is a miss |
//! | the lease was not clean | [`Table::tend`] |
//! | another read of the key is under way | [`Table::joins`] |
//! | the origin answered | [`Table::fill`]: the stamp for the fronts, or none |
//! | a write begins, before the origin is asked | [`Table::open_write`] |
//! | every attempt was answered | [`OpenWrite::answered`]: the stamp to install with, or none |
//! | an attempt was not, or nobody waits | [`OpenWrite::unanswered`], or the drop of the [`OpenWrite`] |
//!
//! Since an entry is judged when it is read, no removal from a front has to succeed, and no late fill does harm.

mod birth;
mod layout;
mod lease;
mod mapped;
mod memory;
mod rule;
mod stamp;
mod table;
mod tend;
mod word;
mod write;

pub use layout::{DEFAULT_SLOTS, Layout, MAX_SLOTS, MIN_SLOTS};
pub use lease::Lease;
pub(crate) use mapped::origin_number;
pub use mapped::{FenceFile, Found, FrontSays, HeaderState, Mapped, Verdict};
pub use memory::{Memory, Writes};
pub use rule::Rule;
pub use stamp::Stamp;
pub use table::{DEFAULT_WINDOW, Setup, Table};
pub use word::OWNERS;
pub use write::OpenWrite;
