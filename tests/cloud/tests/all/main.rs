//! What every backend does alike: values move between all of them.

mod moves;
mod servers;
