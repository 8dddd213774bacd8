//! `larder.guard`: what processes that share a store must know of each other, in a small file beside it.
//!
//! It is fully allocated and mapped, so that a note costs a store to memory and never meets a full disk. It holds
//! - a slot for each process that has the store open, owned by a lock of the open file that the kernel drops at its
//!   death: so uploads of the dead are told from those of the living, in whatever pid namespace;
//! - whether the process in a slot is inside LMDB's writing code, so that a death there is noticed at the next open;
//! - what the store is for, and of a cache its capacity, about how many values it has, whether damage was met in it,
//!   and how often it began anew;
//! - how the trees stood after the last two commits, which is a second opinion on LMDB's two meta pages: they have no
//!   checks of their own, and a flipped bit in them brings back an older state without a sound.
//!
//! All of it is only evidence. Losing the file loses the evidence and nothing else.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use larder_store_core::Env;
use larder_store_core::boot::boot_id;

use super::config::LmdbRole;
use super::sys::{self, Words};
use super::tree::{Damage, Meta, Read};

/// The file's name.
pub(super) const NAME: &str = "larder.guard";
/// Its length, in bytes.
pub(super) const LEN: u64 = 64 * 1024;

const MAGIC: u64 = u64::from_le_bytes(*b"LRDRGRD1");
const HEAD: usize = 0;
const BOOT: usize = 2;
const UNSYNCED: usize = 4;
const DEATHS: usize = 5;
const CHECKED: usize = 6;
const WRITER: usize = 7;
const ROLE: usize = 8;
const CAPACITY: usize = 9;
const DAMAGED: usize = 10;
const RECORDS: usize = 11;
const BEGUN: usize = 12;
const STAMPS: usize = 16;
const STAMP_LEN: usize = 8;
const SLOTS: usize = 512;
const SLOT_LEN: usize = 32;
const SLOT_COUNT: usize = 128;

/// The bits of a word that number a slot.
const SLOT_BITS: u64 = SLOT_COUNT as u64 - 1;

const _: () = assert!(SLOT_COUNT.is_power_of_two());
const _: () = assert!((SLOTS + SLOT_LEN * SLOT_COUNT) * 8 <= LEN as usize);

/// The byte whose lock says "I am opening".
const OPENING: u64 = 0;

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
pub(super) struct Owner {
    pub(super) slot: u64,
    pub(super) incarnation: u64,
}

/// What the slots say when a store is opened.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Survey {
    /// Processes, or earlier environments of this one, that have the store open.
    pub(super) alive: usize,
    /// How many processes in a row died while they wrote, without a commit in between.
    pub(super) deaths: u64,
    /// The pid of one that lives in another pid namespace.
    pub(super) stranger: Option<u64>,
}

/// The mapped file.
#[derive(Debug)]
pub(super) struct Guard {
    file: File,
    words: Words,
    mine: Option<usize>,
    is_released: AtomicBool,
    fork: u32,
}

/// The number of the pid namespace; 0 where that is not told.
fn pid_namespace() -> u64 {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino())
}

/// How a role is noted: a word that damage does not make of another.
fn role_word(role: LmdbRole) -> u64 {
    match role {
        LmdbRole::Origin => u64::from_le_bytes(*b"IsOrigin"),
        LmdbRole::Cache => u64::from_le_bytes(*b"IsACache"),
    }
}

/// A small check for what stands in the file: FNV-1a over words.
fn check(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    })
}

impl Guard {
    /// Maps the file, which is at least [`LEN`] bytes long and allocated.
    pub(super) fn map(file: File) -> std::io::Result<Guard> {
        let words = Words::map(&file, LEN as usize / 8)?;
        Ok(Guard { file, words, mine: None, is_released: AtomicBool::new(false), fork: sys::forks() })
    }

    fn word(&self, i: usize) -> &AtomicU64 {
        &self.words.get()[i]
    }

    fn read(&self, i: usize) -> u64 {
        self.word(i).load(Ordering::Acquire)
    }

    fn write(&self, i: usize, value: u64) {
        self.word(i).store(value, Ordering::Release);
    }

