//! The two pages at the beginning, of which the newer one says where the trees are.

use super::page::{u16_at, u32_at, u64_at};
use super::{Damage, Read};

/// Bytes of a meta page that say something: the header and `MDB_meta`.
pub(crate) const META_BYTES: usize = 16 + 136;

/// Where in a meta page the number of its transaction stands.
pub(crate) const META_TXN: usize = 16 + 128;

const MAGIC: u32 = 0xBEEF_C0DE;
const VERSION: u32 = 1;
const META_FLAG: u16 = 0x08;
const INTEGER_KEYS: u16 = 0x08;
const NO_ROOT: u64 = u64::MAX;

/// A tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Root {
    /// Its first page; `None` if it is empty.
    pub(crate) page: Option<u64>,
    /// How many levels it has.
    pub(crate) depth: u16,
    /// Pages of branches, leaves and long values.
    pub(crate) pages: [u64; 3],
    /// How many entries it has.
    pub(crate) entries: u64,
}

/// What a meta page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Meta {
    /// Bytes of a page.
    pub(crate) page_size: usize,
    /// The tree of free pages.
    pub(crate) free: Root,
    /// The tree of values.
    pub(crate) main: Root,
    /// The last page in use.
    pub(crate) last_page: u64,
    /// The transaction that wrote it.
    pub(crate) txn: u64,
}

impl Meta {
    /// Reads meta page `number` from its first [`META_BYTES`] bytes.
    pub(crate) fn read(bytes: &[u8], number: u64) -> Read<Meta> {
        let bad = |what| Damage::new(what, number);
        Meta::fields(bytes, number).ok_or_else(|| bad("it is cut off"))?
    }

    fn fields(bytes: &[u8], number: u64) -> Option<Read<Meta>> {
        let bad = |what| Some(Err(Damage::new(what, number)));
        // Both are written with number 0 and 1 when the file is made, and never again.
        if u64_at(bytes, 0)? != number || u16_at(bytes, 10)? != META_FLAG {
            return bad("it is no meta page");
        }
        let body = bytes.get(16..)?;
        if u32_at(body, 0)? != MAGIC || u32_at(body, 4)? != VERSION {
            return bad("it does not begin as LMDB's files do");
        }
        if u64_at(body, 8)? != 0 {
            return bad("it wants a fixed address, which Larder never does");
        }
        let page_size = u32_at(body, 24)? as usize;
        if !page_size.is_power_of_two() || !(512..=32768).contains(&page_size) {
            return bad("it has a page size that there is not");
        }
        if u16_at(body, 28)? != INTEGER_KEYS || u16_at(body, 76)? != 0 || u32_at(body, 72)? != 0 {
            return bad("it has flags that Larder never sets");
        }
        let (last_page, txn) = (u64_at(body, 120)?, u64_at(body, 128)?);
        let tree = |at: usize| -> Option<Result<Root, &'static str>> {
            let page = u64_at(body, at + 40)?;
            let root = Root {
                page: (page != NO_ROOT).then_some(page),
                depth: u16_at(body, at + 6)?,
                pages: [u64_at(body, at + 8)?, u64_at(body, at + 16)?, u64_at(body, at + 24)?],
                entries: u64_at(body, at + 32)?,
            };
            Some(match root.page {
                None if root.depth != 0 || root.entries != 0 => Err("an empty tree has levels or entries"),
                Some(page) if page < 2 || page > last_page => Err("a tree starts outside of the file"),
                Some(_) if root.depth == 0 || root.depth > 32 => Err("a tree has a depth that none has"),
                _ => Ok(root),
            })
        };
        let (free, main) = match (tree(24)?, tree(72)?) {
            (Ok(free), Ok(main)) => (free, main),
            (Err(what), _) | (_, Err(what)) => return bad(what),
        };
        if last_page == 0 || last_page > i64::MAX as u64 / page_size as u64 {
            return bad("it has a last page that there is not");
        }
        if txn != 0 && txn % 2 != number {
            return bad("it is of a transaction that writes the other one");
        }
        Some(Ok(Meta { page_size, free, main, last_page, txn }))
    }

    /// Pages that are not free: of the trees, and the two meta pages.
    pub(crate) fn pages_in_use(&self) -> u64 {
        let pages = |root: &Root| root.pages.iter().fold(0_u64, |sum, pages| sum.saturating_add(*pages));
        2 + pages(&self.main).saturating_add(pages(&self.free))
    }

    /// The newer one of the two, if they go together: each transaction writes the page that the one before it did
    /// not.
    pub(crate) fn newest(metas: [Meta; 2]) -> Read<Meta> {
        let [zero, one] = metas;
        if zero.page_size != one.page_size {
            return Err(Damage::new("the two meta pages have different page sizes", 1));
        }
        let (old, new) = if zero.txn < one.txn { (zero, one) } else { (one, zero) };
        if new.txn - old.txn > 1 || (new.txn == old.txn && new.txn != 0) {
            return Err(Damage::new("the two meta pages are not of successive transactions", new.txn % 2));
        }
        Ok(new)
    }
}
