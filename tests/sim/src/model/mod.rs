//! What a key may hold, given who wrote it when.
//!
//! Each key is a register. Every operation on it has a beginning, an end and an answer, or none where its process was
//! killed. A history is right if each operation can be given an instant between its beginning and its end so that the
//! answers are those of a register that carries them out one after the other: then nothing acknowledged is lost,
//! nothing deleted comes back, and no precondition was decided wrongly. An operation without an answer may have
//! happened at such an instant, or never.
//!
//! [`check`] decides that exactly, for each key and for the transactions across keys that got no answer.

mod fates;
mod history;
mod register;
#[cfg(test)]
mod tests;

pub use fates::{Checked, check};
pub use history::{Action, Event, Outcome, Pre, State, Violation};