    fn slot(&self, slot: usize, word: usize) -> usize {
        SLOTS + slot * SLOT_LEN + word
    }

    /// Takes the lock of openers. `false` if another process is opening or destroying the store.
    pub(super) fn try_begin(&self) -> std::io::Result<bool> {
        let mine = sys::try_lock(&self.file, OPENING)?;
        if mine && self.read(HEAD) != MAGIC {
            // New, or damaged: nothing in it is to be believed.
            for word in self.words.get() {
                word.store(0, Ordering::Relaxed);
            }
            self.write(HEAD, MAGIC);
        }
        Ok(mine)
    }

    /// Lets go of the lock of openers.
    pub(super) fn end(&self) {
        let _ = sys::unlock(&self.file, OPENING);
    }

    /// Looks at all slots, and frees those of the dead. Under the lock of openers.
    pub(super) fn survey(&self) -> std::io::Result<Survey> {
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
    pub(super) fn others(&self) -> std::io::Result<usize> {
        let mut others = 0;
        for slot in (0..SLOT_COUNT).filter(|slot| self.mine != Some(*slot)) {
            let is_taken = self.read(self.slot(slot, INCARNATION)) != 0;
            others += usize::from(is_taken && sys::is_locked(&self.file, slot_byte(slot))?);
        }
        Ok(others)
    }

    /// Takes a slot for this process. `false` if all are taken. Under the lock of openers, after a survey.
    pub(super) fn claim(&mut self, env: &Env) -> std::io::Result<bool> {
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
    pub(super) fn me(&self) -> Owner {
        match self.mine {
            Some(slot) => Owner { slot: slot as u64, incarnation: self.read(self.slot(slot, INCARNATION)) },
            None => Owner { slot: u64::MAX, incarnation: 0 },
        }
    }

    /// Whether an owner lives. Where that cannot be told, it does.
    pub(super) fn is_alive(&self, owner: Owner) -> bool {
        let Some(slot) = usize::try_from(owner.slot).ok().filter(|slot| *slot < SLOT_COUNT) else {
            return false;
        };
        if self.read(self.slot(slot, INCARNATION)) != owner.incarnation || owner.incarnation == 0 {
            return false;
        }
        self.mine == Some(slot) || sys::is_locked(&self.file, slot_byte(slot)).unwrap_or(true)
    }

    /// Says that this process is about to be in LMDB's writing code, or no longer. Under the lock of writers.
    pub(super) fn set_writing(&self, writing: bool) {
        if let Some(slot) = self.mine {
            self.write(self.slot(slot, WRITING), u64::from(writing));
        }
        if writing {
            self.take_over();
        }
    }

    /// Says that this process has the lock of writers: whatever the one before it left unfinished, LMDB has finished.
    pub(super) fn take_over(&self) {
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
    pub(super) fn writer_died(&self) -> bool {
        let writer = self.read(WRITER);
        let slot = (writer & SLOT_BITS) as usize;
        if writer == 0 || (self.mine == Some(slot) && writer == self.writer_in(slot)) {
            return false;
        }
        // Where that cannot be told, it lives.
        writer != self.writer_in(slot) || !sys::is_locked(&self.file, slot_byte(slot)).unwrap_or(true)
    }

    /// A commit succeeded: whoever died while writing did not die of the file.
    pub(super) fn progress(&self) {
        if self.read(DEATHS) != 0 {
            self.write(DEATHS, 0);
        }
    }

    /// Whether a commit that was not synced may have been lost with the machine.
    pub(super) fn lost_with_machine(&self) -> bool {
        self.read(UNSYNCED) != 0 && [self.read(BOOT), self.read(BOOT + 1)] != boot_id()
    }

    /// Whether commits are not synced, as far as is noted.
    pub(super) fn is_unsynced(&self) -> bool {
        self.read(UNSYNCED) != 0
    }

    /// Forgets all commits: the store is about to be destroyed.
    pub(super) fn forget(&self) {
        for word in STAMPS..STAMPS + 2 * STAMP_LEN {
            self.write(word, 0);
        }
    }

    /// Forgets all that was noted of a cache that begins anew, under the lock of openers.
    pub(super) fn begin_anew(&self) {
        for word in [UNSYNCED, DEATHS, WRITER, CAPACITY, DAMAGED, RECORDS] {
            self.write(word, 0);
        }
        self.forget();
        self.word(BEGUN).fetch_add(1, Ordering::AcqRel);
    }

    /// How often the cache began anew.
    pub(super) fn begun_anew(&self) -> u64 {
        self.read(BEGUN)
    }

    /// What the store was made for, as far as is noted.
    pub(super) fn role(&self) -> Option<LmdbRole> {
        [LmdbRole::Origin, LmdbRole::Cache].into_iter().find(|role| role_word(*role) == self.read(ROLE))
    }

    pub(super) fn set_role(&self, role: LmdbRole) {
        self.write(ROLE, role_word(role));
    }

    /// The capacity that a cache was opened with, by whoever has it open.
    pub(super) fn capacity(&self) -> Option<u64> {
        Some(self.read(CAPACITY)).filter(|bytes| *bytes != 0)
    }

    pub(super) fn set_capacity(&self, bytes: u64) {
        self.write(CAPACITY, bytes);
    }

    /// Notes that the structure of a cache is damaged: whoever opens it next alone begins anew.
    pub(super) fn set_damaged(&self) {
        self.write(DAMAGED, 1);
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.read(DAMAGED) != 0
    }

    /// Counts values that came and went. Who dies between a commit and this leaves the number a little wrong.
    pub(super) fn count_records(&self, came: u64, went: u64) {
        let count = |n: u64| Some(n.saturating_add(came).saturating_sub(went));
        let _ = self.word(RECORDS).fetch_update(Ordering::AcqRel, Ordering::Acquire, count);
    }

    pub(super) fn records(&self) -> u64 {
        self.read(RECORDS)
    }

    /// Says that commits are not synced from now on, durably; or that all are synced.
    pub(super) fn set_unsynced(&self, unsynced: bool) -> std::io::Result<()> {
        if unsynced == (self.read(UNSYNCED) != 0) && !self.lost_with_machine() {
            return Ok(());
        }
        let boot = boot_id();
        self.write(BOOT, boot[0]);
        self.write(BOOT + 1, boot[1]);
        self.write(UNSYNCED, u64::from(unsynced));
        self.file.sync_data()
    }

    /// Whether the reader table was last looked at more than a minute ago; then it counts as looked at now. `now` is
    /// the time since boot.
    pub(super) fn minute_passed(&self, now: std::time::Duration) -> bool {
        let (now, last) = (now.as_secs(), self.read(CHECKED));
        if now.abs_diff(last) < 60 {
            return false;
        }
        self.word(CHECKED).compare_exchange(last, now, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Notes how the trees stand after a commit.
    pub(super) fn stamp(&self, meta: &Meta) {
        let at = STAMPS + (meta.txn % 2) as usize * STAMP_LEN;
        // Somebody who committed later may have been faster.
        if self.stamp_at(meta.txn % 2).is_some_and(|stamp| stamp.txn > meta.txn) {
            return;
        }
        let words = Stamp::of(meta).words();
        for (i, word) in words.into_iter().enumerate() {
            self.write(at + i, word);
        }
        self.write(at + words.len(), check(words));
    }

    fn stamp_at(&self, parity: u64) -> Option<Stamp> {
        let at = STAMPS + parity as usize * STAMP_LEN;
        let words = [0, 1, 2, 3, 4].map(|i| self.read(at + i));
        (self.read(at + words.len()) == check(words)).then(|| Stamp::from_words(words))
    }

    /// Whether any commit is known of.
    pub(super) fn knows_commits(&self) -> bool {
        self.read(HEAD) == MAGIC && (self.stamp_at(0).is_some() || self.stamp_at(1).is_some())
    }

    /// Compares the newest meta page with what is known of the last commits. Whoever died between a commit and its
    /// note leaves a meta page newer than all notes, which is fine.
    pub(super) fn check(&self, newest: &Meta) -> Read<()> {
        let page = newest.txn % 2;
        let stamps = [self.stamp_at(0), self.stamp_at(1)];
        if stamps.iter().flatten().any(|stamp| stamp.txn > newest.txn) {
            return Err(Damage::new("it is older than the last commit that larder.guard knows of", page));
        }
        match stamps[page as usize] {
            Some(stamp) if stamp.txn == newest.txn && stamp != Stamp::of(newest) => {
                Err(Damage::new("it does not say what larder.guard knows of its commit", page))
            }
            // An older state under a newer number: a commit moves the root, and never to a page that the one before it
            // freed.
            Some(stamp)
                if stamp.txn + 2 == newest.txn && stamp.main.is_some() && stamp.main == newest.main.page =>
            {
                Err(Damage::new("it says what an older commit left, under a newer number", page))
            }
            _ => Ok(()),
        }
    }
}

/// How the trees stood after a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    txn: u64,
    last_page: u64,
    free: Option<u64>,
    main: Option<u64>,
    entries: u64,
}

impl Stamp {
    fn of(meta: &Meta) -> Stamp {
        Stamp {
            txn: meta.txn,
            last_page: meta.last_page,
            free: meta.free.page,
            main: meta.main.page,
            entries: meta.main.entries,
        }
    }

    fn words(&self) -> [u64; 5] {
        [self.txn, self.last_page, self.free.unwrap_or(0), self.main.unwrap_or(0), self.entries]
    }

    fn from_words([txn, last_page, free, main, entries]: [u64; 5]) -> Stamp {
        let page = |number| Some(number).filter(|number| *number != 0);
        Stamp { txn, last_page, free: page(free), main: page(main), entries }
    }
}

impl Guard {
    /// Gives the slot back: this process does not have the store open any more.
    pub(super) fn release(&self) {
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

impl Drop for Guard {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lmdb::tree::Root;

    fn guard(dir: &std::path::Path) -> Guard {
        let path = dir.join(NAME);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
        file.set_len(LEN).unwrap();
        let guard = Guard::map(file).unwrap();
        assert!(guard.try_begin().unwrap());
        guard.end();
        guard
    }

    fn meta(txn: u64, main: u64) -> Meta {
        let main = Root { page: Some(main), depth: 1, pages: [0, 1, 0], entries: 3 };
        Meta { page_size: 4096, free: Root::default(), main, last_page: 9, txn }
    }

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

    #[test]
    fn one_opener_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (guard(dir.path()), guard(dir.path()));
        assert!(first.try_begin().unwrap());
        assert!(!second.try_begin().unwrap());
        first.end();
        assert!(second.try_begin().unwrap());
    }

    #[test]
    fn meta_pages_are_compared_with_the_notes() {
        let dir = tempfile::tempdir().unwrap();
        let guard = guard(dir.path());
        assert!(!guard.knows_commits());
        assert!(guard.check(&meta(4, 7)).is_ok());
        guard.stamp(&meta(5, 8));
        guard.stamp(&meta(6, 9));
        assert!(guard.knows_commits());
        assert!(guard.check(&meta(6, 9)).is_ok());
        // A newer one, of somebody who died before the note.
        assert!(guard.check(&meta(7, 10)).is_ok());
        // Older; another root; the older state under a newer number.
        assert!(guard.check(&meta(5, 8)).is_err());
        assert!(guard.check(&meta(6, 10)).is_err());
        assert!(guard.check(&meta(7, 8)).is_err());
        // A late note does not cover a newer one.
        guard.stamp(&meta(4, 7));
        assert!(guard.check(&meta(6, 9)).is_ok());
    }

    #[test]
    fn unsynced_commits_are_lost_with_the_machine_only() {
        let dir = tempfile::tempdir().unwrap();
        let guard = guard(dir.path());
        guard.set_unsynced(true).unwrap();
        assert!(!guard.lost_with_machine());
        guard.write(BOOT, !guard.read(BOOT));
        assert!(guard.lost_with_machine());
        guard.set_unsynced(false).unwrap();
        assert!(!guard.lost_with_machine());
    }
}
