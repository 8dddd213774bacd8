//! Parts of a value.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Op, Result};

/// A part of a value, in bytes, as in HTTP's `Range` header.
///
/// A part that reaches past the end is cut there. One that covers no byte of the value (it starts at or past the end,
/// or the value is empty) is an error that names the size: [`Error::unsatisfied_range`].
///
/// ```
/// use larder_store_core::ByteRange;
/// assert_eq!(ByteRange::from(2..10).resolve(5)?, 2..5);
/// assert_eq!(ByteRange::from(2..).resolve(5)?, 2..5);
/// assert_eq!(ByteRange::suffix(2).resolve(5)?, 3..5);
/// assert_eq!(ByteRange::from(5..6).resolve(5).unwrap_err().unsatisfied_range(), Some(5));
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteRange {
    /// From `start` up to, but without, `end`.
    Bounded {
        /// The first byte.
        start: u64,
        /// The byte behind the last.
        end: u64,
    },
    /// From here to the end.
    From(u64),
    /// The last so many bytes.
    Suffix(u64),
}

impl ByteRange {
    /// The last `bytes` bytes.
    pub fn suffix(bytes: u64) -> ByteRange {
        ByteRange::Suffix(bytes)
    }

    /// Refuses a range that is empty whatever the value, before any I/O.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`].
    pub fn check(self) -> Result<()> {
        let empty = match self {
            ByteRange::Bounded { start, end } => start >= end,
            ByteRange::From(_) => false,
            ByteRange::Suffix(bytes) => bytes == 0,
        };
        if empty {
            return Err(Error::new(ErrorKind::Invalid, Op::Get, "a range must cover at least one byte"));
        }
        Ok(())
    }

    /// The bytes that this covers of a value of `size` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if it covers none.
    pub fn resolve(self, size: u64) -> Result<Range<u64>> {
        self.check()?;
        let (start, end) = match self {
            ByteRange::Bounded { start, end } => (start, end.min(size)),
            ByteRange::From(start) => (start, size),
            ByteRange::Suffix(bytes) => (size.saturating_sub(bytes), size),
        };
        if start >= size {
            return Err(Error::range_not_satisfiable(Op::Get, size));
        }
        Ok(start..end)
    }
}

impl From<Range<u64>> for ByteRange {
    fn from(range: Range<u64>) -> ByteRange {
        ByteRange::Bounded { start: range.start, end: range.end }
    }
}

impl From<std::ops::RangeFrom<u64>> for ByteRange {
    fn from(range: std::ops::RangeFrom<u64>) -> ByteRange {
        ByteRange::From(range.start)
    }
}
