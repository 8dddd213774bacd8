//! One page and its nodes.

use std::cmp::Ordering;

use super::{Damage, Read};

/// Bytes of a page's header.
pub(crate) const HEADER: usize = 16;
/// Bytes of a node's header.
const NODE: usize = 8;
/// The flag of a branch page.
pub(crate) const BRANCH: u16 = 0x01;
/// The flag of a leaf page.
pub(crate) const LEAF: u16 = 0x02;
/// The flag of the first page of a long value.
pub(crate) const OVERFLOW: u16 = 0x04;
/// The flag of a node whose value stands in pages of its own.
const BIG: u16 = 0x01;
/// The longest key of LMDB as it is compiled here.
pub(crate) const MAX_KEY: usize = 511;

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// A branch or leaf page whose header was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    bytes: &'a [u8],
    /// Where its nodes start.
    pointers: &'a [[u8; 2]],
    number: u64,
    upper: usize,
    kind: u16,
}

/// A node of a leaf, or of a branch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    /// Its key.
    pub(crate) key: &'a [u8],
    /// What it leads to.
    pub(crate) to: To<'a>,
}

/// What a node leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To<'a> {
    /// A page below.
    Child(u64),
    /// The value.
    Value(&'a [u8]),
    /// A value of so many bytes that starts on that page.
    Big { page: u64, len: usize },
}

