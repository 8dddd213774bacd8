//! What several tests need.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

pub mod capture;
pub mod rng;
