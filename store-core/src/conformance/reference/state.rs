//! The map, and what a write does to it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::SystemTime;

use bytes::Bytes;

use crate::attributes::Attributes;
use crate::env::Env;
use crate::error::{Op, Result};
use crate::key::Key;
use crate::meta::Meta;
use crate::options::{Precondition, PutOptions, check_only};
use crate::outcome::{Deleted, Durability, Removed, Written};
use crate::system::Space;
use crate::version::Version;
use crate::write_id::WriteId;

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) value: Bytes,
    pub(super) version: Version,
    pub(super) modified: SystemTime,
    pub(super) expires: Option<SystemTime>,
    pub(super) attributes: Attributes,
}

impl Entry {
    pub(super) fn meta(&self) -> Meta {
        Meta {
            size: Some(self.value.len() as u64),
            stored_size: Some(self.value.len() as u64),
            version: Some(self.version.clone()),
            modified: Some(self.modified),
            expires: Some(self.expires.into()),
            attributes: Some(self.attributes.clone()),
            write_id: self.version.write_id(),
            ..Meta::new(self.key.clone())
        }
    }

    pub(super) fn is_live(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|at| at > now)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct State {
    // By bytes and not by key: a listing seeks to byte strings that are no text.
    entries: BTreeMap<(Space, Vec<u8>), Entry>,
}

fn name(key: &Key) -> (Space, Vec<u8>) {
    (key.space(), key.as_bytes().to_vec())
}

impl State {
    /// The entry of `key`, unless it has expired.
    pub(super) fn live(&self, key: &Key, now: SystemTime) -> Option<&Entry> {
        self.entries.get(&name(key)).filter(|e| e.is_live(now))
    }

    /// All entries, expired ones too.
    #[cfg(test)]
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Takes an entry as it is.
    #[cfg(test)]
    pub(super) fn restore(&mut self, entry: Entry) {
        self.entries.insert(name(&entry.key), entry);
    }

    /// The live entries of a space from `bound` on.
    pub(super) fn seek(
        &self,
        space: Space,
        bound: Vec<u8>,
        inclusive: bool,
        now: SystemTime,
    ) -> impl Iterator<Item = &Entry> {
        let from = (space, bound);
        let from = if inclusive { Bound::Included(from) } else { Bound::Excluded(from) };
        let behind = self.entries.range((from, Bound::Unbounded)).map(|(_, entry)| entry);
        behind.take_while(move |e| e.key.space() == space).filter(move |e| e.is_live(now))
    }

    pub(super) fn check(
        &self,
        op: Op,
        key: &Key,
        pre: &Precondition,
        now: SystemTime,
    ) -> Result<Vec<WriteId>> {
        pre.check(op, self.live(key, now).map(|e| &e.version)).map_err(|e| e.on(key))
    }

    #[allow(clippy::too_many_arguments, reason = "all of them are a put")]
    pub(super) fn put(
        &mut self,
        op: Op,
        env: &Env,
        key: &Key,
        value: &Bytes,
        options: &PutOptions,
        durability: Durability,
    ) -> Result<Written> {
        let now = env.wall();
        let chain = self.check(op, key, &options.pre, now)?;
        let write_id = options.write_id.unwrap_or_else(|| WriteId::random(env));
        let version = Version::of_write(write_id, chain);
        let entry = Entry {
            key: key.clone(),
            // A copy, so that the store does not keep a large allocation of its caller alive.
            value: Bytes::copy_from_slice(value),
            version: version.clone(),
            modified: now,
            expires: options.expires,
            attributes: options.attributes.clone(),
        };
        self.entries.insert(name(key), entry);
        Ok(Written::new(version, write_id, durability).with_facts(now, Some(value.len() as u64)))
    }

    pub(super) fn delete(
        &mut self,
        op: Op,
        key: &Key,
        only: Option<&Version>,
        now: SystemTime,
    ) -> Result<Removed> {
        let current = self.live(key, now);
        check_only(op, only, current.map(|e| &e.version)).map_err(|e| e.on(key))?;
        let existed = if current.is_some() { Deleted::Yes } else { Deleted::No };
        self.entries.remove(&name(key));
        Ok(Removed::new(existed))
    }
}
