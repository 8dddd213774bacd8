//! The log of what was written since the last seal: one object a commit, in slots that are numbered without gaps.
//!
//! A slot is taken by a put that demands that it be free. Whoever becomes the writer takes the next slot for saying so; from then
//! on every put of the writer before it meets a slot that is taken, and with it the news. Nothing of the old writer is lost: what
//! it wrote before lies in the slots before.

mod entry;
mod log;

pub(crate) use entry::{Body, Change, Entry};
pub(crate) use log::{Appended, Log, name, read_from};
