//! Stacks: what they promise, each promise by a test of its name.
#![allow(clippy::disallowed_methods, reason = "callers are tasks of their own, with no stack around them")]

mod fences;
mod flights;
mod fronts;
mod hits;
mod hooked;
mod make;
mod metrics;
mod processes;
mod races;
mod recovery;
