//! Checking the whole structure.

use super::page::{Page, To, u64_at};
use super::view::{MAX_DEPTH, View};
use super::{BRANCH, Damage, LEAF, Meta, Read, Root};

/// A walk through a tree.
struct Walk<'a> {
    view: View<'a>,
    /// A bit for each page up to the last one: whether something leads to it.
    used: Vec<u64>,
    last_page: u64,
    /// How many more pages may be looked at.
    budget: u64,
    counts: [u64; 3],
    entries: u64,
    /// How many pages were in lists of free ones.
    free: u64,
}

/// Out of budget, or damaged.
enum Stop {
    Budget,
    Damage(Damage),
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Stop {
        Stop::Damage(damage)
    }
}

/// Checks all pages of both trees, that no page is used twice, and none both used and free. Looks at no more than
/// `budget` pages; `false` if that was not enough.
///
/// The values themselves are not looked at: their records have checks of their own.
pub(crate) fn verify(view: View<'_>, meta: &Meta, budget: u64) -> Read<bool> {
    let bits = usize::try_from(meta.last_page / 64 + 1).unwrap_or(usize::MAX);
    // The number is the file's word.
    if meta.last_page > view.pages().saturating_mul(2) + (1 << 20) {
        return Err(Damage::new("the last page lies far behind the end of the file", meta.txn % 2));
    }
    let used = vec![0; bits];
    let mut walk = Walk::new(view, meta, used, budget);
    let done = walk.tree(&meta.main, false).and_then(|()| walk.tree(&meta.free, true));
    settle(done)
}

/// Checks the tree of free pages alone, up to `budget` pages: LMDB believes every number in it, and writes there.
pub(crate) fn verify_free(view: View<'_>, meta: &Meta, budget: u64) -> Read<bool> {
    settle(Walk::new(view, meta, Vec::new(), budget).tree(&meta.free, true))
}

/// How many pages are free.
pub(crate) fn free_pages(view: View<'_>, meta: &Meta) -> Read<u64> {
    let mut walk = Walk::new(view, meta, Vec::new(), u64::MAX);
    settle(walk.tree(&meta.free, true))?;
    Ok(walk.free)
}

fn settle(done: Result<(), Stop>) -> Read<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(Stop::Budget) => Ok(false),
        Err(Stop::Damage(damage)) => Err(damage),
    }
}

impl<'a> Walk<'a> {
    fn new(view: View<'a>, meta: &Meta, used: Vec<u64>, budget: u64) -> Walk<'a> {
        Walk { view, used, last_page: meta.last_page, budget, counts: [0; 3], entries: 0, free: 0 }
    }

    /// Marks a run of pages as used.
    fn mark(&mut self, first: u64, run: u64, cost: u64) -> Result<(), Stop> {
        self.budget = self.budget.checked_sub(cost).ok_or(Stop::Budget)?;
        if first < 2 || first.checked_add(run).is_none_or(|end| end > self.last_page + 1) {
            return Err(Damage::new("it lies outside of the file", first).into());
        }
        for page in first..first + run {
            let Some(word) = self.used.get_mut((page / 64) as usize) else { continue };
            let bit = 1 << (page % 64);
            if *word & bit != 0 {
                return Err(Damage::new("it is used twice", page).into());
            }
            *word |= bit;
        }
        Ok(())
    }

    fn tree(&mut self, root: &Root, integers: bool) -> Result<(), Stop> {
        (self.counts, self.entries) = ([0; 3], 0);
        if let Some(page) = root.page {
            self.below(page, usize::from(root.depth).min(MAX_DEPTH), None, None, integers)?;
        }
        if self.counts != root.pages || self.entries != root.entries {
            return Err(Damage::new("it counts pages or entries that are not there", 0).into());
        }
        Ok(())
    }

    // As deep as the tree at most.
    fn below(
        &mut self,
        number: u64,
        levels: usize,
        low: Option<&[u8]>,
        high: Option<&[u8]>,
        integers: bool,
    ) -> Result<(), Stop> {
        self.mark(number, 1, 1)?;
        let is_leaf = levels == 1;
        let page = self.view.page(number, if is_leaf { LEAF } else { BRANCH })?;
        page.check(low, high, integers)?;
        self.counts[usize::from(is_leaf)] += 1;
        if is_leaf {
            return self.leaf(&page, integers);
        }
        for i in 0..page.len() {
            let low = if i > 0 { Some(page.key(i)?) } else { low };
            let high = if i + 1 < page.len() { Some(page.key(i + 1)?) } else { high };
            self.below(page.child(i)?, levels - 1, low, high, integers)?;
        }
        Ok(())
    }

    fn leaf(&mut self, page: &Page<'a>, integers: bool) -> Result<(), Stop> {
        for i in 0..page.len() {
            let node = page.node(i)?;
            self.entries += 1;
            if let To::Big { page, len } = node.to {
                let run = self.view.overflow_run(page, len)?;
                self.mark(page, run, 1)?;
                self.counts[2] += run;
            }
            if integers {
                self.free_pages(page.number(), self.view.value(node.to)?)?;
            }
        }
        Ok(())
    }

    /// A list of free pages: how many, and their numbers, the largest first.
    fn free_pages(&mut self, at: u64, list: &[u8]) -> Result<(), Stop> {
        let bad = |what| Stop::Damage(Damage::new(what, at));
        let count = u64_at(list, 0).ok_or_else(|| bad("its list of free pages is cut off"))?;
        let len = usize::try_from(count).ok().and_then(|count| count.checked_mul(8));
        let pages = len
            .and_then(|len| list.get(8..8 + len))
            .ok_or_else(|| bad("its list of free pages is cut off"))?;
        // Numbers are cheaper to look at than pages.
        self.budget = self.budget.checked_sub(pages.len() as u64 / 4096).ok_or(Stop::Budget)?;
        self.free += count;
        let mut last = u64::MAX;
        for page in pages.chunks_exact(8).filter_map(|page| u64_at(page, 0)) {
            if page >= last {
                return Err(bad("its list of free pages is not in order"));
            }
            last = page;
            self.mark(page, 1, 0)?;
        }
        Ok(())
    }
}
