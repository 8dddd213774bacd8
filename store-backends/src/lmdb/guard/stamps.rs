//! How the trees stood after the last two commits, against which LMDB's meta pages are held.

use super::super::tree::{Damage, Meta, Read};
use super::{Guard, HEAD, MAGIC, STAMP_LEN, STAMPS};

/// A small check for what stands in the file: FNV-1a over words.
fn check(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    })
}

impl Guard {
    /// Notes how the trees stand after a commit.
    pub(in crate::lmdb) fn stamp(&self, meta: &Meta) {
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
    pub(in crate::lmdb) fn knows_commits(&self) -> bool {
        self.read(HEAD) == MAGIC && (self.stamp_at(0).is_some() || self.stamp_at(1).is_some())
    }

    /// Compares the newest meta page with what is known of the last commits. Whoever died between a commit and its
    /// note leaves a meta page newer than all notes, which is fine.
    pub(in crate::lmdb) fn check(&self, newest: &Meta) -> Read<()> {
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

#[cfg(test)]
mod tests {
    use super::super::tests::guard;
    use super::*;
    use crate::lmdb::tree::Root;

    fn meta(txn: u64, main: u64) -> Meta {
        let main = Root { page: Some(main), depth: 1, pages: [0, 1, 0], entries: 3 };
        Meta { page_size: 4096, free: Root::default(), main, last_page: 9, txn }
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
}
