//! The campaigns, in a short form. `cargo run --release -p larder-sim -- help` names the long ones.
#![allow(missing_docs)]

mod hostile;
