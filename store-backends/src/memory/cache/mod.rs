//! `memory:?capacity=SIZE`: a cache in this process, which lets go of what was used least recently.
//!
//! The bound holds at every instant: bytes are taken before they are used, and given back when they are free again,
//! whatever moka delays (`shelf.rs`). They are counted as what an entry costs in memory, with its key, what is kept about
//! it, the allocator's rounding and moka's bookkeeping (`cost.rs`). What finds no room is refused, never dropped in silence.
//!
//! Besides values it keeps [`Objects`](larder_store_core::Objects), under the same bound and in the same order of use.

mod budget;
mod cost;
mod held;
mod list;
mod name;
mod shelf;
mod store;
mod upload;
mod values;

pub use store::MemoryCache;
