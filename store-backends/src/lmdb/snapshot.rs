//! What a transaction sees.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::fstatvfs;

use super::sys::{Code, Lease, Mapping};
use super::tree::{Damage, META_BYTES, META_TXN, Meta, Seen, View};

/// The trees of one transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Snapshot<'a> {
    pub(super) meta: Meta,
    pub(super) view: View<'a>,
}

/// Why a snapshot could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The file grew past what is mapped here: it must be mapped anew.
    Mapping,
    /// A process died in the middle of publishing a commit: the next one who takes the lock of writers ends that.
    Unfinished,
    /// LMDB's answer.
    Code(Code),
    /// Damage.
    Damage(Damage),
}

impl From<Code> for Trouble {
    fn from(code: Code) -> Trouble {
        match code {
            Code::MapResized => Trouble::Mapping,
            code => Trouble::Code(code),
        }
    }
}

impl From<Damage> for Trouble {
    fn from(damage: Damage) -> Trouble {
        Trouble::Damage(damage)
    }
}

/// The data file as it is mapped for reading. It is mapped anew as it grows; readers keep what they have.
#[derive(Debug)]
pub(super) struct Data {
    /// None once the store was closed: a file that was deleted takes its place on the disk as long as somebody has it.
    open: Mutex<Option<Open>>,
    page_size: usize,
    seen: Seen,
}

/// The file, and the newest mapping of it.
#[derive(Debug)]
struct Open {
    file: Arc<File>,
    mapping: Arc<Mapping>,
}

