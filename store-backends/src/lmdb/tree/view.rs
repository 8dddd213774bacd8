//! The pages of one snapshot.

use super::cursor::Bounds;
use super::page::{HEADER, OVERFLOW, Page, To, u16_at, u32_at, u64_at};
use super::{BRANCH, Damage, LEAF, Read, Root, Seen, TreeCursor};

/// The deepest tree that LMDB makes.
pub(crate) const MAX_DEPTH: usize = 32;

/// The pages of one snapshot, as far as the file has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    bytes: &'a [u8],
    shift: u32,
    seen: &'a Seen,
}

impl<'a> View<'a> {
    /// `bytes` are the file's, up to the snapshot's last page or the file's end.
    pub(crate) fn new(bytes: &'a [u8], page_size: usize, seen: &'a Seen) -> View<'a> {
        View { bytes, shift: page_size.ilog2(), seen }
    }

    fn page_size(&self) -> usize {
        1 << self.shift
    }

    /// How many pages the file has of it, the two meta pages included.
    pub(crate) fn pages(&self) -> u64 {
        (self.bytes.len() >> self.shift) as u64
    }

    fn at(&self, page: u64) -> Read<usize> {
        let out = || Damage::new("it lies behind the end of the file", page);
        if page < 2 || page >= self.pages() {
            return Err(out());
        }
        Ok((page as usize) << self.shift)
    }

    /// The page with this number, which must be of this kind.
    #[inline]
    pub(crate) fn page(&self, number: u64, kind: u16) -> Read<Page<'a>> {
        let at = self.at(number)?;
        let bytes = self
            .bytes
            .get(at..at + self.page_size())
            .ok_or_else(|| Damage::new("it lies behind the end of the file", number))?;
        Page::new(bytes, number, kind)
    }

    /// The page at a level, checked if it was not seen before. `bounds`: the first key that may be in it, and the first
    /// that may not.
    pub(crate) fn visit(
        &self,
        number: u64,
        is_leaf: bool,
        bounds: impl FnOnce() -> Read<Bounds<'a>>,
    ) -> Read<Page<'a>> {
        let page = self.page(number, if is_leaf { LEAF } else { BRANCH })?;
        if !self.seen.has(number) {
            let (low, high) = bounds()?;
            page.check(low, high, false)?;
            self.seen.add(number);
        }
        Ok(page)
    }

    /// How many pages a long value takes.
    fn overflow_pages(&self, len: usize) -> u64 {
        ((HEADER - 1 + len) / self.page_size() + 1) as u64
    }

    /// The pages that a long value takes, by the header of the first.
    pub(crate) fn overflow_run(&self, page: u64, len: usize) -> Read<u64> {
        let at = self.at(page)?;
        let header = self
            .bytes
            .get(at..at + HEADER)
            .ok_or_else(|| Damage::new("it lies behind the end of the file", page))?;
        let (number, kind, run) = (u64_at(header, 0), u16_at(header, 10), u32_at(header, 12));
        let run = u64::from(run.unwrap_or(0));
        // Exactly: LMDB keeps a longer run only where a key is written twice in a transaction, which Larder never does.
        // It frees as many pages as the header says, so a wrong number must not get past here.
        if number != Some(page) || kind != Some(OVERFLOW) || run != self.overflow_pages(len) {
            return Err(Damage::new("it is not the beginning of the value that belongs there", page));
        }
        Ok(run)
    }

    /// The value that a node leads to.
    #[inline]
    pub(crate) fn value(&self, to: To<'a>) -> Read<&'a [u8]> {
        match to {
            To::Value(value) => Ok(value),
            To::Big { page, len } => {
                self.overflow_run(page, len)?;
                let from = self.at(page)? + HEADER;
                self.bytes
                    .get(from..from + len)
                    .ok_or_else(|| Damage::new("its value goes on behind the end of the file", page))
            }
            To::Child(page) => Err(Damage::new("a leaf has a node of a branch", page)),
        }
    }

    /// The value under `key`. That there is none is only proven by [`TreeCursor::absent`].
    #[inline]
    pub(crate) fn find(&self, tree: &Root, key: &[u8]) -> Read<Option<&'a [u8]>> {
        let Some(mut number) = tree.page else { return Ok(None) };
        for _ in 1..tree.depth {
            if !self.seen.has(number) {
                return self.find_checked(tree, key);
            }
            let page = self.page(number, BRANCH)?;
            number = page.child(page.child_for(key)?)?;
        }
        if !self.seen.has(number) {
            return self.find_checked(tree, key);
        }
        let leaf = self.page(number, LEAF)?;
        match leaf.search(key)? {
            (at, true) => self.value(leaf.node(at)?.to).map(Some),
            (_, false) => Ok(None),
        }
    }

    /// The same through pages that have not all been seen.
    #[cold]
    fn find_checked(&self, tree: &Root, key: &[u8]) -> Read<Option<&'a [u8]>> {
        let cursor = TreeCursor::seek(*self, tree, key)?;
        match cursor.entry_here()? {
            Some(node) if node.key == key => self.value(node.to).map(Some),
            _ => Ok(None),
        }
    }
}
