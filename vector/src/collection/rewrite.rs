//! Segments are written anew: without what was deleted, larger where they are small, and with those rows together that are near each
//! other.

use std::sync::Arc;

use larder_store_core::{Call, Op, Result};

use super::core::Core;
use super::manifest::Swapped;
use super::pack::add_book;
use super::recode::unused_books;
use super::seal::renewed;
use super::view::View;
use crate::Progress;
use crate::cells::{CellOptions, Cells};
use crate::codec::unit;
use crate::manifest::{Manifest, Retired, SegmentEntry};
use crate::memtable::Memtable;
use crate::segment::{self, Dead, Index, MAX_ROWS, RowSet, Segment};

/// Bytes of vectors that are held while segments are rewritten.
const MEMORY: usize = 512 << 20;
/// As many segments in the order of writing are made into as many whose rows are near each other.
const TOGETHER: usize = 4;

/// What is rewritten, and into how many.
struct Job {
    segments: Vec<Arc<Segment>>,
    into: usize,
}

impl Core {
    /// Rewrites what is worth it: segments with many deleted rows, small ones, and those that were not clustered yet.
    pub(super) async fn tidy(&self, call: &Call) -> Result<()> {
        let _one = self.rewriting.lock().await;
        while let Some(job) = self.worth_it(&self.view.load_full()) {
            self.check_open(Op::Maintain)?;
            self.rewrite(job, call).await?;
        }
        while let Some(segment) = self.outdated(&self.view.load_full()) {
            self.check_open(Op::Maintain)?;
            self.recode(&segment, call).await?;
        }
        self.remove_retired(call).await
    }

    /// Rewrites all segments into as few as can be, clustered.
    pub(super) async fn cluster_all(&self, call: &Call) -> Result<()> {
        let _one = self.rewriting.lock().await;
        let most = MEMORY / (4 * self.schema.dims as usize);
        let view = self.view.load_full();
        let mut segments = view.segments.clone();
        while !segments.is_empty() {
            let mut rows = 0;
            let fits = |segment: &&Arc<Segment>| {
                rows += segment.entry.rows as usize;
                rows <= most
            };
            let count = segments.iter().take_while(fits).count().max(1);
            let part: Vec<_> = segments.drain(..count).collect();
            let live: usize = part.iter().map(|segment| live(segment)).sum();
            let into = live.div_ceil(self.options.seal_rows.min(MAX_ROWS));
            // Of one alone all rows are together as it is.
            let done = part.len() == 1 && into == 1 && part[0].dead_count() == 0;
            if !done {
                self.rewrite(Job { segments: part, into }, call).await?;
            }
        }
        self.remove_retired(call).await
    }

    fn worth_it(&self, view: &View) -> Option<Job> {
        let target = self.options.seal_rows.min(MAX_ROWS);
        let with_dead = view.segments.iter().find(|segment| {
            f64::from(segment.dead_count()) >= self.options.vacuum * f64::from(segment.entry.rows)
                && segment.dead_count() > 0
        });
        if let Some(segment) = with_dead {
            return Some(Job { segments: vec![segment.clone()], into: 1 });
        }
        let most = MEMORY / (4 * self.schema.dims as usize);
        let mut rows = 0;
        let mut fits = |segment: &&Arc<Segment>| {
            rows += live(segment);
            rows <= most
        };
        let small = view.segments.iter().filter(|segment| live(segment) < target / 2);
        let small: Vec<_> = small.take(8).take_while(&mut fits).cloned().collect();
        let live_rows: usize = small.iter().map(|segment| live(segment)).sum();
        if small.len() >= TOGETHER || (small.len() > 1 && live_rows >= target) {
            return Some(Job { segments: small, into: live_rows.div_ceil(target) });
        }
        rows = 0;
        let mut fits = |segment: &&Arc<Segment>| {
            rows += live(segment);
            rows <= most
        };
        let loose =
            view.segments.iter().filter(|segment| !segment.entry.clustered && live(segment) >= target / 2);
        let loose: Vec<_> = loose.take(2 * TOGETHER).take_while(&mut fits).cloned().collect();
        if loose.len() < TOGETHER {
            return None;
        }
        let live_rows: usize = loose.iter().map(|segment| live(segment)).sum();
        Some(Job { segments: loose, into: live_rows.div_ceil(target) })
    }

