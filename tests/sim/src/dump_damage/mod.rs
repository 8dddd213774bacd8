//! Dumps are cut at every byte, and edited in every way; nothing that was changed is imported, and nothing panics or hangs.
//!
//! Each case damages a dump (in zstd frames, plain, as lines of JSON; small values and such in chunks; one part or several), then
//! imports it into an empty store without looking through it first, so that what guards the store is the check of each entry.
//! Whatever reached the store must be an entry of the original, to the last byte, attribute and nanosecond; and unless all of
//! them reached it, the import must have said that something is wrong, and of which kind. The same is asked of
//! [`check`](larder_migrate::check), and at times of an import that looks through the dump first, which must leave the store empty.

mod command;
mod harm;
mod image;
mod judge;
mod run;
mod tally;

pub use command::command;
pub use harm::Harm;
pub use run::{cuts, edits};
pub use tally::Tally;
