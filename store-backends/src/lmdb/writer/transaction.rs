//! One transaction, from the lock of writers to the disk.

use std::sync::atomic::Ordering::Relaxed;

use larder_store_core::{Error, ErrorKind, Op, Result};

use super::Writer;
use super::plan::Plan;
use super::room::Room;
use crate::lmdb::error;
use crate::lmdb::shared::Shared;
use crate::lmdb::sys::{Code, WriteTxn};
use crate::lmdb::tree::{Meta, verify};

/// Bytes that a disk has left when a write that was cut short is taken for a full disk: LMDB calls both EIO.
const SCARCE: u64 = 16 << 20;

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Fate {
    /// It was made, or there was nothing to make.
    Made,
    /// There is no room for it; nothing was changed.
    TooLarge(Error),
    /// It failed; nothing was changed.
    Failed(Error),
    /// It failed, and may have been made.
    Unknown(Error),
}

impl Fate {
    pub(super) fn result(self) -> Result<()> {
        match self {
            Fate::Made => Ok(()),
            Fate::TooLarge(error) | Fate::Failed(error) | Fate::Unknown(error) => Err(error),
        }
    }
}

/// How far a transaction came.
enum Came {
    Over(Fate),
    ToBegin(Code),
    ToChanges(Code),
    ToCommit(Code),
}

/// Plans a transaction, and makes it. `garbage`: whether parts became garbage.
fn run<'j>(
    shared: &Shared,
    mut txn: WriteTxn<'_>,
    room: &mut Room,
    suspect: Option<u64>,
    garbage: &mut bool,
    op: Op,
    build: &mut impl for<'s> FnMut(&mut Plan<'s, 'j>) -> Result<()>,
) -> Came {
    let number = txn.id();
    let (meta, mapping) = match shared.data.for_writing(number) {
        Ok(found) => found,
        Err(trouble) => {
            let error = error::trouble(op, trouble);
            give_up(shared, &error);
            return Came::Over(Fate::Failed(error));
        }
    };
    let snapshot = shared.data.quiet(&mapping, meta);
    if let Some(budget) = suspect
        && let Err(damage) = verify(snapshot.view, &meta, budget)
    {
        let error = error::damage(op, damage);
        give_up(shared, &error);
        shared.poison(error.clone());
        return Came::Over(Fate::Failed(error));
    }
    let mut plan = Plan::new(snapshot, shared.guard.me(), shared.cache.get());
    let built = build(&mut plan).and_then(|()| make_room(shared, room, &meta, &mut plan));
    if plan.saw_damage() {
        give_up(shared, &Error::new(ErrorKind::Corrupt, op, "a page that was to be changed is damaged"));
    }
    if let Err(error) = built {
        give_up(shared, &error);
        return Came::Over(Fate::Failed(error));
    }
    if plan.is_empty() {
        return Came::Over(Fate::Made);
    }
    if let Some(pages) = plan.adds(shared.settings.page_size)
        && let Err(lack) = room.make(&shared.settings, &snapshot, pages)
    {
        return Came::Over(Fate::TooLarge(lack.error(op, &shared.settings)));
    }
    // From here on it is LMDB that touches pages: a death here is looked into at the next open.
    shared.guard.set_writing(true);
    let came = match plan.apply(&mut txn) {
        Ok(()) => match txn.commit() {
            Ok(()) => Came::Over(Fate::Made),
            Err(code) => Came::ToCommit(code),
        },
        Err(code) => {
            drop(txn);
            Came::ToChanges(code)
        }
    };
    shared.guard.set_writing(false);
    if matches!(came, Came::Over(_)) {
        shared.guard.progress();
        if let Some(meta) = shared.data.after_commit(number) {
            shared.guard.stamp(&meta);
        }
        settle(shared, &plan);
        *garbage |= plan.made_garbage();
    }
    came
}

/// Plans to evict as much from a cache as is added, if it is full.
fn make_room(shared: &Shared, room: &Room, meta: &Meta, plan: &mut Plan<'_, '_>) -> Result<()> {
    let settings = &shared.settings;
    if !settings.is_cache() || plan.adds(settings.page_size).is_none() {
        return Ok(());
    }
    plan.make_room(room.ceiling(settings, meta), settings.page_size, shared.env.wall())
}

/// A cache whose structure is damaged is not worth being mended.
fn give_up(shared: &Shared, error: &Error) {
    if shared.settings.is_cache() && error.is(ErrorKind::Corrupt) {
        shared.give_up(error.clone());
    }
}