    /// Rewrites segments.
    async fn rewrite(&self, job: Job, call: &Call) -> Result<()> {
        let view = self.view.load_full();
        let mut sources: Vec<(Arc<Segment>, Arc<Index>)> = Vec::new();
        let mut rows = RowSet::default();
        // For each row, which source it came from and its number there.
        let mut from: Vec<(u32, u32)> = Vec::new();
        for (at, segment) in job.segments.into_iter().enumerate() {
            let index = segment.load(self, call).await?;
            let dead = self.dead_now(&view, &segment, &index)?.0;
            let (part, numbers) = self.live_rows(&segment, &index, &dead, call).await?;
            rows.ids.extend(part.ids);
            rows.values.extend(part.values);
            rows.payloads.extend(part.payloads);
            from.extend(numbers.into_iter().map(|row| (at as u32, row)));
            sources.push((segment, index));
        }
        let clustered = sources.len() > 1 || sources.iter().all(|(segment, _)| segment.entry.clustered);
        let rows = Arc::new(rows);
        let mut packed = Vec::new();
        let mut book = None;
        if rows.len() > 0 {
            let chosen = self.choose(&view, &rows, call).await?;
            let mut number = {
                let _turn = self.turn.lock().await;
                self.reserve_numbers(job.into as u64, call).await?
            };
            for part in self.parts(&rows, job.into).await? {
                let part_rows = Arc::new(rows.arrange(self.schema.dims as usize, &part));
                let done = self.pack(number, part_rows, chosen.codec.clone(), clustered, call).await?;
                let origin: Vec<_> =
                    done.order.iter().map(|row| from[part[*row as usize] as usize]).collect();
                packed.push((done.entry, origin));
                number += 1;
            }
            book = chosen.new;
        }
        let _turn = self.turn.lock().await;
        let view = self.view.load_full();
        // An answer that got lost may have been found meanwhile, and with it that these segments were rewritten before.
        let is_there = |(source, _): &(Arc<Segment>, _)| {
            view.segments.iter().any(|segment| segment.entry.name == source.entry.name)
        };
        if !sources.iter().all(is_there) {
            self.remove(packed.iter().flat_map(|(entry, _)| keys(entry)).collect(), call).await;
            return Ok(());
        }
        let mut fresh = Vec::new();
        for (mut entry, origin) in packed {
            let mut dead = Dead::none(origin.len());
            let mut end = u64::MAX;
            for (at, (source, index)) in sources.iter().enumerate() {
                // Seals meanwhile have noted what died in the segment as the view knows it, and dropped the tables that say so.
                let now = view.segments.iter().find(|segment| segment.entry.name == source.entry.name);
                let (gone, seen) = self.dead_now(&view, now.unwrap_or(source), index)?;
                end = end.min(seen);
                let mine = origin.iter().enumerate().filter(|(_, (source, _))| *source == at as u32);
                mine.filter(|(_, (_, row))| gone.has(*row as usize)).for_each(|(row, _)| dead.add(row));
            }
            if dead.count() > 0 {
                (entry.dead_rev, entry.dead) = (self.name(), dead.count());
                let name = segment::dead_key(&entry).unwrap_or_default();
                self.write(&name, dead.encode(&name, origin.len()), call).await?;
            }
            fresh.push(Arc::new(Segment::built(entry, dead, end)));
        }
        let old: Vec<&SegmentEntry> = sources.iter().map(|(segment, _)| &segment.entry).collect();
        let change = |manifest: &mut Manifest| {
            let is_old = |entry: &SegmentEntry| old.iter().any(|old| old.name == entry.name);
            let (gone, stay): (Vec<_>, Vec<_>) = manifest.segments.drain(..).partition(is_old);
            manifest.segments = stay;
            manifest.segments.extend(fresh.iter().map(|segment| segment.entry.clone()));
            add_book(manifest, &book);
            let mut keys: Vec<String> = gone.iter().flat_map(keys).collect();
            keys.extend(unused_books(manifest));
            manifest.retired.push(Retired { keys, at: self.millis() });
        };
        if let Swapped::Done(manifest, version) = self.swap(call, change).await? {
            self.put_view(renewed(&view, *manifest, version, &fresh, true), 0, true);
            old.iter().for_each(|entry| self.tiers.forget(entry.number));
        }
        Ok(())
    }

