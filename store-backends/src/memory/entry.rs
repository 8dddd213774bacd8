//! A value with what is known about it, and what a read makes of them: the same for the map and for the cache.

use std::time::SystemTime;

use bytes::Bytes;
use larder_store_core::{
    Durability, Expires, GetOptions, Got, Key, Meta, PutOptions, Result, Version, WriteId, Written,
};

/// A value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) meta: Meta,
    pub(super) value: Bytes,
}

impl Entry {
    /// What a put writes, and what it tells. `predecessors` come from its precondition.
    pub(super) fn of_put(
        key: Key,
        value: Bytes,
        options: &PutOptions,
        predecessors: Vec<WriteId>,
        write_id: WriteId,
        now: SystemTime,
    ) -> (Entry, Written) {
        let version = Version::of_write(write_id, predecessors);
        let mut meta = Meta::new(key);
        meta.size = Some(value.len() as u64);
        meta.stored_size = Some((meta.key.len() + value.len()) as u64);
        meta.version = Some(version.clone());
        meta.modified = Some(now);
        meta.expires = Some(options.expires.into());
        meta.attributes = Some(options.attributes.clone());
        meta.write_id = Some(write_id);
        let written = Written::new(version, write_id, Durability::Process).with_facts(now, meta.stored_size);
        (Entry { meta, value }, written)
    }

    pub(super) fn version(&self) -> Option<&Version> {
        self.meta.version.as_ref()
    }

    /// Whether it has not expired. The clock is asked only if it can.
    pub(super) fn is_alive(&self, now: impl FnOnce() -> SystemTime) -> bool {
        match self.meta.expires {
            Some(Expires::At(at)) => at > now(),
            _ => true,
        }
    }

    /// The answer to a get. The value is shared, not copied.
    pub(super) fn answer(&self, o: &GetOptions) -> Result<Got<Bytes>> {
        if let Some(version) = self.version()
            && !o.admits(version)?
        {
            return Ok(Got::Unchanged(self.meta.clone()));
        }
        let body = match o.range {
            None => self.value.clone(),
            Some(range) => {
                let range = range.resolve(self.value.len() as u64)?;
                self.value.slice(range.start as usize..range.end as usize)
            }
        };
        Ok(Got::found(self.meta.clone(), body))
    }
}
