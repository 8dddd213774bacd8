//! Vectors, encoded and searched.
//!
//! A [`Collection`] keeps vectors, with ids and payloads, in any store with conditional writes: a log that makes each write durable,
//! segments of up to 65,536 rows that lie near each other, and a manifest that is replaced by compare-and-swap. How its segments are held
//! follows their use, under budgets of bytes: see [`tier`].
//!
//! The parts that a search spends its time in can be used alone:
//!
//! - [`pq`]: product quantisation, a byte for some dimensions, and its scan, for one query or many at once.
//! - [`rotated`]: four bits a dimension, without training.
//! - [`cells`]: which vectors lie together, and where the nearest ones of a query are.
//! - [`dense`]: vectors as they are, or rounded to half precision, against many queries at once.
//! - [`filter`]: predicates on what is stored beside a vector, matched on its bytes.
//! - [`npy`] and [`fvecs`]: files of vectors, read as a whole, or by [`RowReader`] some rows at a time.
//!
//! Kernels are compiled for several sets of instructions, of which the best that the processor has is taken at run time. Which one it
//! is changes no answer of [`pq`] and [`rotated`].

mod best;
mod bytes;
pub mod cells;
mod codec;
mod collection;
mod column;
mod compare;
pub mod dense;
mod envelope;
mod exact;
pub mod filter;
pub mod fvecs;
mod id;
mod lines;
mod local;
mod manifest;
mod memtable;
mod metric;
mod metrics;
pub mod npy;
mod payload;
pub mod pq;
mod progress;
mod reader;
pub mod rotated;
mod row;
mod rows;
mod segment;
mod simd;
pub mod tier;
mod tiers;
mod tiles;
mod wal;

pub use best::Hit;
pub use collection::{
    Answer, Approximate, Collection, CollectionOptions, Role, SearchOptions, Stats, VectorStore, Work,
};
pub use filter::Filter;
pub use id::Id;
pub use manifest::{Precision, Schema};
pub use metric::Metric;
pub use progress::{Cancelled, Progress};
pub use reader::RowReader;
pub use row::{Found, Row};
pub use rows::Rows;
pub use tiers::{Explanation, Moved};

/// Vectors of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// Values of each, at least one.
    pub dims: usize,
    /// One after the other.
    pub values: Vec<f32>,
}
