//! Moves stores: out into dumps, in from dumps, from one into another, and proves that nothing was lost.
//!
//! - [`export`] writes a store into a **dump**: a CBOR sequence (RFC 8742) in zstd frames that any language reads. The
//!   format is in `docs/format.md`.
//! - [`import`] reads a dump into a store, each entry checked before it is written.
//! - [`copy`] moves a store into another without a dump between.
//! - [`verify`] and [`diff`] compare stores and dumps, every byte of them; [`check`] reads a dump alone.
//! - [`plan`] says before anything is done what there is, what the target cannot carry, and what it will cost.
//!
//! All of them work in bounded memory, many calls at once on both sides, go on where a kill or a cancelled call stopped
//! them, and tell how far they are ([`OnProgress`]). Nothing is left out silently: what a target cannot carry is refused
//! before anything is written, or counted by class where the caller allows it ([`Unfit`]).
//!
//! What is carried: the key, the value, content type and the other native fields, attributes, expiry. When a value was
//! written is told in dumps, but no store can be given it; versions and write ids are the target's own. Keys of the system space stay.

#![forbid(unsafe_code)]

mod compare;
mod copy;
mod dump;
mod export;
mod feed;
mod fetch;
mod fit;
mod flights;
mod import;
mod listing;
mod options;
mod overlap;
mod pace;
mod plan;
mod preflight;
mod put;
mod report;
mod select;
mod state;

pub use compare::{CompareOptions, Comparison, Depth, Difference, Side, What, check, diff, verify};
pub use copy::copy;
pub use dump::{
    CHUNK, Consistency, DumpPlace, Encoding, Facts, Header, MAX_SEGMENT, Totals, Trailer, VERSION,
};
pub use export::export;
pub use fit::Misfit;
pub use import::import;
pub use options::{ExportOptions, JobOptions, OnConflict, Resume, Unfit, WriteOptions};
pub use pace::Rate;
pub use plan::{Plan, Requests, plan};
pub use preflight::Preflight;
pub use report::{OnProgress, Phase, Progress, Report};
pub use select::Select;
