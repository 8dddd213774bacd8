//! The slots: who has the store open, who of them writes, and who died.

use std::sync::atomic::Ordering;

use larder_store_core::Env;
use larder_store_core::boot::boot_id;

use super::super::sys;
use super::{DEATHS, Guard, SLOT_COUNT, SLOT_LEN, SLOTS, WRITER};

/// The bits of a word that number a slot.
const SLOT_BITS: u64 = SLOT_COUNT as u64 - 1;

fn slot_byte(slot: usize) -> u64 {
    ((SLOTS + slot * SLOT_LEN) * 8) as u64
}

// Words of a slot.
const INCARNATION: usize = 0;
const PID: usize = 1;
const NAMESPACE: usize = 2;
const SLOT_BOOT: usize = 3;
const WRITING: usize = 5;

/// Who makes an upload: a slot, and which of its owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::lmdb) struct Owner {
    pub(in crate::lmdb) slot: u64,
    pub(in crate::lmdb) incarnation: u64,
}

/// What the slots say when a store is opened.
#[derive(Debug, Default, Clone, Copy)]
pub(in crate::lmdb) struct Survey {
    /// Processes, or earlier environments of this one, that have the store open.
    pub(in crate::lmdb) alive: usize,
    /// How many processes in a row died while they wrote, without a commit in between.
    pub(in crate::lmdb) deaths: u64,
    /// The pid of one that lives in another pid namespace.
    pub(in crate::lmdb) stranger: Option<u64>,
}

/// The number of the pid namespace; 0 where that is not told.
fn pid_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino())
}

impl Guard {
    fn slot(&self, slot: usize, word: usize) -> usize {
        SLOTS + slot * SLOT_LEN + word
    }

    /// Looks at all slots, and frees those of the dead. Under the lock of openers.
    pub(in crate::lmdb) fn survey(&self) -> std::io::Result<Survey> {
        let (boot, namespace) = (boot_id(), pid_namespace());
        let mut survey = Survey::default();
        let mut deaths = self.read(DEATHS);
        for slot in 0..SLOT_COUNT {
            let at = |word| self.slot(slot, word);
            if self.read(at(INCARNATION)) == 0 || self.mine == Some(slot) {
                continue;
            }
            if sys::is_locked(&self.file, slot_byte(slot))? {
                survey.alive += 1;
                if self.read(at(NAMESPACE)) != namespace {
                    survey.stranger = Some(self.read(at(PID)));
                }
                continue;
            }
            // After a crash of the machine everybody died, wherever they were.
            let here = [self.read(at(SLOT_BOOT)), self.read(at(SLOT_BOOT + 1))] == boot;
            if here && self.read(at(WRITING)) != 0 {
                deaths = deaths.saturating_add(1);
            }
            for word in 0..SLOT_LEN {
                self.write(at(word), 0);
            }
        }
        self.write(DEATHS, deaths);
        survey.deaths = deaths;
        Ok(survey)
    }

    /// How many others have the store open: processes, or environments of this one.
    pub(in crate::lmdb) fn others(&self) -> std::io::Result<usize> {
        let mut others = 0;
        for slot in (0..SLOT_COUNT).filter(|slot| self.mine != Some(*slot)) {
            let is_taken = self.read(self.slot(slot, INCARNATION)) != 0;
            others += usize::from(is_taken && sys::is_locked(&self.file, slot_byte(slot))?);
        }
        Ok(others)
    }

    /// Takes a slot for this process. `false` if all are taken. Under the lock of openers, after a survey.
    pub(in crate::lmdb) fn claim(&mut self, env: &Env) -> std::io::Result<bool> {
        let boot = boot_id();
        for slot in 0..SLOT_COUNT {
            let at = |word| self.slot(slot, word);
            if self.read(at(INCARNATION)) != 0 || !sys::try_lock(&self.file, slot_byte(slot))? {
                continue;
            }
            self.write(at(PID), u64::from(std::process::id()));
            self.write(at(NAMESPACE), pid_namespace());
            self.write(at(SLOT_BOOT), boot[0]);
            self.write(at(SLOT_BOOT + 1), boot[1]);
            self.write(at(WRITING), 0);
            self.write(at(INCARNATION), env.random_u64().max(1 + SLOT_BITS));
            self.mine = Some(slot);
            return Ok(true);
        }
        Ok(false)
    }

