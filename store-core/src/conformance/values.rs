//! Values that tell whose they are.

use bytes::Bytes;

use super::rng::Rng;
use crate::key::Key;
use crate::outcome::ByteStream;

/// `len` bytes that no other `tag` gives. Every page of them starts with its number, so that pages that change places
/// are seen, and holds random bytes, so that bytes that shift are seen.
pub(crate) fn patterned(tag: u64, len: usize) -> Bytes {
    const PAGE: usize = 4096;
    let mut rng = Rng::new(tag);
    let page: Vec<u8> =
        (0..PAGE.min(len.next_multiple_of(8)) / 8).flat_map(|_| rng.next().to_le_bytes()).collect();
    let mut bytes = Vec::with_capacity(len + PAGE);
    while bytes.len() < len {
        let number = tag.rotate_left(32) ^ bytes.len() as u64;
        bytes.extend_from_slice(&page);
        let at = bytes.len() - page.len();
        bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// A key of the suite's own, always legal.
pub(crate) fn key(text: impl AsRef<str>) -> Key {
    Key::new(text.as_ref()).expect("the suite's own keys are legal")
}

/// A stream of `value` in pieces of `piece` bytes, each after a turn of the executor if `slow`.
pub(crate) fn stream_of(value: Bytes, piece: usize, slow: bool) -> ByteStream {
    Box::pin(futures_util::stream::unfold(value, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        if slow {
            tokio::task::yield_now().await;
        }
        let piece = rest.split_to(rest.len().min(piece.max(1)));
        Some((Ok(piece), rest))
    }))
}

/// Sizes just below, at and above each boundary up to `largest`, with 0 and 1, in order.
pub(crate) fn sizes(boundaries: &[u64], largest: u64) -> Vec<usize> {
    let mut sizes: std::collections::BTreeSet<u64> = [0, 1, 2].into();
    for &b in boundaries {
        sizes.extend([b.saturating_sub(1), b, b + 1].into_iter().filter(|&s| s <= largest));
    }
    sizes.into_iter().map(|s| s as usize).collect()
}
