//! What was written becomes segments.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_store_core::{Call, DeleteItem, DeleteOptions, Key, Op, Result};

use super::core::Core;
use super::manifest::Swapped;
use super::pack::add_book;
use super::view::View;
use crate::manifest::{Manifest, Retired, SegmentEntry};
use crate::memtable::Memtable;
use crate::segment::{self, Dead, MAX_ROWS, RowSet, Segment};
use crate::wal;

/// Segments whose deleted rows are looked for at once.
const TOGETHER: usize = 8;

impl Core {
    /// Seals every table that gets no more.
    pub(super) async fn seal_all(&self, call: &Call) -> Result<()> {
        while self.seal_next(call).await? {}
        Ok(())
    }

    /// Seals the oldest table that gets no more; `false` if there is none.
    pub(super) async fn seal_next(&self, call: &Call) -> Result<bool> {
        let _turn = self.turn.lock().await;
        let view = self.view.load_full();
        if view.tables.len() < 2 {
            return Ok(false);
        }
        let done = self.seal(&view, call).await;
        self.backlog.sealed(&done, self.env.now());
        done.map(|()| true)
    }

    /// Seals the oldest table. Whoever calls it holds [`Core::turn`].
    async fn seal(&self, view: &Arc<View>, call: &Call) -> Result<()> {
        let (rows, end, floor, spent) = {
            let table = view.tables[0].read();
            let floor = table.slots.map_or(view.manifest.floor, |(_, last)| last);
            (rows_of(&table), table.end(), floor, table.spent())
        };
        let mut packed = Vec::new();
        let mut book = None;
        if rows.len() > 0 {
            let rows = Arc::new(rows);
            let chosen = self.choose(view, &rows, call).await?;
            for (number, part) in (view.manifest.next_segment..).zip(split(&rows, self.schema.dims as usize))
            {
                packed.push(self.pack(number, part, chosen.codec.clone(), false, call).await?);
            }
            book = chosen.new;
        }
        let dead = self.write_dead(view, call).await?;
        let retired = retired(view, &dead, self.millis());
        let entries: Vec<SegmentEntry> = packed.iter().map(|packed| packed.entry.clone()).collect();
        let change = |manifest: &mut Manifest| {
            manifest.floor = manifest.floor.max(floor);
            manifest.next_segment += entries.len() as u64;
            add_book(manifest, &book);
            note_dead(&mut manifest.segments, &dead);
            manifest.segments.extend(entries.iter().cloned());
            manifest.retired.extend(retired);
        };
        let Swapped::Done(manifest, version) = self.swap(call, change).await? else { return Ok(()) };
        let fresh: Vec<_> = packed
            .into_iter()
            .map(|packed| {
                let rows = packed.entry.rows as usize;
                Arc::new(Segment::built(packed.entry, Dead::none(rows), end))
            })
            .collect();
        self.put_view(renewed(view, *manifest, version, &fresh, true), 1, true);
        // What stays, by an error, is removed by a sweep.
        self.remove(spent.into_iter().map(wal::name).collect(), call).await;
        Ok(())
    }

    /// Writes the bitmaps of segments that rows have died in, as far as they can be known now: number, bitmap's revision, rows.
    pub(super) async fn write_dead(&self, view: &View, call: &Call) -> Result<Vec<(SegmentEntry, u32)>> {
        let look = |segment: Arc<Segment>| async move {
            let behind = {
                let tables = view.read_tables();
                let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
                segment.is_behind(&tables)
            };
            let dead = if behind {
                let index = segment.load(self, call).await?;
                let tables = view.read_tables();
                let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
                Some(segment.dead(&index, &tables)?)
            } else {
                segment.dead_if_known()
            };
            let Some(dead) = dead.filter(|dead| dead.count() != segment.entry.dead) else { return Ok(None) };
            let mut entry = segment.entry.clone();
            entry.dead_rev = self.name();
            let name = segment::dead_key(&entry).unwrap_or_default();
            self.write(&name, dead.encode(&name, entry.rows as usize), call).await?;
            Ok(Some((entry, dead.count())))
        };
        let each = futures_util::stream::iter(view.segments.iter().cloned().map(look));
        let written: Vec<_> = each.buffered(TOGETHER).try_collect().await?;
        Ok(written.into_iter().flatten().collect())
    }

