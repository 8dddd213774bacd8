//! Vectors, encoded and searched.
//!
//! What there is so far are the parts that a search spends its time in:
//!
//! - [`pq`]: product quantisation, a byte for some dimensions, and its scan, for one query or many at once.
//! - [`cells`]: which vectors lie together, and where the nearest ones of a query are.
//! - [`dense`]: vectors as they are, or rounded to half precision, against many queries at once.
//! - [`filter`]: predicates on what is stored beside a vector, matched on its bytes.
//! - [`tier`]: which segment is in which tier, decided by use under hard budgets.
//! - [`rotated`]: four bits a dimension, without training.
//! - [`npy`] and [`fvecs`]: files of vectors, read.
//!
//! Collections over a store are not there yet.
//!
//! Kernels are compiled for several sets of instructions, of which the best that the processor has is taken at run time. Which one it
//! is changes no answer of [`pq`] and [`rotated`].

mod best;
pub mod cells;
pub mod dense;
pub mod filter;
pub mod fvecs;
mod lines;
mod metric;
pub mod npy;
mod payload;
pub mod pq;
mod progress;
pub mod rotated;
mod rows;
mod simd;
mod tiles;
pub mod tier;

pub use best::Hit;
pub use filter::Filter;
pub use metric::Metric;
pub use progress::{Cancelled, Progress};
pub use rows::Rows;

/// Vectors of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// Values of each, at least one.
    pub dims: usize,
    /// One after the other.
    pub values: Vec<f32>,
}