/// Notes what a commit did to a cache.
fn settle(shared: &Shared, plan: &Plan<'_, '_>) {
    let (Some(cache), Some(ledger)) = (shared.cache.get(), &plan.ledger) else { return };
    let counts = ledger.counts();
    shared.guard.count_records(counts.came, counts.went);
    cache.evictions.fetch_add(counts.evicted, Relaxed);
    if let Some(birth) = ledger.last_birth() {
        cache.recency.set_now(birth);
    }
}

impl Writer {
    /// Plans a transaction with `build`, and makes it. The plan is built anew when the map has to grow.
    pub(super) fn transaction<'j>(
        &mut self,
        op: Op,
        mut build: impl for<'s> FnMut(&mut Plan<'s, 'j>) -> Result<()>,
    ) -> Fate {
        let shared = self.shared.clone();
        loop {
            if let Some(error) = shared.poisoned() {
                return Fate::Failed(error.during(op));
            }
            let came = match self.end.begin() {
                Ok(txn) => {
                    let suspect = self.suspect.take();
                    run(&shared, txn, &mut self.room, suspect, &mut self.garbage, op, &mut build)
                }
                Err(code) => Came::ToBegin(code),
            };
            let grown = match came {
                Came::Over(fate) => return fate,
                Came::ToBegin(Code::MapResized) => self.grow_to(shared.data.used()).map(|()| true),
                Came::ToBegin(Code::Panic) => return self.fatal(op, Code::Panic),
                Came::ToBegin(code) => {
                    return Fate::Failed(error::code(op, code, "taking the lock of writers"));
                }
                Came::ToChanges(Code::MapFull) | Came::ToCommit(Code::MapFull) => self.grow(),
                Came::ToChanges(code) => return self.room_or_failure(op, code, "changing the trees"),
                Came::ToCommit(code) => return self.commit_failed(op, code),
            };
            match grown {
                Ok(true) => {}
                Ok(false) => return Fate::TooLarge(error::no_more(op, &shared.settings)),
                Err(code) => return Fate::Failed(error::code(op, code, "mapping more of the data file")),
            }
        }
    }

    /// What a failure means before anything was committed.
    fn room_or_failure(&self, op: Op, code: Code, what: &str) -> Fate {
        match code {
            Code::TxnFull => Fate::TooLarge(error::code(op, code, what)),
            Code::Other(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => {
                Fate::TooLarge(error::code(op, code, what))
            }
            Code::Other(libc::EIO) if self.is_scarce() => {
                Fate::TooLarge(error::code(op, Code::Other(libc::ENOSPC), what))
            }
            _ => Fate::Failed(error::code(op, code, what)),
        }
    }

    fn is_scarce(&self) -> bool {
        self.shared.data.disk_left().is_some_and(|left| left < SCARCE)
    }

    /// What a commit that failed means.
    fn commit_failed(&self, op: Op, code: Code) -> Fate {
        // When the meta page could not be written, LMDB refuses everything from then on.
        let refuses = match self.shared.readers.lease() {
            Ok(Some(mut lease)) => lease.renew() == Err(Code::Panic),
            _ => code == Code::Panic,
        };
        if refuses {
            return self.fatal(op, code);
        }
        match self.room_or_failure(op, code, "committing") {
            Fate::Failed(failed) if code == Code::Other(libc::EIO) => {
                // What the kernel could not write it now takes for written: nothing may build on that.
                self.shared.poison(
                    Error::new(
                        ErrorKind::Unavailable,
                        op,
                        "the disk failed while a commit was being made durable; the store takes no more writes",
                    )
                    .hint("nothing of that commit is visible; mend the disk, close the store and open it anew")
                    .caused_by(code),
                );
                Fate::Failed(failed)
            }
            fate => fate,
        }
    }

    /// The newest state could not be noted: it may be there or not.
    fn fatal(&self, op: Op, code: Code) -> Fate {
        self.shared.poison(
            Error::new(
                ErrorKind::Unavailable,
                op,
                "the disk failed while the newest state was being noted; the store takes no more writes",
            )
            .hint("mend the disk, close the store in every process and open it anew")
            .caused_by(code),
        );
        Fate::Unknown(
            Error::new(ErrorKind::Unknown, op, "the disk failed at the end of the commit")
                .hint("open the store anew, and read the key before anything depends on it")
                .caused_by(code),
        )
    }
}
