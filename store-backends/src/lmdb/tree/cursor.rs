//! A place in a tree.

use super::page::{Node, Page};
use super::view::{MAX_DEPTH, View};
use super::{Damage, Read, Root};

/// The first key that may be in a page, and the first that may not.
pub(super) type Bounds<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// A place in a tree: before its first entry, at one, or behind its last.
#[derive(Debug, Clone)]
pub(crate) struct TreeCursor<'a> {
    view: View<'a>,
    root: Root,
    // Page and node at each level; `len` of them are in use.
    levels: [(Option<Page<'a>>, usize); MAX_DEPTH],
    len: usize,
}

impl<'a> TreeCursor<'a> {
    /// At the first entry whose key is not below `key`.
    pub(crate) fn seek(view: View<'a>, root: &Root, key: &[u8]) -> Read<TreeCursor<'a>> {
        let mut cursor = TreeCursor { view, root: *root, levels: [(None, 0); MAX_DEPTH], len: 0 };
        let Some(page) = root.page else { return Ok(cursor) };
        cursor.descend(page, |page, is_leaf| match is_leaf {
            true => page.search(key).map(|(at, _)| at),
            false => page.child_for(key),
        })?;
        Ok(cursor)
    }

    /// The bounds that the pages above give to what is below the current nodes of the first `levels`.
    fn bounds(&self, levels: usize) -> Read<Bounds<'a>> {
        let (mut low, mut high) = (None, None);
        for (page, i) in &self.levels[..levels] {
            let Some(page) = page else { continue };
            if *i > 0 {
                low = Some(page.key(*i)?);
            }
            if i + 1 < page.len() {
                high = Some(page.key(i + 1)?);
            }
        }
        Ok((low, high))
    }

    /// Goes down from a page at level `self.len`, choosing a node on each.
    fn descend(&mut self, mut number: u64, choose: impl Fn(&Page<'a>, bool) -> Read<usize>) -> Read<()> {
        let depth = usize::from(self.root.depth).min(MAX_DEPTH);
        while self.len < depth {
            let is_leaf = self.len + 1 == depth;
            let page = self.view.visit(number, is_leaf, || self.bounds(self.len))?;
            let i = choose(&page, is_leaf)?;
            self.levels[self.len] = (Some(page), i);
            self.len += 1;
            if !is_leaf {
                number = page.child(i)?;
            }
        }
        Ok(())
    }

    fn leaf(&self) -> Option<(Page<'a>, usize)> {
        let (page, i) = *self.levels.get(self.len.checked_sub(1)?)?;
        Some((page?, i))
    }

    /// The entry that the cursor is at, if that lies on its page.
    pub(crate) fn entry_here(&self) -> Read<Option<Node<'a>>> {
        match self.leaf() {
            Some((page, i)) if i < page.len() => page.node(i).map(Some),
            _ => Ok(None),
        }
    }

    /// The entry that the cursor is at. From behind the end of a page it goes on to the next one first.
    pub(crate) fn entry(&mut self) -> Read<Option<Node<'a>>> {
        loop {
            let Some((page, i)) = self.leaf() else { return Ok(None) };
            if i < page.len() {
                return page.node(i).map(Some);
            }
            if !self.turn(true)? {
                return Ok(None);
            }
        }
    }

    /// The value of an entry.
    pub(crate) fn value(&self, node: &Node<'a>) -> Read<&'a [u8]> {
        self.view.value(node.to)
    }

    /// Goes on by one entry.
    pub(crate) fn advance(&mut self) {
        if let Some(top) = self.len.checked_sub(1) {
            self.levels[top].1 = self.levels[top].1.saturating_add(1);
        }
    }

    /// Goes to the first entry of the next leaf, or the last of the one before. `false`, and no move, at the end.
    fn turn(&mut self, forward: bool) -> Read<bool> {
        let mut level = self.len.saturating_sub(1);
        while level > 0 {
            level -= 1;
            let (Some(page), i) = self.levels[level] else { return Ok(false) };
            let next = if forward { Some(i + 1).filter(|i| *i < page.len()) } else { i.checked_sub(1) };
            if let Some(next) = next {
                self.levels[level].1 = next;
                self.len = level + 1;
                let child = page.child(next)?;
                self.descend(child, |page, _| Ok(if forward { 0 } else { page.len() - 1 }))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// After a seek for `key` that did not find it: makes sure that it is in none of the leaves beside, where a
    /// damaged key of a branch would have left it, and gives the entries beside it, whose own damage could hide it.
    ///
    /// # Errors
    /// [`Damage`] if an entry is on the wrong side of `key`.
    pub(crate) fn absent(&self, key: &[u8]) -> Read<[Option<Node<'a>>; 2]> {
        let Some((page, i)) = self.leaf() else { return Ok([None, None]) };
        let before = match i.checked_sub(1) {
            Some(i) => Some(page.node(i)?),
            None => {
                let mut left = self.clone();
                match left.turn(false)?.then(|| left.leaf()).flatten() {
                    Some((page, i)) => Some(page.node(i)?),
                    None => None,
                }
            }
        };
        let after = if i < page.len() { Some(page.node(i)?) } else { self.clone().next_leaf_first()? };
        let wrong = before.is_some_and(|b| b.key >= key) || after.is_some_and(|a| a.key <= key);
        if wrong {
            return Err(Damage::new("a key that leads to it is damaged", page.number()));
        }
        Ok([before, after])
    }

    fn next_leaf_first(mut self) -> Read<Option<Node<'a>>> {
        match self.turn(true)?.then(|| self.leaf()).flatten() {
            Some((page, i)) => page.node(i).map(Some),
            None => Ok(None),
        }
    }

    /// Visits, and so checks, the pages beside those on the way to the current entry, and the first pages below them:
    /// LMDB moves entries between them when it deletes.
    pub(crate) fn check_beside(&self) -> Read<()> {
        for level in 0..self.len.saturating_sub(1) {
            let (Some(page), i) = self.levels[level] else { continue };
            for beside in [i.checked_sub(1), Some(i), Some(i + 1)].into_iter().flatten() {
                if beside < page.len() {
                    let mut at = self.clone();
                    at.levels[level].1 = beside;
                    at.len = level + 1;
                    at.descend(page.child(beside)?, |_, _| Ok(0))?;
                }
            }
        }
        Ok(())
    }
}
