//! Looks through a source before anything is written.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use larder_store_core::{Error, ErrorKind, Guarantees, Listed, Meta, Result, Store};
use serde::Serialize;

use crate::dump::{DumpReader, Piece};
use crate::fetch;
use crate::fit::{self, Class, Misfit, Misfits};
use crate::listing::{self, Seen};
use crate::options::JobOptions;
use crate::report::{Phase, Teller};
use crate::select::Judge;

/// What there is, and what of it cannot be carried.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Preflight {
    /// Entries that are wanted.
    pub entries: u64,
    /// Bytes of their values, as far as the source tells without reading them.
    pub bytes: u64,
    /// Entries whose size it does not tell.
    pub of_unknown_size: u64,
    /// What cannot be carried, by class.
    pub misfits: Vec<Misfit>,
}

/// What a dump can carry: everything.
pub(crate) fn anything() -> Guarantees {
    Guarantees::in_process()
}

/// Whether a listing may hide what the target cannot carry: what the source has beyond the target's limits.
fn needs_facts(from: &Guarantees, to: &Guarantees) -> bool {
    to.max_attributes < from.max_attributes || (from.expiry && !to.expiry)
}

/// Looks through a store; what is wanted of it is kept in `seen`.
pub(crate) async fn of_store(
    source: &Arc<dyn Store>,
    to: &Guarantees,
    job: &JobOptions,
    judge: &Judge,
    teller: &Teller,
    seen: &mut Seen,
) -> Result<Preflight> {
    teller.phase(Phase::Preflight, None, None);
    let facts = needs_facts(source.guarantees(), to);
    let width = job.width_for(source.guarantees());
    let mut found = Preflight::default();
    let mut misfits = Misfits::default();
    let mut listed = source
        .list_opts(listing::options(job, judge, None))
        .map(|item| async {
            let item = item?;
            let Listed::Entry(meta) = item else { return Ok::<_, Error>(Some(item)) };
            let wanted = judge.wants(&meta.key, meta.size, meta.modified);
            if wanted == Some(false) {
                return Ok(None);
            }
            if !facts && wanted.is_some() {
                return Ok(Some(Listed::Entry(meta)));
            }
            let Some(meta) = fetch::told(&**source, meta, job).await? else { return Ok(None) };
            let unwanted = judge.wants(&meta.key, meta.size, meta.modified) == Some(false);
            Ok((!unwanted).then_some(Listed::Entry(meta)))
        })
        .buffered(width);
    while let Some(item) = listed.try_next().await? {
        let Some(item) = item else { continue };
        match &item {
            Listed::Entry(meta) => {
                count(&mut found, &mut misfits, to, meta);
                teller.add(1, meta.size.unwrap_or(0), Some(&meta.key));
            }
            Listed::Foreign { name, .. } => misfits.add(Class::Foreign, to, name, 0),
            _ => {}
        }
        seen.add(item);
    }
    found.misfits = misfits.into_list();
    Ok(found)
}

fn count(found: &mut Preflight, misfits: &mut Misfits, to: &Guarantees, meta: &Meta) {
    found.entries += 1;
    // A record's own size is a little more than its value's.
    let size = meta.size.unwrap_or(0);
    found.bytes += size;
    found.of_unknown_size += u64::from(meta.size.is_none());
    let attributes = meta.attributes.clone().unwrap_or_default();
    let expires = meta.expires.and_then(|e| e.at()).is_some();
    for class in fit::misfits(to, &meta.key, size, &attributes, expires) {
        misfits.add(class, to, meta.key.as_str(), size);
    }
}

/// Reads a whole dump, checks all of it, and looks through its entries; with `incomplete` as far as it goes.
pub(crate) async fn of_dump(
    reader: &mut DumpReader,
    to: &Guarantees,
    judge: &Judge,
    teller: &Teller,
    incomplete: bool,
) -> Result<Preflight> {
    teller.phase(Phase::Preflight, None, None);
    let mut found = Preflight::default();
    let mut misfits = Misfits::default();
    loop {
        let segment = match reader.next().await {
            Ok(Some((_, segment))) => segment,
            Ok(None) if incomplete => break,
            Ok(None) => {
                reader.check_end()?;
                break;
            }
            Err(error) if incomplete && error.is(ErrorKind::Corrupt) => break,
            Err(error) => return Err(error),
        };
        for piece in &segment.pieces {
            let (key, size, facts) = match piece {
                Piece::Entry(entry) => (&entry.key, entry.value.len() as u64, &entry.facts),
                Piece::Begin { key, facts, size } => (key, *size, facts),
                _ => continue,
            };
            if judge.wants(key, Some(size), facts.modified.or(Some(std::time::UNIX_EPOCH))) == Some(false) {
                continue;
            }
            found.entries += 1;
            found.bytes += size;
            for class in fit::misfits(to, key, size, &facts.attributes, facts.expires.is_some()) {
                misfits.add(class, to, key.as_str(), size);
            }
            teller.add(1, size, Some(key));
        }
    }
    found.misfits = misfits.into_list();
    Ok(found)
}
