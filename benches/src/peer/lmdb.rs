//! LMDB by itself, through lmdb-rkv.

use std::path::Path;

use bytes::Bytes;
use larder::Key;
use lmdb::{Database, Environment, EnvironmentFlags, RoTransaction, Transaction, WriteFlags};

use crate::error::Result;
use crate::workload::Workload;

/// One environment with one database.
#[derive(Debug)]
pub(crate) struct Lmdb {
    pub(crate) env: Environment,
    pub(crate) db: Database,
}

impl Lmdb {
    /// Opens it for `bytes` of values. Commits are durable; all that its manual offers beyond that without giving up
    /// what we keep is on: slots that stay with their transaction (`NO_TLS`), no read-ahead that a random order
    /// would waste, no pages cleared only to be written over.
    pub(crate) fn open(path: &Path, bytes: usize) -> Result<Lmdb> {
        std::fs::create_dir(path)?;
        let flags = EnvironmentFlags::NO_TLS | EnvironmentFlags::NO_READAHEAD | EnvironmentFlags::NO_MEM_INIT;
        // Room for pages that are not full and for those that commits leave to readers.
        let room = (bytes * 2 + (64 << 20)).next_multiple_of(1 << 20);
        let env = Environment::new().set_flags(flags).set_map_size(room).open(path)?;
        let db = env.open_db(None)?;
        Ok(Lmdb { env, db })
    }

    /// Writes every value of a workload.
    pub(crate) fn load(&self, workload: &Workload) -> Result<()> {
        let all: Vec<usize> = (0..workload.len()).collect();
        all.chunks(1_000).try_for_each(|some| self.put(&workload.puts(some)))
    }

    /// Writes some values in one transaction.
    pub(crate) fn put(&self, puts: &[(Key, Bytes)]) -> Result<()> {
        let mut txn = self.env.begin_rw_txn()?;
        for (key, value) in puts {
            txn.put(self.db, &key.as_bytes(), value, WriteFlags::empty())?;
        }
        Ok(txn.commit()?)
    }

    /// A reader that begins its transaction once and renews it for each read.
    pub(crate) fn reader(&self) -> Result<Reader<'_>> {
        Ok(Reader { db: self.db, idle: Some(self.env.begin_ro_txn()?.reset()) })
    }

    /// Reads every value of a workload and compares it.
    pub(crate) fn verify(&self, workload: &Workload) -> Result<()> {
        let txn = self.env.begin_ro_txn()?;
        for i in 0..workload.len() {
            if txn.get(self.db, &workload.key(i).as_bytes())? != workload.value(i) {
                return Err(format!("lmdb-rkv gave another value for {}", workload.key(i)).into());
            }
        }
        Ok(())
    }
}

/// See [`Lmdb::reader`].
#[derive(Debug)]
pub(crate) struct Reader<'e> {
    db: Database,
    idle: Option<lmdb::InactiveTransaction<'e>>,
}

impl Reader<'_> {
    /// A value in a transaction of its own, as a copy.
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Vec<u8>> {
        let idle = self.idle.take().ok_or("an earlier read failed")?;
        let txn: RoTransaction<'_> = idle.renew()?;
        let value = txn.get(self.db, &key)?.to_vec();
        self.idle = Some(txn.reset());
        Ok(value)
    }
}
