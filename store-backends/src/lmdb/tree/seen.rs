//! Which pages were checked since the store was opened.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pages of one chunk of the map: 1 GiB of pages of 4 KiB.
const CHUNK: usize = 1 << 18;
/// Chunks, so that the map covers 1 TiB of them; pages behind are checked each time.
const CHUNKS: usize = 1 << 10;

/// A bit for each page. It saves time and proves nothing: bounds are checked always.
pub(crate) struct Seen {
    chunks: Box<[OnceLock<Box<[AtomicU64]>>]>,
}

impl Seen {
    pub(crate) fn new() -> Seen {
        Seen { chunks: (0..CHUNKS).map(|_| OnceLock::new()).collect() }
    }

    fn word(&self, page: u64) -> Option<(usize, usize, u64)> {
        let page = usize::try_from(page).ok()?;
        let chunk = page / CHUNK;
        (chunk < CHUNKS).then_some((chunk, page % CHUNK / 64, 1 << (page % 64)))
    }

    /// Whether the page was checked.
    #[inline]
    pub(crate) fn has(&self, page: u64) -> bool {
        let Some((chunk, word, bit)) = self.word(page) else { return false };
        match self.chunks[chunk].get() {
            Some(words) => words[word].load(Ordering::Relaxed) & bit != 0,
            None => false,
        }
    }

    /// Remembers that it was.
    pub(crate) fn add(&self, page: u64) {
        let Some((chunk, word, bit)) = self.word(page) else { return };
        let words = self.chunks[chunk].get_or_init(|| (0..CHUNK / 64).map(|_| AtomicU64::new(0)).collect());
        words[word].fetch_or(bit, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seen")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_its_bit() {
        let seen = Seen::new();
        for page in [0, 63, 64, CHUNK as u64 - 1, CHUNK as u64, 5 * CHUNK as u64 + 77] {
            assert!(!seen.has(page));
            seen.add(page);
            assert!(seen.has(page) && !seen.has(page + 1));
        }
        seen.add(u64::MAX);
        assert!(!seen.has(u64::MAX));
    }
}
