//! What the contract says beyond the suite that every store runs: configuration, options, layers, the probe.
//!
//! One program, as each is linked anew.

mod common;
mod config_read;
mod config_registry;
mod config_round_trip;
mod config_stack;
mod config_url;
mod config_values;
mod ext_ranges;
mod ext_update;
mod layers_conformance;
mod layers_each;
mod layers_fault;
mod layers_fault_streams;
mod layers_prefix;
mod layers_retry;
mod probe;
mod typed_values;
