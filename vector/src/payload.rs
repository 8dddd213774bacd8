//! What is stored beside a vector, checked on its way in.

use std::borrow::Cow;
use std::collections::HashSet;

use larder_store_core::{Error, ErrorKind, Op, Result};

use crate::filter::wire::{Item, Left, Malformed, Reader, Str};

/// The most elements of an array, and pairs of a map, in a payload.
pub const MAX_ITEMS: usize = 16_384;

/// Says whether `bytes` are a payload: none at all, or exactly one item of CBOR that is a map with keys of text.
///
/// Maps within may have keys of any kind, which no path names then; what they name twice is not looked for.
///
/// # Errors
/// [`ErrorKind::Invalid`], which says what is wrong at which byte, for bytes that are malformed or go on behind the
/// item, another item than a map, a key of it that is no text or is there twice, text that is not UTF-8, nesting deeper
/// than [`MAX_DEPTH`](larder_store_core::cbor::MAX_DEPTH) (tags count), and more than [`MAX_ITEMS`] in an array or a map.
///
/// ```
/// use larder_vector::filter::check_payload;
/// check_payload(b"")?;
/// check_payload(b"\xa1\x64lang\x62en")?;
/// let error = check_payload(b"\xa1\x64lang\x62e").unwrap_err();
/// assert_eq!(error.why(), "a payload has the end within an item at byte 7");
/// # Ok::<(), larder_store_core::Error>(())
/// ```
pub fn check_payload(bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    whole(bytes).map_err(|Malformed { left, why }| {
        let at = bytes.len() - left;
        Error::new(ErrorKind::Invalid, Op::Parse, format!("a payload has {why} at byte {at}"))
    })
}

type Checked<T> = std::result::Result<T, Malformed>;

fn wrong<T>(at: Reader<'_>, why: &'static str) -> Checked<T> {
    Err(Malformed { left: at.left(), why })
}

fn whole(bytes: &[u8]) -> Checked<()> {
    let mut reader = Reader::new(bytes);
    let start = reader;
    let mut depth = 0;
    let Item::Map(mut left) = untagged(&mut reader, &mut depth)? else {
        return wrong(start, "another item than a map");
    };
    let depth = reader.deeper(depth)?;
    let mut limit = Limit::of(start, left)?;
    let mut keys = HashSet::new();
    while reader.more(&mut left)? {
        limit.count()?;
        let at = reader;
        let Item::Text(key) = untagged(&mut reader, &mut { depth })? else {
            return wrong(at, "a key that is no text");
        };
        check_text(at, key)?;
        let key = match key {
            Str::Whole(key) => Cow::Borrowed(key),
            Str::Chunks(_) => Cow::Owned(key.chunks().flatten().copied().collect()),
        };
        if !keys.insert(key) {
            return wrong(at, "a key for the second time");
        }
        check_item(&mut reader, depth)?;
    }
    if reader.left() > 0 { wrong(reader, "bytes behind its item") } else { Ok(()) }
}

/// The next item, with `depth` below its tags.
fn untagged<'a>(reader: &mut Reader<'a>, depth: &mut usize) -> Checked<Item<'a>> {
    loop {
        match reader.item_or_tag()? {
            Item::Tag => *depth = reader.deeper(*depth)?,
            item => return Ok(item),
        }
    }
}

fn check_item(reader: &mut Reader<'_>, mut depth: usize) -> Checked<()> {
    let at = *reader;
    let (mut left, each) = match untagged(reader, &mut depth)? {
        Item::Text(text) => return check_text(at, text),
        Item::Array(left) => (left, 1),
        Item::Map(left) => (left, 2),
        _ => return Ok(()),
    };
    let depth = at.deeper(depth)?;
    let mut limit = Limit::of(at, left)?;
    while reader.more(&mut left)? {
        limit.count()?;
        for _ in 0..each {
            check_item(reader, depth)?;
        }
    }
    Ok(())
}

fn check_text(at: Reader<'_>, text: Str<'_>) -> Checked<()> {
    // CBOR has every chunk be valid by itself.
    if text.chunks().all(|chunk| str::from_utf8(chunk).is_ok()) {
        Ok(())
    } else {
        wrong(at, "a text that is not UTF-8")
    }
}

/// Counts what is in the array or map that starts at `at`.
struct Limit<'a> {
    at: Reader<'a>,
    left: usize,
}

impl<'a> Limit<'a> {
    /// A count that is known beforehand is refused beforehand.
    fn of(at: Reader<'a>, count: Left) -> Checked<Limit<'a>> {
        let limit = Limit { at, left: MAX_ITEMS };
        match count.0 {
            Some(count) if count > MAX_ITEMS as u64 => limit.exceeded(),
            _ => Ok(limit),
        }
    }

    fn count(&mut self) -> Checked<()> {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.exceeded(),
        }
    }

    fn exceeded<T>(&self) -> Checked<T> {
        wrong(self.at, "more than 16384 elements or pairs in the array or map")
    }
}
