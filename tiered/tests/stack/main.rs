//! Stacks: what they promise, each promise by a test of its name.

mod flights;
mod hits;
mod hooked;
mod make;
mod races;
