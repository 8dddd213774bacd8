//! Tiers for Larder.
//!
//! - [`fence`]: the table by which no front ever serves what its origin no longer holds.

pub mod fence;
#[allow(unsafe_code)]
mod sys;
