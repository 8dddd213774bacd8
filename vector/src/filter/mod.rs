//! Filters: predicates on payloads, matched on their bytes.
//!
//! A payload is what is stored beside a vector: no bytes at all, or one item of CBOR (RFC 8949), which is a map with keys
//! of text. [`check_payload`] says whether it is one.
//!
//! # What a path leads to
//! A path names a key of the payload, a key of the map that is there, and so on. Where an array is in the way or at the
//! end, a filter asks each of its elements, however deep arrays are in arrays, and holds if it holds for any: with
//! `{"tags": ["a", "b"]}` both `Filter::eq("tags", "a")` and `Filter::eq("tags", "b")` are true. Hence a range may hold
//! for one element and an equality beside it for another. Of a key that a map names twice the first counts.
//!
//! Tags are looked through, indefinite lengths understood, and `undefined` is null.
//!
//! # What is missing
//! A path that leads nowhere equals nothing and is in no range; so `Not` of that is true. A null is there, as far as
//! [`Filter::Exists`] is concerned, and so is an empty array.
//!
//! ```
//! use larder_store_core::cbor::{self, Value};
//! use larder_vector::Filter;
//!
//! let payload = cbor::encode_deterministic(&Value::Map(vec![
//!     ("lang".into(), "en".into()),
//!     ("year".into(), Value::Float(2021.0)),
//! ]))?;
//! let filter = Filter::and([Filter::eq("lang", "en"), Filter::range("year", 2019..2022)]).compile()?;
//! assert!(filter.matches(&payload));
//! assert!(!filter.matches(b""));
//! # Ok::<(), larder_store_core::Error>(())
//! ```

mod compile;
mod json;
mod leaf;
mod matching;
mod number;
mod path;
#[cfg(test)]
mod tests;
mod value;
pub(crate) mod wire;

use std::ops::{self, Bound, RangeBounds};

pub use crate::payload::{MAX_ITEMS, check_payload};
pub use compile::Compiled;
pub use path::Path;
pub use value::Value;

/// Deepest nesting of a filter that [`Filter::compile`] takes: a filter with none in it is 1 deep.
pub const MAX_DEPTH: usize = 32;
/// The most filters within a filter, itself included, that [`Filter::compile`] takes.
pub const MAX_NODES: usize = 1024;
/// The most values of one [`Filter::In`] that [`Filter::compile`] takes.
pub const MAX_VALUES: usize = 65_536;
/// The most keys of a [`Path`] that [`Filter::compile`] takes: a payload nests no deeper.
pub const MAX_PATH: usize = larder_store_core::cbor::MAX_DEPTH;

/// A predicate on payloads. See the [module](self) for what it is asked.
///
/// ```
/// use larder_vector::Filter;
/// let filter = Filter::and([Filter::is_in("lang", ["en", "de"]), !Filter::exists("hidden")]);
/// assert_eq!(filter.to_json(), r#"{"and":[{"in":{"lang":["en","de"]}},{"not":{"exists":"hidden"}}]}"#);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// What is at `path` equals `value`.
    Eq {
        /// Where to look.
        path: Path,
        /// What to find there.
        value: Value,
    },
    /// What is at `path` equals one of `values`; if there are none, never.
    In {
        /// Where to look.
        path: Path,
        /// What to find there, in any order.
        values: Vec<Value>,
    },
    /// What is at `path` is between two numbers, or two texts in the order of their bytes. Numbers are in no range of
    /// texts, and the other way round; nothing is in a range that ends before it starts.
    Range {
        /// Where to look.
        path: Path,
        /// Where the range starts.
        from: Bound<Value>,
        /// Where it ends.
        to: Bound<Value>,
    },
    /// Something is at `path`, be it null.
    Exists {
        /// Where to look.
        path: Path,
    },
    /// All of them hold; true if there are none.
    And(Vec<Filter>),
    /// At least one of them holds; false if there are none.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
}

impl Filter {
    /// [`Filter::Eq`].
    ///
    /// ```
    /// # use larder_vector::Filter;
    /// let filter = Filter::eq("author.name", "Ada").compile()?;
    /// assert!(filter.matches(b"\xa1\x66author\xa1\x64name\x63Ada"));
    /// # Ok::<(), larder_store_core::Error>(())
    /// ```
    pub fn eq(path: impl Into<Path>, value: impl Into<Value>) -> Filter {
        Filter::Eq { path: path.into(), value: value.into() }
    }

    /// [`Filter::In`].
    pub fn is_in<V: Into<Value>>(path: impl Into<Path>, values: impl IntoIterator<Item = V>) -> Filter {
        Filter::In { path: path.into(), values: values.into_iter().map(Into::into).collect() }
    }

    /// [`Filter::Range`].
    ///
    /// ```
    /// # use larder_vector::Filter;
    /// let recent = Filter::range("year", 2019..2022);
    /// let cheap = Filter::range("price", ..=9.5);
    /// let early = Filter::range("name", "a".."n");
    /// # for filter in [recent, cheap, early] { filter.compile()?; }
    /// # Ok::<(), larder_store_core::Error>(())
    /// ```
    pub fn range<V: Into<Value> + Clone>(path: impl Into<Path>, range: impl RangeBounds<V>) -> Filter {
        Filter::Range {
            path: path.into(),
            from: range.start_bound().cloned().map(Into::into),
            to: range.end_bound().cloned().map(Into::into),
        }
    }

    /// [`Filter::Exists`].
    pub fn exists(path: impl Into<Path>) -> Filter {
        Filter::Exists { path: path.into() }
    }

    /// [`Filter::And`].
    pub fn and(filters: impl IntoIterator<Item = Filter>) -> Filter {
        Filter::And(filters.into_iter().collect())
    }

    /// [`Filter::Or`].
    pub fn or(filters: impl IntoIterator<Item = Filter>) -> Filter {
        Filter::Or(filters.into_iter().collect())
    }

    /// [`Filter::Not`], which `!` makes too.
    #[allow(clippy::should_implement_trait, reason = "it is implemented, and this needs no import of it")]
    pub fn not(filter: Filter) -> Filter {
        Filter::Not(Box::new(filter))
    }
}

impl ops::Not for Filter {
    type Output = Filter;

    fn not(self) -> Filter {
        Filter::Not(Box::new(self))
    }
}
