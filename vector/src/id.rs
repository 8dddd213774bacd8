//! What a vector is called.

use std::fmt;
use std::sync::Arc;

use larder_store_core::{Error, ErrorKind, Op, Result};

/// The name of a vector in its collection: a number, or a text of 1 to 512 bytes. A number and the text of its digits are two
/// names.
///
/// ```
/// use larder_vector::Id;
/// assert_eq!(Id::from(7).to_string(), "7");
/// assert_ne!(Id::from(7), Id::text("7")?);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Id {
    /// A number.
    Num(u64),
    /// A text.
    Text(Arc<str>),
}

impl Id {
    /// The longest text, in bytes.
    pub const MAX_TEXT: usize = 512;

    /// A text as a name.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for an empty one, or one above [`Id::MAX_TEXT`].
    pub fn text(text: impl Into<Arc<str>>) -> Result<Id> {
        let text = text.into();
        match text.len() {
            0 => Err(Error::new(ErrorKind::Invalid, Op::Key, "an id cannot be empty")),
            len if len > Id::MAX_TEXT => {
                let why = format!("an id of {len} bytes: there may be {} at the most", Id::MAX_TEXT);
                Err(Error::new(ErrorKind::Invalid, Op::Key, why))
            }
            _ => Ok(Id::Text(text)),
        }
    }

    /// Where it stands in the lookup table of a segment. Part of the format: see `docs/format.md`.
    pub(crate) fn hash(&self) -> u64 {
        match self {
            Id::Num(n) => spread(*n),
            Id::Text(text) => spread(larder_store_core::record::crc64(text.as_bytes())),
        }
    }

    /// Bytes that it takes in memory and on the wire, about.
    pub(crate) fn size(&self) -> usize {
        match self {
            Id::Num(_) => 9,
            Id::Text(text) => 3 + text.len(),
        }
    }
}

/// SplitMix64's last step: every bit of what comes in reaches every bit of what goes out.
fn spread(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl From<u64> for Id {
    fn from(n: u64) -> Id {
        Id::Num(n)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Id::Num(n) => n.fmt(f),
            Id::Text(text) => f.write_str(text),
        }
    }
}
