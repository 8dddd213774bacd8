//! Clocks that are put into an [`Env`](larder_store_core::Env).

mod machine;
mod still;

pub use machine::{Machine, MachineClock, Offsets};
pub use still::{Mover, StillClock};