impl<'a> Page<'a> {
    /// Reads the header of the page that `bytes` are, which must have this number and kind.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], number: u64, kind: u16) -> Read<Page<'a>> {
        let bad = |what| Damage::new(what, number);
        let Some((header, behind)) = bytes.split_first_chunk::<HEADER>() else {
            return Err(bad("it is cut off"));
        };
        let [n0, n1, n2, n3, n4, n5, n6, n7, _, _, k0, k1, l0, l1, u0, u1] = *header;
        if u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]) != number {
            return Err(bad("it has the number of another page"));
        }
        if u16::from_le_bytes([k0, k1]) != kind {
            return Err(bad("it is not of the kind that belongs there"));
        }
        let lower = usize::from(u16::from_le_bytes([l0, l1]));
        let upper = usize::from(u16::from_le_bytes([u0, u1]));
        if lower < HEADER + 2 || lower % 2 != 0 || lower > upper || upper > bytes.len() {
            return Err(bad("its bounds make no sense"));
        }
        let Some(pointers) = behind.get(..lower - HEADER) else {
            return Err(bad("its bounds make no sense"));
        };
        Ok(Page { bytes, pointers: pointers.as_chunks().0, number, upper, kind })
    }

    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// How many nodes it has, at least one.
    pub(crate) fn len(&self) -> usize {
        self.pointers.len()
    }

    fn bad(&self, what: &'static str) -> Damage {
        Damage::new(what, self.number)
    }

    #[cold]
    fn outside(&self) -> Damage {
        self.bad("a node lies outside of it")
    }

    /// Node `i` from its header on, and its key.
    #[inline]
    fn raw(&self, i: usize) -> Read<(&'a [u8], &'a [u8])> {
        let Some(at) = self.pointers.get(i) else { return Err(self.outside()) };
        let at = usize::from(u16::from_le_bytes(*at));
        if at < self.upper {
            return Err(self.outside());
        }
        let Some((header, behind)) = self.bytes.get(at..).and_then(|node| node.split_first_chunk::<NODE>())
        else {
            return Err(self.outside());
        };
        let len = usize::from(u16::from_le_bytes([header[6], header[7]]));
        match behind.get(..len) {
            Some(key) => Ok((&self.bytes[at..], key)),
            None => Err(self.outside()),
        }
    }

    /// The key of node `i`.
    #[inline]
    pub(crate) fn key(&self, i: usize) -> Read<&'a [u8]> {
        self.raw(i).map(|(_, key)| key)
    }

    /// Node `i`.
    #[inline]
    pub(crate) fn node(&self, i: usize) -> Read<Node<'a>> {
        let (node, key) = self.raw(i)?;
        let out = || self.outside();
        let (low, flags) = (u32_at(node, 0).ok_or_else(out)?, u16_at(node, 4).ok_or_else(out)?);
        if self.kind == BRANCH {
            return Ok(Node { key, to: To::Child(u64::from(low) | u64::from(flags) << 32) });
        }
        let (from, len) = (NODE + key.len(), low as usize);
        let to = match flags {
            0 => To::Value(node.get(from..from + len).ok_or_else(out)?),
            BIG => To::Big { page: u64_at(node, from).ok_or_else(out)?, len },
            _ => return Err(self.bad("a node has flags that none has")),
        };
        Ok(Node { key, to })
    }

    /// The first node whose key is not below `key`, and whether it is that key.
    #[inline]
    pub(crate) fn search(&self, key: &[u8]) -> Read<(usize, bool)> {
        // The first key of a branch counts as below all.
        let mut low = usize::from(self.kind == BRANCH);
        let mut high = self.pointers.len();
        while low < high {
            let middle = (low + high) / 2;
            match self.key(middle)?.cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok((middle, true)),
                Ordering::Greater => high = middle,
            }
        }
        Ok((low, false))
    }

    /// The node of a branch that leads to `key`.
    #[inline]
    pub(crate) fn child_for(&self, key: &[u8]) -> Read<usize> {
        let (at, exact) = self.search(key)?;
        Ok(if exact { at } else { at.saturating_sub(1) })
    }

    /// The page below node `i` of a branch.
    #[inline]
    pub(crate) fn child(&self, i: usize) -> Read<u64> {
        match self.node(i)?.to {
            To::Child(page) => Ok(page),
            _ => Err(self.bad("it is no branch")),
        }
    }

    /// Checks everything that a page says: that its nodes fill it exactly, that its keys ascend, and lie from `low` on
    /// and below `high`. `integers`: keys are 8-byte numbers in the machine's order, as in the tree of free pages.
    pub(crate) fn check(&self, low: Option<&[u8]>, high: Option<&[u8]>, integers: bool) -> Read<()> {
        let order = |a: &[u8], b: &[u8]| match integers {
            false => a.cmp(b),
            true => u64_at(a, 0).cmp(&u64_at(b, 0)),
        };
        if self.kind == BRANCH && self.pointers.len() < 2 {
            return Err(self.bad("a branch leads to one page only"));
        }
        let mut bytes = 0;
        let mut last: Option<&[u8]> = low;
        for i in 0..self.pointers.len() {
            let node = self.node(i)?;
            let unkeyed = self.kind == BRANCH && i == 0;
            let long = match node.to {
                To::Child(_) => 0,
                To::Value(value) => value.len(),
                To::Big { .. } => 8,
            };
            let size = NODE + node.key.len() + long;
            bytes += size + size % 2;
            if unkeyed {
                continue;
            }
            let wrong_len = if integers { node.key.len() != 8 } else { node.key.len() > MAX_KEY };
            if node.key.is_empty() || wrong_len {
                return Err(self.bad("a key has a length that none has"));
            }
            let first = i == usize::from(self.kind == BRANCH);
            match last.map(|last| order(last, node.key)) {
                None | Some(Ordering::Less) => {}
                // The first key of a page may be the very one that the page above names.
                Some(Ordering::Equal) if first && self.kind == LEAF => {}
                Some(_) => return Err(self.bad("its keys are not in order")),
            }
            last = Some(node.key);
        }
        if bytes != self.bytes.len() - self.upper {
            return Err(self.bad("its nodes do not fill it"));
        }
        if let (Some(last), Some(high)) = (last, high)
            && order(last, high).is_ge()
        {
            return Err(self.bad("it has keys that belong to another page"));
        }
        Ok(())
    }
}
