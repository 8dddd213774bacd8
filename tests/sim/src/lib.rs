//! Campaigns against Larder's stores: each a command of the binary `larder-sim` and, in a short form, a test
//! (`cold-start` has none: it wants a program that is optimised, and what it needs else the program's own tests show).
//!
//! A campaign opens its stores through a [`Registry`](larder_store_core::Registry), so it is written once for all of
//! them. It prints its seed, and `--seed` repeats its choices (the instants of kills are the machine's own).
#![allow(clippy::disallowed_methods, reason = "real clocks, real processes, real kills are what this is for")]

pub mod args;
pub mod bounds;
pub mod bulk;
pub mod clock;
pub mod clocks;
#[cfg(feature = "s3")]
pub mod cold_start;
pub mod damage;
pub mod dump_damage;
pub mod exercise;
pub mod faults;
pub mod fence;
pub mod freeze;
pub mod fronts;
pub mod full_disk;
pub mod generated;
pub mod hostile;
pub mod jobs;
pub mod keys;
pub mod kill;
pub mod limits;
pub mod model;
pub mod move_kill;
pub mod open;
pub mod permissions;
pub mod place;
pub mod places;
pub mod posing;
pub mod process;
pub mod report;
pub mod resident;
pub mod rng;
pub mod secrets;
pub mod stores;
pub mod tiers;
pub mod value;
pub mod vector_kill;
#[cfg(feature = "s3")]
pub mod wire;

/// What goes wrong in a campaign itself, not in a store.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The result of a campaign's own doings.
pub type Outcome<T = ()> = Result<T, Failure>;