    /// This process, as the owner of an upload.
    pub(in crate::lmdb) fn me(&self) -> Owner {
        match self.mine {
            Some(slot) => Owner { slot: slot as u64, incarnation: self.read(self.slot(slot, INCARNATION)) },
            None => Owner { slot: u64::MAX, incarnation: 0 },
        }
    }

    /// Whether an owner lives. Where that cannot be told, it does.
    pub(in crate::lmdb) fn is_alive(&self, owner: Owner) -> bool {
        let Some(slot) = usize::try_from(owner.slot).ok().filter(|slot| *slot < SLOT_COUNT) else {
            return false;
        };
        if self.read(self.slot(slot, INCARNATION)) != owner.incarnation || owner.incarnation == 0 {
            return false;
        }
        self.mine == Some(slot) || sys::is_locked(&self.file, slot_byte(slot)).unwrap_or(true)
    }

    /// Says that this process is about to be in LMDB's writing code, or no longer. Under the lock of writers.
    pub(in crate::lmdb) fn set_writing(&self, writing: bool) {
        if let Some(slot) = self.mine {
            self.write(self.slot(slot, WRITING), u64::from(writing));
        }
        if writing {
            self.take_over();
        }
    }

    /// Says that this process has the lock of writers: whatever the one before it left unfinished, LMDB has finished.
    pub(in crate::lmdb) fn take_over(&self) {
        if let Some(slot) = self.mine {
            self.write(WRITER, self.writer_in(slot));
        }
    }

    /// Who owns a slot, in one word.
    fn writer_in(&self, slot: usize) -> u64 {
        self.read(self.slot(slot, INCARNATION)) & !SLOT_BITS | slot as u64
    }

    /// Whether the last one who took the lock of writers is not there any more.
    #[cold]
    pub(in crate::lmdb) fn writer_died(&self) -> bool {
        let writer = self.read(WRITER);
        let slot = (writer & SLOT_BITS) as usize;
        if writer == 0 || (self.mine == Some(slot) && writer == self.writer_in(slot)) {
            return false;
        }
        // Where that cannot be told, it lives.
        writer != self.writer_in(slot) || !sys::is_locked(&self.file, slot_byte(slot)).unwrap_or(true)
    }

    /// A commit succeeded: whoever died while writing did not die of the file.
    pub(in crate::lmdb) fn progress(&self) {
        if self.read(DEATHS) != 0 {
            self.write(DEATHS, 0);
        }
    }

    /// Gives the slot back: this process does not have the store open any more.
    pub(in crate::lmdb) fn release(&self) {
        // The child of a fork has the parent's open file, and its lock.
        let Some(slot) = self.mine.filter(|_| self.fork == sys::forks()) else { return };
        if self.is_released.swap(true, Ordering::AcqRel) {
            return;
        }
        for word in 0..SLOT_LEN {
            self.write(self.slot(slot, word), 0);
        }
        let _ = sys::unlock(&self.file, slot_byte(slot));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::guard;
    use super::*;

    #[test]
    fn slots_live_and_die_with_their_files() {
        let dir = tempfile::tempdir().unwrap();
        let env = Env::system();
        let mut first = guard(dir.path());
        assert!(first.claim(&env).unwrap());
        let owner = first.me();
        let mut second = guard(dir.path());
        let survey = second.survey().unwrap();
        assert_eq!((survey.alive, survey.deaths, survey.stranger), (1, 0, None));
        assert!(second.claim(&env).unwrap());
        assert!(first.is_alive(owner) && second.is_alive(owner) && first.is_alive(second.me()));
        assert!(!second.is_alive(Owner { incarnation: owner.incarnation ^ 1, ..owner }));

        // A death: the file closes, and nobody clears the slot.
        second.set_writing(true);
        let dead = second.me();
        second.mine = None;
        drop(second);
        assert!(!first.is_alive(dead));
        let survey = first.survey().unwrap();
        assert_eq!((survey.alive, survey.deaths), (0, 1));
        // Counted once, and forgotten after a commit.
        assert_eq!(first.survey().unwrap().deaths, 1);
        first.progress();
        assert_eq!(first.survey().unwrap().deaths, 0);
    }

    #[test]
    fn another_namespace_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = guard(dir.path());
        first.claim(&Env::system()).unwrap();
        let slot = first.mine.unwrap();
        first.write(first.slot(slot, NAMESPACE), 1);
        let survey = guard(dir.path()).survey().unwrap();
        assert_eq!(survey.stranger, Some(u64::from(std::process::id())));
    }
}
