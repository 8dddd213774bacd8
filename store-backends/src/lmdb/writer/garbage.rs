//! Parts that nothing names any more.

use std::time::SystemTime;

use larder_store_core::{Op, Result, Swept};

use super::Writer;
use super::plan::{BookEntry, Plan};
use super::transaction::Fate;
use super::work::SweepOrder;
use crate::lmdb::error;
use crate::lmdb::keys::{self, Book, PartsId};
use crate::lmdb::snapshot::Snapshot;
use crate::lmdb::tree::{To, TreeCursor};

/// Parts that one transaction removes when there is nothing else to do.
pub(super) const STEP: usize = 512;
/// Parts that one removes between others.
pub(super) const SMALL_STEP: usize = 64;
/// Uploads that one transaction takes out of the books.
const BOOK_STEP: usize = 512;

const OP: Op = Op::Sweep;

/// The entries of a book, up to `most` that `wanted` wants.
fn entries(
    snapshot: Snapshot<'_>,
    book: Book,
    most: usize,
    mut wanted: impl FnMut(Option<BookEntry>) -> bool,
) -> Result<Vec<PartsId>> {
    let damage = |d| error::damage(OP, d);
    let mut found = Vec::new();
    let mut cursor = TreeCursor::seek(snapshot.view, &snapshot.meta.main, &book.prefix()).map_err(damage)?;
    while found.len() < most
        && let Some(node) = cursor.entry().map_err(damage)?
        && let Some(id) = book.id(node.key)
    {
        if wanted(BookEntry::decode(cursor.value(&node).map_err(damage)?)) {
            found.push(id);
        }
        cursor.advance();
    }
    Ok(found)
}

/// The numbers of up to `most` parts under an id, and the bytes of them.
fn parts(snapshot: Snapshot<'_>, id: &PartsId, most: usize) -> Result<(Vec<u32>, u64)> {
    let damage = |d| error::damage(OP, d);
    let prefix = keys::parts(id);
    let (mut numbers, mut bytes) = (Vec::new(), 0);
    let mut cursor = TreeCursor::seek(snapshot.view, &snapshot.meta.main, &prefix).map_err(damage)?;
    while numbers.len() < most
        && let Some(node) = cursor.entry().map_err(damage)?
        && let Some(number) = node.key.strip_prefix(&prefix)
    {
        let Ok(number) = number.try_into() else { break };
        numbers.push(u32::from_be_bytes(number));
        bytes += match node.to {
            To::Value(value) => value.len() as u64,
            To::Big { len, .. } => len as u64,
            To::Child(_) => 0,
        };
        cursor.advance();
    }
    Ok((numbers, bytes))
}

/// Plans to remove up to `step` parts of garbage. Whether there may be more.
fn remove_some(plan: &mut Plan<'_, '_>, step: usize) -> Result<bool> {
    let mut left = step;
    let garbage = entries(plan.snapshot(), Book::Garbage, step, |_| true)?;
    let more = garbage.len() == step;
    for id in garbage {
        let (numbers, _) = parts(plan.snapshot(), &id, left + 1)?;
        for number in numbers.iter().take(left) {
            plan.remove(OP, &keys::part(&id, *number))?;
        }
        if numbers.len() > left {
            return Ok(true);
        }
        left -= numbers.len();
        plan.remove(OP, &Book::Garbage.key(&id))?;
    }
    Ok(more)
}

impl Writer {
    /// Removes some garbage, in one transaction.
    pub(super) fn collect_garbage(&mut self, mut step: usize) -> Result<()> {
        let mut more = false;
        let fate = loop {
            let fate = self.transaction(OP, |plan| {
                more = remove_some(plan, step)?;
                Ok(())
            });
            match fate {
                // What many take at once may be too much for a full disk.
                Fate::TooLarge(_) if step > 1 => step /= 4,
                fate => break fate,
            }
        };
        self.garbage = more && matches!(fate, Fate::Made);
        self.garbage_failed |= !matches!(fate, Fate::Made);
        fate.result()
    }

    /// The same where nobody waits for it.
    pub(super) fn collect(&mut self, step: usize) {
        if let Err(error) = self.collect_garbage(step) {
            // Tried again after the next commit that succeeds.
            tracing::warn!(%error, "garbage could not be removed");
        }
    }

    /// Makes garbage of the uploads of processes that died. Whether there may be more.
    pub(super) fn sweep_dead(&mut self, wanted: impl Fn(&BookEntry) -> bool) -> Result<bool> {
        let shared = self.shared.clone();
        let mut more = false;
        let mut found = 0;
        let now = shared.env.wall();
        let fate = self.transaction(OP, |plan| {
            let dead = entries(plan.snapshot(), Book::Upload, BOOK_STEP, |entry| {
                entry.is_none_or(|entry| !shared.guard.is_alive(entry.owner) && wanted(&entry))
            })?;
            (more, found) = (dead.len() == BOOK_STEP, dead.len());
            dead.iter().try_for_each(|id| plan.garbage_upload(id, now))
        });
        fate.result()?;
        self.garbage |= found > 0;
        Ok(more)
    }

    /// Counts what killed writers left, and removes it.
    pub(super) fn sweep(&mut self, order: &SweepOrder) -> Result<Swept> {
        let old =
            |since: SystemTime| order.now.duration_since(since).is_ok_and(|age| age >= order.older_than);
        let shared = self.shared.clone();
        let mut swept = Swept::default();
        // Counted within a transaction that changes nothing: so nobody finishes an upload meanwhile.
        let fate = self.transaction(OP, |plan| {
            swept = Swept::default();
            for book in [Book::Upload, Book::Garbage] {
                let found = entries(plan.snapshot(), book, usize::MAX, |entry| match entry {
                    Some(entry) => {
                        let dead = book == Book::Garbage || !shared.guard.is_alive(entry.owner);
                        dead && old(entry.since)
                    }
                    None => true,
                })?;
                for id in found {
                    let (_, bytes) = parts(plan.snapshot(), &id, usize::MAX)?;
                    let id: String = id.iter().map(|b| format!("{b:02x}")).collect();
                    swept.count(
                        || format!("parts {id} of a value that was never finished"),
                        bytes,
                        !order.dry_run,
                    );
                }
            }
            Ok(())
        });
        fate.result()?;
        if !order.dry_run && swept.found > 0 {
            while self.sweep_dead(|entry| old(entry.since))? {}
            self.garbage = true;
            self.drain()?;
        }
        Ok(swept)
    }
}
