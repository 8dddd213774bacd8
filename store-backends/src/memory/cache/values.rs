//! Values: what the store does with them, without tasks.

use bytes::Bytes;
use larder_store_core::{
    DeleteItem, Deleted, Env, Error, ErrorKind, GetOptions, Got, Key, Op, PutOptions, Removed, Result,
    WriteId, Written, check_only,
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

/// A value on its way in, whose bytes have been taken.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) value: Bytes,
    pub(super) charge: Charge,
}

impl Shelf {
    /// Copies a value into memory of its own, after taking the bytes that it will cost: what the caller gives may be a
    /// small part of something large.
    pub(super) fn bring_in(&self, op: Op, key: &Key, value: &Bytes, attributes: usize) -> Result<Incoming> {
        let cost = cost::value(key, value.len(), attributes);
        let charge = self.room(cost).ok_or_else(|| full(op, cost, self.capacity()))?;
        Ok(Incoming { value: Bytes::copy_from_slice(value), charge })
    }

    /// The answer to a get. Lock-free.
    #[inline]
    pub(super) fn answer(&self, key: &Key, options: &GetOptions, env: &Env) -> Result<Got<Bytes>> {
        match self.get(probe(key)) {
            Some(held) => match held.value() {
                Some(entry) if entry.is_alive(|| env.wall()) => entry.answer(options),
                _ => Ok(Got::Absent),
            },
            None => Ok(Got::Absent),
        }
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
        let held = self.get(probe(key));
        let current = held.as_ref().and_then(|held| held.value()).filter(|entry| entry.is_alive(|| now));
        let predecessors = options.pre.check(op, current.and_then(Entry::version))?;
        drop(held);
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
        let held = self.get(probe(&item.key));
        let alive = held.as_ref().and_then(|held| held.value()).filter(|entry| entry.is_alive(|| env.wall()));
        check_only(op, item.only.as_ref(), alive.and_then(Entry::version))?;
        let existed = if alive.is_some() { Deleted::Yes } else { Deleted::No };
        if held.is_some() {
            self.remove(probe(&item.key));
        }
        Ok(Removed::new(existed))
    }
}
