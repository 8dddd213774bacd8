//! The campaigns, in a short form. `cargo run --release -p larder-sim -- help` names the long ones.
#![allow(missing_docs)]

#[cfg(all(feature = "memory", feature = "file", feature = "lmdb"))]
mod bounds;
#[cfg(feature = "lmdb")]
mod bulk;
mod damage;
#[cfg(feature = "memory")]
mod dump_damage;
mod faults;
mod fence;
mod freeze;
mod fronts;
mod full_disk;
mod hostile;
mod kill;
mod limits;
#[cfg(all(feature = "file", feature = "lmdb"))]
mod move_kill;
#[cfg(all(feature = "memory", feature = "file", feature = "lmdb"))]
mod open;
mod permissions;
mod secrets;
#[cfg(all(feature = "file", feature = "lmdb"))]
mod vector_kill;
#[cfg(all(feature = "gs", feature = "dynamodb", feature = "redis"))]
mod wire;

use larder_sim::process::Program;

/// The program whose roles the children play.
fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_larder-sim"))
}
