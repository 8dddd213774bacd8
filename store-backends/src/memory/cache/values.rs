//! Values: what the store does with them, without tasks.

use std::time::SystemTime;

use bytes::Bytes;
use larder_store_core::{
    DeleteItem, Deleted, Env, Error, ErrorKind, GetOptions, Got, Key, Op, Precondition, PutOptions, Removed,
    Result, Version, WriteId, Written, check_only,
};

use super::budget::Charge;
use super::cost;
use super::held::What;
use super::name::{Kind, Probe};
use super::shelf::Shelf;
use crate::memory::entry::Entry;

fn probe(key: &Key) -> Probe<'_> {
    Probe { key, kind: Kind::Value }
}

/// The refusal of what finds no room.
pub(super) fn full(op: Op, wanted: u64, capacity: u64) -> Error {
    let why =
        format!("there is no room for the {wanted} bytes that the value takes in a cache of {capacity}");
    let hint = if wanted > capacity - capacity / 32 {
        "values up to about the capacity fit; raise it with capacity="
    } else {
        "others hold it: uploads under way, or values that are still being read; try again"
    };
    Error::new(ErrorKind::Full, op, why).hint(hint)
}

/// Whether the version of what is put will name others.
pub(super) fn has_ancestors(options: &PutOptions) -> bool {
    matches!(options.pre, Precondition::Matches(_))
}

/// A value on its way in, whose bytes have been taken.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) value: Bytes,
    pub(super) charge: Charge,
}

impl Shelf {
    /// Copies a value into memory of its own, after taking the bytes that it will cost: what the caller gives may be a
    /// small part of something large.
    pub(super) fn bring_in(
        &self,
        op: Op,
        key: &Key,
        value: &Bytes,
        options: &PutOptions,
        attributes: usize,
    ) -> Result<Incoming> {
        let cost = cost::value(key, value.len(), attributes, has_ancestors(options));
        let charge = self.room(cost).ok_or_else(|| full(op, cost, self.capacity()))?;
        Ok(Incoming { value: Bytes::copy_from_slice(value), charge })
    }

    /// The answer to a get. Lock-free.
    #[inline]
    pub(super) fn answer(&self, key: &Key, options: &GetOptions, env: &Env) -> Result<Got<Bytes>> {
        let answer = |entry: &Entry| match entry.is_alive(|| env.wall()) {
            true => entry.answer(options),
            false => Ok(Got::Absent),
        };
        self.get(probe(key)).and_then(|held| held.with_value(answer)).unwrap_or(Ok(Got::Absent))
    }

    /// The version under a key, if its value has not expired.
    fn current(&self, key: &Key, now: SystemTime) -> Option<Version> {
        let version = |entry: &Entry| entry.version().filter(|_| entry.is_alive(|| now)).cloned();
        self.get(probe(key)).and_then(|held| held.with_value(version)).flatten()
    }

    /// Puts a value, if its precondition holds.
    pub(super) fn put(
        &self,
        op: Op,
        key: &Key,
        incoming: Incoming,
        options: &PutOptions,
        env: &Env,
    ) -> Result<Written> {
        let now = env.wall();
        let id = options.write_id.unwrap_or_else(|| WriteId::random(env));
        let _alone = self.lock(key);
        let current = self.current(key, now);
        let predecessors = options.pre.check(op, current.as_ref())?;
        let Incoming { value, charge } = incoming;
        // A name of its own: the caller's may be shared with what is not counted here.
        let own = larder_store_core::system::key_in(key.space(), key.as_str())?;
        let (entry, written) = Entry::of_put(own.clone(), value, options, predecessors, id, now);
        self.insert(probe(&own), What::Value(entry), charge);
        Ok(written)
    }

    /// Deletes a value, if it is the one that is meant.
    pub(super) fn delete(&self, op: Op, item: &DeleteItem, env: &Env) -> Result<Removed> {
        let _alone = self.lock(&item.key);
        let current = self.current(&item.key, env.wall());
        check_only(op, item.only.as_ref(), current.as_ref())?;
        let existed = if current.is_some() { Deleted::Yes } else { Deleted::No };
        self.remove(probe(&item.key));
        Ok(Removed::new(existed))
    }
}
