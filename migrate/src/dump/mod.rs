//! The dump: `docs/format.md`, "Dump".
//!
//! [`segment`] has what is made and checked in one piece, [`chain`] what ties the pieces together, [`writer`] and
//! [`reader`] the order of work, [`volume`], [`parts`] and [`input`] where the bytes go and come from.

mod chain;
mod damage;
mod encoding;
mod fields;
mod frame;
#[cfg(test)]
mod golden;
mod head;
mod input;
mod item;
mod jsonl;
mod parts;
mod reader;
mod segment;
mod volume;
mod wire;
mod writer;

pub use encoding::Encoding;
pub use head::{Consistency, Header, Totals, Trailer, VERSION};
pub use item::{CHUNK, Facts, MAX_SEGMENT};
pub use parts::DumpPlace;

pub(crate) use chain::Chain;
pub(crate) use encoding::Found;
pub(crate) use item::Entry;
pub(crate) use parts::{Kind as PlaceKind, Parts, There};
pub(crate) use reader::{At, DumpReader};
pub(crate) use segment::{Piece, Segment};
pub(crate) use writer::{DumpWriter, Position, chunk};