    /// Which rows of a segment count no more by now, and up to which change that is known.
    fn dead_now(&self, view: &View, segment: &Segment, index: &Index) -> Result<(Arc<Dead>, u64)> {
        let tables = view.read_tables();
        let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
        let end = tables.last().map_or(0, |table| table.end());
        Ok((segment.dead(index, &tables)?, end))
    }

    /// Numbers of segments that nobody else takes, in this process.
    async fn reserve_numbers(&self, count: u64, call: &Call) -> Result<u64> {
        loop {
            let view = self.view.load_full();
            let first = view.manifest.next_segment;
            let swapped = self.swap(call, |manifest| manifest.next_segment += count).await?;
            if let Swapped::Done(manifest, version) = swapped {
                self.put_view(renewed(&view, *manifest, version, &[], true), 0, false);
                return Ok(first);
            }
        }
    }

    /// Rows in so many parts, each of rows near each other.
    async fn parts(&self, rows: &Arc<RowSet>, into: usize) -> Result<Vec<Vec<u32>>> {
        let all: Vec<u32> = (0..rows.len() as u32).collect();
        if into < 2 && rows.len() <= MAX_ROWS {
            return Ok(vec![all]);
        }
        let (rows, metric, dims) = (rows.clone(), self.schema.metric, self.schema.dims as usize);
        let (seed, core) = (self.options.seed, self.watch());
        let work = move || {
            let cancelled = || core.is_closed();
            let progress = Progress::new().cancelled_by(&cancelled);
            let vectors = unit(metric, dims, &rows.values);
            let options = CellOptions { cells: into.max(2), seed, rounds: 8, ..CellOptions::default() };
            let cells =
                Cells::train(&vectors, dims, metric, &options, &progress).map_err(super::pack::stopped)?;
            // Even parts would tear apart what is near; a quarter more than that is enough.
            let most = (rows.len().div_ceil(cells.count()) * 5 / 4 + 1).min(MAX_ROWS);
            let of = cells.assign_balanced(&vectors, most);
            let mut parts = vec![Vec::new(); cells.count()];
            of.iter().zip(0..).for_each(|(cell, row)| parts[*cell as usize].push(row));
            parts.retain(|part| !part.is_empty());
            Ok(parts)
        };
        self.env.blocking(Op::Maintain, &self.inflight, work).await
    }

    /// Removes what was retired long enough ago.
    pub(super) async fn remove_retired(&self, call: &Call) -> Result<()> {
        let _turn = self.turn.lock().await;
        let view = self.view.load_full();
        let until = self.millis().saturating_sub(self.options.retain.as_millis() as u64);
        let due: Vec<String> = view
            .manifest
            .retired
            .iter()
            .filter(|retired| retired.at <= until)
            .flat_map(|retired| retired.keys.iter().cloned())
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        self.remove(due, call).await;
        let change = |manifest: &mut Manifest| manifest.retired.retain(|retired| retired.at > until);
        if let Swapped::Done(manifest, version) = self.swap(call, change).await? {
            self.put_view(renewed(&view, *manifest, version, &[], true), 0, false);
        }
        Ok(())
    }
}

/// The objects of a segment.
pub(super) fn keys(entry: &SegmentEntry) -> Vec<String> {
    let mut keys = vec![segment::index_name(entry)];
    keys.extend(segment::dead_key(entry));
    if entry.vector_bytes > 0 {
        keys.push(segment::key(entry, "vectors"));
    }
    if entry.payload_bytes > 0 {
        keys.push(segment::key(entry, "payloads"));
    }
    keys
}

/// Rows that count.
fn live(segment: &Segment) -> usize {
    (segment.entry.rows - segment.dead_count()) as usize
}
