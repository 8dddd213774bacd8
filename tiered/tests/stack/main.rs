//! Stacks: what they promise, each promise by a test of its name.

mod fences;
mod flights;
mod fronts;
mod hits;
mod hooked;
mod make;
mod races;
