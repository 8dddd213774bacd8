//! Which rows a scan visits.

use std::ops::Range;

/// Rows of a block: a bit of a mask for each.
pub(crate) const BLOCK: usize = 64;

/// Rows that may be found. Blocks of 64 rows without one cost nothing, or next to nothing.
///
/// ```
/// use larder_vector::Rows;
///
/// // Of 100 rows all but the first, and only the second block.
/// let masks = [!1, u64::MAX];
/// let rows = Rows::all().masked(&masks);
/// assert!(!rows.has(0) && rows.has(1) && rows.has(99));
/// let blocks = [1..2];
/// assert!(!rows.within(&blocks).has(63) && rows.within(&blocks).has(64));
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Rows<'a> {
    masks: Option<&'a [u64]>,
    blocks: Option<&'a [Range<u32>]>,
}

impl<'a> Rows<'a> {
    /// All that there are.
    pub fn all() -> Rows<'a> {
        Rows::default()
    }

    /// Of these, those whose bit is set: bit `i` of mask `b` is row `64 * b + i`. There is a mask for each block; bits behind the last
    /// row do not matter.
    #[must_use]
    pub fn masked(self, masks: &'a [u64]) -> Rows<'a> {
        Rows { masks: Some(masks), ..self }
    }

    /// Of these, those in blocks of some ranges, each behind the one before. A range of blocks is `64 * start` to `64 * end` in rows.
    #[must_use]
    pub fn within(self, blocks: &'a [Range<u32>]) -> Rows<'a> {
        Rows { blocks: Some(blocks), ..self }
    }

    /// Whether a row is one of them.
    ///
    /// # Panics
    /// If there is no mask of its block.
    pub fn has(&self, row: u32) -> bool {
        let block = row / BLOCK as u32;
        self.masks.is_none_or(|masks| masks[block as usize] >> (row % BLOCK as u32) & 1 == 1)
            && self.blocks.is_none_or(|blocks| blocks.iter().any(|range| range.contains(&block)))
    }

    /// Calls `visit` with each block that has a row, in their order, and the mask of these rows.
    ///
    /// # Panics
    /// If there are not as many masks as blocks, or ranges overlap, or are not in order, or end behind the last block.
    #[inline]
    pub(crate) fn each(&self, rows: usize, mut visit: impl FnMut(usize, u64)) {
        let count = rows.div_ceil(BLOCK);
        if let Some(masks) = self.masks {
            assert_eq!(masks.len(), count, "a mask for each block");
        }
        let all = 0..count as u32;
        let ranges = self.blocks.unwrap_or(std::slice::from_ref(&all));
        let mut behind = 0;
        for range in ranges {
            assert!(
                behind <= range.start && range.start <= range.end && range.end as usize <= count,
                "ranges of {count} blocks, in order"
            );
            behind = range.end;
            for block in range.start as usize..range.end as usize {
                let in_block = (rows - block * BLOCK).min(BLOCK);
                let mask = self.masks.map_or(u64::MAX, |masks| masks[block]) & u64::MAX >> (BLOCK - in_block);
                if mask != 0 {
                    visit(block, mask);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_visited_with_what_is_allowed() {
        let visited = |rows: Rows<'_>, count| {
            let mut seen = Vec::new();
            rows.each(count, |block, mask| seen.push((block, mask)));
            seen
        };
        assert_eq!(visited(Rows::all(), 0), []);
        assert_eq!(visited(Rows::all(), 1), [(0, 1)]);
        assert_eq!(visited(Rows::all(), 64), [(0, u64::MAX)]);
        assert_eq!(visited(Rows::all(), 65), [(0, u64::MAX), (1, 1)]);
        let masks = [6, 0, u64::MAX];
        assert_eq!(visited(Rows::all().masked(&masks), 130), [(0, 6), (2, 3)]);
        assert_eq!(visited(Rows::all().masked(&masks).within(&[1..1, 1..3]), 130), [(2, 3)]);
        assert_eq!(visited(Rows::all().within(&[]), 130), []);
    }

    #[test]
    #[should_panic(expected = "in order")]
    fn ranges_out_of_order_are_refused() {
        Rows::all().within(&[1..2, 0..1]).each(200, |_, _| ());
    }

    #[test]
    #[should_panic(expected = "a mask for each block")]
    fn masks_of_others_are_refused() {
        Rows::all().masked(&[1]).each(65, |_, _| ());
    }
}
