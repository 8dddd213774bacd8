//! What a store that serves as a front of a stack can offer beside the contract. None of it is I/O.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use crate::key::Key;

/// Something that a cache in memory keeps as it is.
pub type Object = Arc<dyn Any + Send + Sync>;

/// A store in this process's memory that keeps objects beside values, under the same bound: a hit then costs neither a
/// copy nor decoding.
///
/// Objects and values are apart: neither is found as the other. A layer over such a store does not offer it, so that
/// nothing passes the layer by.
pub trait Objects: Debug + Send + Sync {
    /// The object under `key`, which counts as a use of it.
    fn get(&self, key: &Key) -> Option<Object>;

    /// Keeps an object in the place of what is there. `bytes` is what it holds in memory, shared parts included.
    /// Gives `false`, and keeps nothing under the key, if there is no room for it.
    fn insert(&self, key: &Key, object: Object, bytes: u64) -> bool;

    /// Forgets the object under `key`.
    fn remove(&self, key: &Key);
}

/// What a store holds now, and what it had to let go of. `None` where it does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Usage {
    /// Values.
    pub entries: Option<u64>,
    /// Bytes that they use, by the measure that the bound is in.
    pub bytes: Option<u64>,
    /// The bound, in bytes.
    pub capacity: Option<u64>,
    /// Values that were evicted since the store was opened by this process.
    pub evictions: Option<u64>,
}

impl Usage {
    /// Nothing is counted.
    pub const UNKNOWN: Usage = Usage { entries: None, bytes: None, capacity: None, evictions: None };
}
