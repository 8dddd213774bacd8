//! What a stack has done, in numbers.

mod counts;
mod report;

pub(crate) use counts::{Count, FrontCounts, StackCounts};
pub use report::{Breaker, FenceStats, OriginStats, StackStats, TierStats};
