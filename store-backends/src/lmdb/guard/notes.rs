//! Notes on the store: its role, what is not synced, and what is known of a cache.

use std::sync::atomic::Ordering;

use larder_store_core::boot::boot_id;

use super::super::config::LmdbRole;
use super::{
    BEGUN, BOOT, CAPACITY, CHECKED, DAMAGED, DEATHS, Guard, RECORDS, ROLE, STAMP_LEN, STAMPS, UNSYNCED,
    WRITER,
};

/// How a role is noted: a word that damage does not make of another.
fn role_word(role: LmdbRole) -> u64 {
    match role {
        LmdbRole::Origin => u64::from_le_bytes(*b"IsOrigin"),
        LmdbRole::Cache => u64::from_le_bytes(*b"IsACache"),
    }
}

impl Guard {
    /// Whether a commit that was not synced may have been lost with the machine.
    pub(in crate::lmdb) fn lost_with_machine(&self) -> bool {
        self.read(UNSYNCED) != 0 && [self.read(BOOT), self.read(BOOT + 1)] != boot_id()
    }

    /// Whether commits are not synced, as far as is noted.
    pub(in crate::lmdb) fn is_unsynced(&self) -> bool {
        self.read(UNSYNCED) != 0
    }

    /// Forgets all commits: the store is about to be destroyed.
    pub(in crate::lmdb) fn forget(&self) {
        for word in STAMPS..STAMPS + 2 * STAMP_LEN {
            self.write(word, 0);
        }
    }

    /// Forgets all that was noted of a cache that begins anew, under the lock of openers.
    pub(in crate::lmdb) fn begin_anew(&self) {
        for word in [UNSYNCED, DEATHS, WRITER, CAPACITY, DAMAGED, RECORDS] {
            self.write(word, 0);
        }
        self.forget();
        self.word(BEGUN).fetch_add(1, Ordering::AcqRel);
    }

    /// How often the cache began anew.
    pub(in crate::lmdb) fn begun_anew(&self) -> u64 {
        self.read(BEGUN)
    }

    /// What the store was made for, as far as is noted.
    pub(in crate::lmdb) fn role(&self) -> Option<LmdbRole> {
        [LmdbRole::Origin, LmdbRole::Cache].into_iter().find(|role| role_word(*role) == self.read(ROLE))
    }

    pub(in crate::lmdb) fn set_role(&self, role: LmdbRole) {
        self.write(ROLE, role_word(role));
    }

    /// The capacity that a cache was opened with, by whoever has it open.
    pub(in crate::lmdb) fn capacity(&self) -> Option<u64> {
        Some(self.read(CAPACITY)).filter(|bytes| *bytes != 0)
    }

    pub(in crate::lmdb) fn set_capacity(&self, bytes: u64) {
        self.write(CAPACITY, bytes);
    }

    /// Notes that the structure of a cache is damaged: whoever opens it next alone begins anew.
    pub(in crate::lmdb) fn set_damaged(&self) {
        self.write(DAMAGED, 1);
    }

    pub(in crate::lmdb) fn is_damaged(&self) -> bool {
        self.read(DAMAGED) != 0
    }

    /// Counts values that came and went. Who dies between a commit and this leaves the number a little wrong.
    pub(in crate::lmdb) fn count_records(&self, came: u64, went: u64) {
        let count = |n: u64| Some(n.saturating_add(came).saturating_sub(went));
        let _ = self.word(RECORDS).fetch_update(Ordering::AcqRel, Ordering::Acquire, count);
    }

    pub(in crate::lmdb) fn records(&self) -> u64 {
        self.read(RECORDS)
    }

    /// Says that commits are not synced from now on, durably; or that all are synced.
    pub(in crate::lmdb) fn set_unsynced(&self, unsynced: bool) -> std::io::Result<()> {
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
    pub(in crate::lmdb) fn minute_passed(&self, now: std::time::Duration) -> bool {
        let (now, last) = (now.as_secs(), self.read(CHECKED));
        if now.abs_diff(last) < 60 {
            return false;
        }
        self.word(CHECKED).compare_exchange(last, now, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::guard;
    use super::*;

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
