//! What several tests need.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

pub mod capture;
#[cfg(feature = "conformance")]
pub mod faulty;
pub mod jump;
#[cfg(feature = "conformance")]
pub mod retried;
pub mod rng;
