//! Clocks that are put into an [`Env`](larder_store_core::Env).

mod still;

pub use still::{Mover, StillClock};
