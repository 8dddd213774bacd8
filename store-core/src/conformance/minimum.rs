//! What each kind of store must promise at least, so that none passes by refusing.

use crate::attributes::MAX_ATTRIBUTES;
use crate::guarantees::{CasScope, Guarantees, Ranges, Retention, Versions};
use crate::key::Key;
use crate::outcome::Durability;

/// The least that a store must promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minimum {
    /// Among whom conditional puts, and conditional deletes, are decided.
    pub cas: CasScope,
    /// What makes a version.
    pub versions: Versions,
    /// How long values last.
    pub durability: Durability,
    /// Steps of a transaction; 0 for none.
    pub transaction: usize,
    /// The longest key, in bytes.
    pub max_key: usize,
    /// The largest value, in bytes.
    pub max_value: u64,
    /// The most attributes, in encoded bytes.
    pub max_attributes: usize,
    /// Values expire, exactly on read.
    pub expiry: bool,
    /// Listings are ordered.
    pub ordered: bool,
    /// There are ranges.
    pub ranges: bool,
    /// Values stay.
    pub keeps: bool,
}

impl Minimum {
    /// What every store promises, whatever its kind.
    pub const EVERY: Minimum = Minimum {
        cas: CasScope::None,
        versions: Versions::PerContent,
        durability: Durability::Process,
        transaction: 0,
        max_key: Key::PORTABLE_LEN,
        max_value: 1 << 30,
        max_attributes: MAX_ATTRIBUTES,
        expiry: true,
        ordered: true,
        ranges: true,
        keeps: true,
    };

    /// `memory:` without a capacity.
    pub const MEMORY: Minimum = Minimum {
        cas: CasScope::Process,
        versions: Versions::PerWrite,
        transaction: usize::MAX,
        ..Minimum::EVERY
    };

    /// `memory:` with a capacity.
    pub const MEMORY_CACHE: Minimum =
        Minimum { cas: CasScope::Process, versions: Versions::PerWrite, keeps: false, ..Minimum::EVERY };

    /// `file:`.
    pub const FILE: Minimum = Minimum {
        cas: CasScope::Host,
        versions: Versions::PerWrite,
        durability: Durability::Durable,
        ..Minimum::EVERY
    };

    /// `lmdb:` as origin.
    pub const LMDB: Minimum = Minimum { transaction: 10_000, ..Minimum::FILE };

    /// `lmdb:` as a cache.
    pub const LMDB_CACHE: Minimum = Minimum { durability: Durability::Host, keeps: false, ..Minimum::LMDB };

    /// `s3:`.
    pub const S3: Minimum =
        Minimum { cas: CasScope::Global, durability: Durability::Durable, ..Minimum::EVERY };

    /// `s3:` with `layout=record`.
    pub const S3_RECORD: Minimum = Minimum { versions: Versions::PerWrite, ..Minimum::S3 };

    /// `gs:`.
    pub const GS: Minimum = Minimum::S3_RECORD;

    /// `dynamodb:`. Of the hundred items of a transaction, chunks of values take a part.
    pub const DYNAMODB: Minimum = Minimum { transaction: 25, max_value: 100 << 20, ..Minimum::S3_RECORD };

    /// `redis:`. Transactions stay within one hash slot.
    pub const REDIS: Minimum = Minimum {
        cas: CasScope::GlobalUntilFailover,
        versions: Versions::PerWrite,
        transaction: 1,
        max_value: 256 << 20,
        ..Minimum::EVERY
    };

    /// What of this `g` does not promise, one sentence each.
    pub fn missing(&self, g: &Guarantees) -> Vec<String> {
        let mut missing = Vec::new();
        let mut need = |held: bool, what: String| {
            if !held {
                missing.push(what);
            }
        };
        need(g.cas >= self.cas, format!("compare-and-swap is {} and must be {}", g.cas, self.cas));
        let deletes = g.conditional_delete || self.cas == CasScope::None;
        need(deletes, "deletes must be conditional too".into());
        need(
            g.versions >= self.versions,
            format!("versions are {:?} and must be {:?}", g.versions, self.versions),
        );
        need(
            g.durability >= self.durability,
            format!("durability is {:?} and must be {:?}", g.durability, self.durability),
        );
        let steps = g.transactions.map_or(0, |t| t.max_steps);
        need(
            steps >= self.transaction,
            format!("transactions take {steps} steps and must take {}", self.transaction),
        );
        need(g.max_key >= self.max_key, format!("keys may have {} bytes, not {}", g.max_key, self.max_key));
        need(
            g.max_value >= self.max_value,
            format!("values may have {} bytes, not {}", g.max_value, self.max_value),
        );
        need(
            g.max_attributes >= self.max_attributes,
            format!("attributes may have {} bytes, not {}", g.max_attributes, self.max_attributes),
        );
        need(g.expiry || !self.expiry, "values must be able to expire".into());
        need(g.listing.ordered || !self.ordered, "listings must be ordered".into());
        need(g.ranges != Ranges::None || !self.ranges, "there must be ranges".into());
        need(g.retention == Retention::Keeps || !self.keeps, "values must stay".into());
        missing
    }
}
