//! What the policy is told.

use std::ops::{Add, AddAssign, SubAssign};
use std::time::Duration;

use super::{Resource, Tier};

/// Bytes in memory and on the local disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// In memory.
    pub memory: u64,
    /// On disk.
    pub disk: u64,
}

impl Footprint {
    /// Both together.
    #[must_use]
    pub fn total(self) -> u64 {
        self.memory.saturating_add(self.disk)
    }

    /// Those of one resource.
    #[must_use]
    pub fn of(self, resource: Resource) -> u64 {
        match resource {
            Resource::Memory => self.memory,
            Resource::Disk => self.disk,
        }
    }
}

impl Add for Footprint {
    type Output = Footprint;

    fn add(self, other: Footprint) -> Footprint {
        Footprint {
            memory: self.memory.saturating_add(other.memory),
            disk: self.disk.saturating_add(other.disk),
        }
    }
}

impl AddAssign for Footprint {
    fn add_assign(&mut self, other: Footprint) {
        *self = *self + other;
    }
}

impl SubAssign for Footprint {
    fn sub_assign(&mut self, other: Footprint) {
        self.memory = self.memory.saturating_sub(other.memory);
        self.disk = self.disk.saturating_sub(other.disk);
    }
}

/// The limit of a budget and what is used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// The most bytes.
    pub limit: u64,
    /// Bytes in use, by the segments as they are and by whatever else is charged.
    pub used: u64,
}

/// The budgets as they are, [`Budget::room`](super::Budget::room) of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budgets {
    /// Of memory.
    pub memory: Room,
    /// Of the local disk.
    pub disk: Room,
}

/// A tier that the recall guard refused to a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Veto {
    /// The tier.
    pub tier: Tier,
    /// The refusal ends at this time.
    pub until: Duration,
}

/// A segment as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentState {
    /// Its number, of no other one.
    pub id: u64,
    /// The tier it is in.
    pub tier: Tier,
    /// The tier that it shall be in, whatever its use.
    pub pinned: Option<Tier>,
    /// When it came to its tier.
    pub since: Duration,
    /// Bytes of its codes, wherever they are local: in every tier but [frozen](Tier::Frozen).
    pub codes: Footprint,
    /// Bytes of the column that rescores, in each tier, without the codes: the place is `tier as usize`.
    pub columns: [Footprint; 4],
    /// What the recall guard refused.
    pub vetoed: Vec<Veto>,
}

impl SegmentState {
    /// Bytes that it takes in a tier.
    #[must_use]
    pub fn footprint(&self, tier: Tier) -> Footprint {
        let codes = if tier == Tier::Frozen { Footprint::default() } else { self.codes };
        self.columns[tier as usize] + codes
    }

    /// Bytes that a move makes before the old ones are given back, and those given back then. Codes stay where they are.
    #[must_use]
    pub fn change(&self, from: Tier, to: Tier) -> (Footprint, Footprint) {
        let codes = |here: Tier, there: Tier| match (here, there) {
            (Tier::Frozen, _) | (_, Tier::Frozen) if here != there => self.codes,
            _ => Footprint::default(),
        };
        let (extra, freed) = (self.columns[to as usize], self.columns[from as usize]);
        match from.cmp(&to) {
            std::cmp::Ordering::Less => (extra + codes(from, to), freed),
            std::cmp::Ordering::Equal => (Footprint::default(), Footprint::default()),
            std::cmp::Ordering::Greater => (extra, freed + codes(from, to)),
        }
    }

    /// Until when a tier is refused to it.
    #[must_use]
    pub fn veto(&self, tier: Tier, now: Duration) -> Option<Duration> {
        let until = self.vetoed.iter().filter(|veto| veto.tier == tier).map(|veto| veto.until).max();
        until.filter(|until| now < *until)
    }
}