    /// Removes objects that nobody needs. What cannot be removed stays for a sweep.
    pub(super) async fn remove(&self, keys: Vec<String>, call: &Call) {
        let items: Vec<_> = keys
            .iter()
            .filter_map(|key| Key::new(&**key).ok())
            .map(|key| DeleteItem { key, only: None })
            .collect();
        for part in items.chunks(1000) {
            let options = DeleteOptions::new().with_call(call.clone());
            let done = self.store.delete_many_opts(part.to_vec(), &options).await;
            for error in done.into_iter().filter_map(Result::err) {
                tracing::debug!(op = Op::Maintain.name(), %error, "an object that nobody needs was not removed");
            }
        }
    }

    pub(super) fn millis(&self) -> u64 {
        let since = self.env.wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// A view of a new manifest: segments that stay, and fresh ones.
pub(super) fn renewed(
    view: &View,
    manifest: Manifest,
    version: larder_store_core::Version,
    fresh: &[Arc<Segment>],
    wrote: bool,
) -> View {
    let segment = |entry: &SegmentEntry| {
        if let Some(fresh) = fresh.iter().find(|segment| segment.entry.name == entry.name) {
            return fresh.clone();
        }
        match view.segments.iter().find(|segment| segment.entry.name == entry.name) {
            Some(there) if there.entry == *entry => there.clone(),
            Some(there) => Arc::new(there.renewed(entry.clone(), wrote)),
            None => Arc::new(Segment::new(entry.clone())),
        }
    };
    View {
        moves: view.moves,
        segments: manifest.segments.iter().map(segment).collect(),
        manifest: Arc::new(manifest),
        version,
        codecs: view.codecs.clone(),
        tables: view.tables.clone(),
    }
}

/// What bitmaps replace.
fn retired(view: &View, dead: &[(SegmentEntry, u32)], at: u64) -> Option<Retired> {
    let replaced = |entry: &&SegmentEntry| dead.iter().any(|(fresh, _)| fresh.name == entry.name);
    let entries = view.segments.iter().map(|segment| &segment.entry);
    let keys: Vec<String> = entries.filter(replaced).filter_map(segment::dead_key).collect();
    (!keys.is_empty()).then_some(Retired { keys, at })
}

/// Puts new bitmaps into a manifest.
pub(super) fn note_dead(segments: &mut [SegmentEntry], dead: &[(SegmentEntry, u32)]) {
    for (entry, count) in dead {
        if let Some(there) = segments.iter_mut().find(|there| there.name == entry.name) {
            (there.dead_rev, there.dead) = (entry.dead_rev, *count);
        }
    }
}

/// The rows of a table.
fn rows_of(table: &Memtable) -> RowSet {
    let mut rows = RowSet { values: table.values().to_vec(), ..RowSet::default() };
    for row in (0..table.len()).map(|row| table.row(row)) {
        rows.ids.push(row.id.clone());
        rows.payloads.push(row.payload.clone());
    }
    rows
}

/// Rows in parts that segments can hold.
pub(super) fn split(rows: &Arc<RowSet>, dims: usize) -> Vec<Arc<RowSet>> {
    if rows.len() <= MAX_ROWS {
        return vec![rows.clone()];
    }
    let parts = (0..rows.len()).step_by(MAX_ROWS).map(|from| from..rows.len().min(from + MAX_ROWS));
    parts
        .map(|part| {
            Arc::new(RowSet {
                ids: rows.ids[part.clone()].to_vec(),
                values: rows.values[part.start * dims..part.end * dims].to_vec(),
                payloads: rows.payloads[part].to_vec(),
            })
        })
        .collect()
}