impl Data {
    /// Maps the file, `len` bytes to begin with.
    pub(super) fn map(file: File, page_size: usize, len: usize) -> std::io::Result<Data> {
        let file = Arc::new(file);
        let mapping = Arc::new(Mapping::new(file.clone(), len)?);
        Ok(Data { open: Mutex::new(Some(Open { file, mapping })), page_size, seen: Seen::new() })
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the file. Whoever reads keeps it until then.
    pub(super) fn release(&self) {
        *self.open() = None;
    }

    /// A mapping that covers as much of the file as there is of the first `wanted` bytes.
    pub(super) fn mapping(&self, wanted: u64) -> Result<Arc<Mapping>, Trouble> {
        let mut open = self.open();
        let Some(Open { file, mapping: current }) = &mut *open else {
            return Err(Trouble::Code(Code::Panic));
        };
        if wanted > current.len() as u64 {
            let len = usize::try_from(wanted.max(current.len() as u64 + 1).next_power_of_two());
            let mapped = len.ok().map(|len| Mapping::new(file.clone(), len));
            match mapped {
                Some(Ok(mapping)) => *current = Arc::new(mapping),
                Some(Err(e)) => return Err(Trouble::Code(Code::Other(e.raw_os_error().unwrap_or(0)))),
                None => return Err(Trouble::Code(Code::MapFull)),
            }
        }
        Ok(current.clone())
    }

    fn meta(&self, mapping: &Mapping, number: u64) -> Result<Meta, Damage> {
        let bytes = mapping
            .copy::<META_BYTES>(number as usize * self.page_size)
            .ok_or(Damage::new("it lies behind the end of the file", number))?;
        let meta = Meta::read(&bytes, number)?;
        if meta.page_size != self.page_size {
            return Err(Damage::new("it has another page size than before", number));
        }
        Ok(meta)
    }

    /// The transaction that a meta page says it is of.
    #[inline]
    fn txn_at(&self, mapping: &Mapping, number: u64) -> Option<u64> {
        mapping.copy(number as usize * self.page_size + META_TXN).map(u64::from_le_bytes)
    }

    /// Takes the newest snapshot with `lease`. With `patient`, a mapping that has become too short is replaced. `died`:
    /// whether the last one who wrote may be dead.
    #[inline]
    pub(super) fn renew(
        &self,
        lease: &mut Lease<'_>,
        patient: bool,
        died: impl Fn() -> bool,
    ) -> Result<Meta, Trouble> {
        let mut txn = lease.renew()?;
        if lease.mapping.is_none() {
            if !patient {
                return Err(Trouble::Mapping);
            }
            lease.mapping = Some(self.mapping(0)?);
        }
        loop {
            let Some(mapping) = &lease.mapping else { return Err(Trouble::Mapping) };
            let is_known = txn == lease.meta.txn && lease.meta.page_size != 0;
            let meta = if is_known { Ok(lease.meta) } else { self.meta(mapping, txn % 2) };
            // The page of this snapshot is written again by the transaction after the next, which cannot begin before
            // the next has written its own: while that one is not there, what was read is of one piece.
            let settled = self.txn_at(mapping, 1 - txn % 2).is_some_and(|other| other <= txn);
            if !settled {
                let again = lease.renew()?;
                if again != txn {
                    txn = again;
                    continue;
                }
                // It is there, and the number that LMDB publishes has still not moved on. Whoever wrote it is about to
                // move it; or has died, and then the next one who writes will, whenever that is: what that commit did
                // must not show up later than now. Nobody has begun after it, so the copy is of one piece.
                if died() {
                    return Err(Trouble::Unfinished);
                }
            }
            if is_known {
                break;
            }
            let meta = meta?;
            if meta.txn != txn {
                return Err(Damage::new("it is not of the transaction that it should be of", txn % 2).into());
            }
            lease.meta = meta;
            break;
        }
        let wanted = self.len_of(&lease.meta);
        if lease.mapping.as_ref().is_none_or(|mapping| (mapping.len() as u64) < wanted) {
            if !patient {
                return Err(Trouble::Mapping);
            }
            lease.mapping = Some(self.mapping(wanted)?);
        }
        Ok(lease.meta)
    }

    fn len_of(&self, meta: &Meta) -> u64 {
        (meta.last_page + 1).saturating_mul(self.page_size as u64)
    }

    /// What a lease sees that was renewed.
    #[inline]
    pub(super) fn of_lease<'a>(&'a self, lease: &'a Lease<'_>) -> Result<Snapshot<'a>, Trouble> {
        match &lease.mapping {
            Some(mapping) => {
                let bytes = mapping.bytes(lease, self.len_of(&lease.meta));
                Ok(Snapshot { meta: lease.meta, view: View::new(bytes, self.page_size, &self.seen) })
            }
            None => Err(Trouble::Mapping),
        }
    }

    /// What is there, for who keeps others from committing: by the lock of writers, or because nobody else is there.
    pub(super) fn quiet<'a>(&'a self, mapping: &'a Mapping, meta: Meta) -> Snapshot<'a> {
        let bytes = mapping.bytes_quiet(self.len_of(&meta));
        Snapshot { meta, view: View::new(bytes, self.page_size, &self.seen) }
    }

    /// The newest state, and a mapping that covers it, for who holds the lock of writers.
    pub(super) fn for_writing(&self, txn: u64) -> Result<(Meta, Arc<Mapping>), Trouble> {
        let before = txn.wrapping_sub(1);
        let mapping = self.mapping(0)?;
        let meta = self.meta(&mapping, before % 2)?;
        if meta.txn != before {
            return Err(Damage::new("it is not of the transaction that it should be of", before % 2).into());
        }
        Ok((meta, self.mapping(self.len_of(&meta))?))
    }

    /// The state after transaction `txn`, unless others have committed since.
    pub(super) fn after_commit(&self, txn: u64) -> Option<Meta> {
        let mapping = self.mapping(0).ok()?;
        self.meta(&mapping, txn % 2).ok().filter(|meta| meta.txn == txn)
    }

    /// The newest state, or the one before it. Only its numbers are of use: its pages may be gone.
    pub(super) fn newest(&self) -> Option<Meta> {
        let mapping = self.mapping(0).ok()?;
        let metas = [0, 1].map(|number| self.meta(&mapping, number).ok());
        metas.into_iter().flatten().max_by_key(|meta| meta.txn)
    }

    /// Bytes of the file that the newest state uses.
    pub(super) fn used(&self) -> u64 {
        let Ok(mapping) = self.mapping(0) else { return 0 };
        let metas = [0, 1].map(|number| self.meta(&mapping, number).map_or(0, |meta| self.len_of(&meta)));
        metas[0].max(metas[1])
    }

    /// The newest state, and a mapping that covers it, for who knows that nobody writes.
    pub(super) fn alone(&self) -> Result<(Meta, Arc<Mapping>), Trouble> {
        let mapping = self.mapping(0)?;
        let meta = Meta::newest([self.meta(&mapping, 0)?, self.meta(&mapping, 1)?])?;
        Ok((meta, self.mapping(self.len_of(&meta))?))
    }

    /// Whether the file is shorter than its newest state says: that alone is no damage, as free pages at the end need
    /// not be there.
    pub(super) fn is_short(&self, meta: &Meta) -> bool {
        let len = self.open().as_ref().and_then(|open| open.file.metadata().ok()).map(|file| file.len());
        len.is_none_or(|len| len < self.len_of(meta))
    }

    /// Bytes that the disk has left, if that can be told.
    pub(super) fn disk_left(&self) -> Option<u64> {
        let disk = fstatvfs(&*self.open().as_ref()?.file).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}
