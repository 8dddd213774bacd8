//! What a reader saw in its slot.

use super::Stamp;

/// What a slot held when a read began: the check of what the fronts have, and the leave to fill them.
///
/// It comes from [`Table::lease`](super::Table::lease), first thing in a read. It is never renewed in the middle of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub(super) slot: u32,
    pub(super) incarnation: u64,
    /// As it was read; it is damaged if `epoch` is none.
    pub(super) raw: u64,
    pub(super) epoch: Option<u64>,
    /// Whose writes were open.
    pub(super) owners: u16,
    pub(super) doubted: bool,
}

impl Lease {
    /// Whether no write was open and nothing in doubt.
    #[inline]
    pub fn is_clean(&self) -> bool {
        self.epoch.is_some() && self.owners == 0 && !self.doubted
    }

    /// Whether the slot, or the whole table, was in doubt.
    pub fn is_doubted(&self) -> bool {
        self.doubted
    }

    /// Whether a write was open.
    pub fn is_open(&self) -> bool {
        self.owners != 0
    }

    /// The slot.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// What an entry of this state carries.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.epoch.map(|epoch| Stamp { incarnation: self.incarnation, epoch })
    }
}
