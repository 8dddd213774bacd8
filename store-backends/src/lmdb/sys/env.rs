//! The environment and the end of it that writes.

use std::fmt;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

use lmdb::{Database, Environment, EnvironmentFlags, RwTransaction, Transaction, WriteFlags};
use lmdb_sys as ffi;

use super::fork;
use super::readers::{Exclusive, Readers};

/// An error of LMDB, or of the operating system.
pub(crate) type Code = lmdb::Error;

/// An open environment. The last owner closes it, unless it is in the child of a fork.
pub(super) struct EnvHandle {
    env: ManuallyDrop<Environment>,
    db: Database,
    fork: u32,
}

impl EnvHandle {
    pub(super) fn raw(&self) -> *mut ffi::MDB_env {
        self.env.env()
    }

    /// Whether this process opened it.
    pub(super) fn is_ours(&self) -> bool {
        self.fork == fork::forks()
    }
}

impl Drop for EnvHandle {
    fn drop(&mut self) {
        if self.is_ours() {
            // SAFETY: dropped once, here, and not used again.
            unsafe { ManuallyDrop::drop(&mut self.env) };
        }
    }
}

impl fmt::Debug for EnvHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvHandle")
    }
}

/// How an environment is opened.
#[derive(Debug)]
pub(crate) struct OpenArgs<'a> {
    /// The folder.
    pub(crate) path: &'a Path,
    /// Bytes to map.
    pub(crate) map_size: usize,
    /// Entries of the reader table, if it is made now.
    pub(crate) max_readers: u32,
    /// Whether commits wait for the disk.
    pub(crate) sync: bool,
}

/// Bytes of a lock file with so many readers: two cache lines of mutexes and counters, and one for each reader.
pub(crate) fn lock_file_len(readers: u32) -> u64 {
    (2 + u64::from(readers)) * 64
}

/// An open environment, as two ends: any number of threads read, one writes.
pub(crate) struct Db;

impl Db {
    /// Opens the environment. The caller sees to it that this process has no other one at this path: closing it would
    /// drop the locks of both.
    pub(crate) fn open(args: &OpenArgs<'_>) -> Result<(Readers, WriteEnd), Code> {
        fork::watch();
        let mut flags = EnvironmentFlags::NO_TLS;
        if !args.sync {
            flags |= EnvironmentFlags::NO_SYNC;
        }
        let env = Environment::new()
            .set_flags(flags)
            .set_max_readers(args.max_readers)
            .set_map_size(args.map_size)
            .open_with_permissions(args.path, 0o600)?;
        // This also sets how keys compare.
        let db = env.open_db(None)?;
        let env = Arc::new(EnvHandle { env: ManuallyDrop::new(env), db, fork: fork::forks() });
        Ok((Readers::new(env.clone()), WriteEnd { env }))
    }
}

/// The end that writes. There is one for each environment.
#[derive(Debug)]
pub(crate) struct WriteEnd {
    env: Arc<EnvHandle>,
}

impl WriteEnd {
    /// Begins the transaction that writes. Waits for those of other processes.
    pub(crate) fn begin(&mut self) -> Result<WriteTxn<'_>, Code> {
        let txn = self.env.env.begin_rw_txn()?;
        Ok(WriteTxn { txn, db: self.env.db })
    }

    /// Changes how much is mapped; to less than is in use, it maps what is in use.
    pub(crate) fn resize(&mut self, alone: &Exclusive<'_>, bytes: usize) -> Result<(), Code> {
        if !alone.is_of(&self.env) {
            return Err(Code::BadTxn);
        }
        // No transaction is open: reading ones are all in `alone`, and `self` is borrowed whole.
        self.env.env.set_map_size(bytes)
    }

    /// Bytes that are mapped.
    pub(crate) fn map_size(&self) -> usize {
        self.env.env.info().map_or(0, |info| info.map_size())
    }

    /// Writes everything to disk.
    pub(crate) fn sync(&self) -> Result<(), Code> {
        self.env.env.sync(true)
    }

    /// Frees the reader table's entries of processes that died. How many there were.
    pub(crate) fn clear_dead_readers(&self) -> Result<usize, Code> {
        let mut dead = 0;
        // SAFETY: the environment is open while `self` lives; LMDB locks the table itself.
        match unsafe { ffi::mdb_reader_check(self.env.raw(), &mut dead) } {
            0 => Ok(usize::try_from(dead).unwrap_or(0)),
            code => Err(Code::from_err_code(code)),
        }
    }
}

/// The transaction that writes. Dropped, it changes nothing.
#[derive(Debug)]
pub(crate) struct WriteTxn<'a> {
    txn: RwTransaction<'a>,
    db: Database,
}

impl WriteTxn<'_> {
    /// Its number. Its snapshot is that of the number before.
    pub(crate) fn id(&self) -> u64 {
        // SAFETY: the transaction is open while `self` lives.
        unsafe { ffi::mdb_txn_id(self.txn.txn()) as u64 }
    }

    /// Writes an entry.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Code> {
        self.txn.put(self.db, &key, &value, WriteFlags::empty())
    }

    /// Writes an entry whose value comes in two parts.
    pub(crate) fn put_parts(&mut self, key: &[u8], first: &[u8], second: &[u8]) -> Result<(), Code> {
        let len = first.len() + second.len();
        let place = self.txn.reserve(self.db, &key, len, WriteFlags::empty())?;
        place[..first.len()].copy_from_slice(first);
        place[first.len()..].copy_from_slice(second);
        Ok(())
    }

    /// Removes an entry, if there is one.
    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<(), Code> {
        match self.txn.del(self.db, &key, None) {
            Err(Code::NotFound) => Ok(()),
            done => done,
        }
    }

    /// Makes the changes visible and, unless the environment does not sync, durable.
    pub(crate) fn commit(self) -> Result<(), Code> {
        self.txn.commit()
    }
}
