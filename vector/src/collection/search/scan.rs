//! Codes are looked at, the first pass of a search.

use std::ops::Range;
use std::sync::Arc;

use larder_store_core::{Op, Result};

use super::options::SearchOptions;
use super::parts::Part;
use crate::codec::{Codec, unit};
use crate::collection::Core;
use crate::manifest::Schema;
use crate::pq::{CodesRef, Search};
use crate::{Metric, Rows, rotated};

/// Codes that a search looks at where it was called, and no more: beyond them it would hold up other tasks.
const INLINE: u64 = 1 << 20;

/// A row that may be one of the nearest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Candidate {
    pub(super) distance: f32,
    /// Which part it is in.
    pub(super) part: u32,
    pub(super) row: u32,
}

/// What the first pass found.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// For each query the best by their codes, the best first.
    pub(super) candidates: Vec<Vec<Candidate>>,
    /// Cells that no query, and rows that every query looked at.
    pub(super) skipped_cells: usize,
    pub(super) rows: u64,
}

impl Core {
    /// The first pass, where it holds up nobody.
    pub(super) async fn scan(
        self: &Arc<Self>,
        parts: &[Part],
        queries: &[f32],
        keep: usize,
        options: &SearchOptions,
    ) -> Result<Scanned> {
        let rows: u64 = parts.iter().map(|part| part.index.rows() as u64).sum();
        let codes = rows * (queries.len() / self.schema.dims as usize) as u64;
        if codes <= INLINE {
            return scan(&self.schema, parts, queries, keep, options);
        }
        let (schema, parts, queries, options) =
            (self.schema, parts.to_vec(), queries.to_vec(), options.clone());
        let work = move || scan(&schema, &parts, &queries, keep, &options);
        self.env.blocking(Op::Search, &self.inflight, work).await
    }
}

/// The `keep` best of each query, by codes.
fn scan(
    schema: &Schema,
    parts: &[Part],
    queries: &[f32],
    keep: usize,
    options: &SearchOptions,
) -> Result<Scanned> {
    let dims = schema.dims as usize;
    let count = queries.len() / dims;
    let mut scanned = Scanned { candidates: vec![Vec::new(); count], ..Scanned::default() };
    // Codes of one codebook share tables and bounds.
    let mut books: Vec<Option<u64>> = parts.iter().map(|part| part.segment.entry.book).collect();
    books.sort_unstable();
    books.dedup();
    for book in books {
        let mine = || parts.iter().zip(0..).filter(|(part, _)| part.segment.entry.book == book);
        let Some((first, _)) = mine().next() else { continue };
        match &first.codec {
            Codec::Pq(book) => {
                let some = options.cells < 1.0;
                let mut search = match some {
                    true => Search::alone(&book.codebook, schema.metric, queries, keep),
                    false => Search::new(&book.codebook, schema.metric, queries, keep),
                };
                for (part, at) in mine() {
                    let codes = CodesRef::new(&book.codebook, part.index.rows(), part.index.codes())?;
                    let masks = part.masks();
                    let rows = masks.as_deref().map_or(Rows::all(), |masks| Rows::all().masked(masks));
                    if !some {
                        search.scan(codes, &rows, (at as u32) << 16);
                        scanned.rows += part.index.rows() as u64;
                        continue;
                    }
                    for (query, visited) in
                        visited(part, schema.metric, dims, queries, options.cells).iter().enumerate()
                    {
                        search.scan_one(query, codes, &rows.within(&visited.blocks), (at as u32) << 16);
                        if query == 0 {
                            scanned.rows += visited.rows;
                            scanned.skipped_cells += visited.skipped;
                        }
                    }
                }
                for (found, hits) in scanned.candidates.iter_mut().zip(search.finish()) {
                    found.extend(hits.into_iter().map(|hit| Candidate {
                        distance: hit.distance,
                        part: hit.row >> 16,
                        row: hit.row & 0xffff,
                    }));
                }
            }
            Codec::Rotated(codec) => {
                for (part, at) in mine() {
                    let codes = rotated::CodesRef::new(codec, part.index.rows(), part.index.codes())?;
                    let masks = part.masks();
                    let rows = masks.as_deref().map_or(Rows::all(), |masks| Rows::all().masked(masks));
                    let hits = rotated::nearest_of(codec, codes, schema.metric, queries, keep, &rows);
                    scanned.rows += part.index.rows() as u64;
                    for (found, hits) in scanned.candidates.iter_mut().zip(hits) {
                        let part = at as u32;
                        found.extend(hits.iter().map(|hit| Candidate {
                            distance: hit.distance,
                            part,
                            row: hit.row,
                        }));
                    }
                }
            }
        }
    }
    for found in &mut scanned.candidates {
        found.sort_by(|a, b| {
            a.distance.total_cmp(&b.distance).then_with(|| (a.part, a.row).cmp(&(b.part, b.row)))
        });
        found.truncate(keep);
    }
    Ok(scanned)
}

/// What of a segment a query looks at.
struct Visited {
    blocks: Vec<Range<u32>>,
    rows: u64,
    skipped: usize,
}

/// The cells of a segment whose middles are nearest to each query, as blocks of 64 rows.
fn visited(part: &Part, metric: Metric, dims: usize, queries: &[f32], share: f32) -> Vec<Visited> {
    let index = &part.index;
    let count = index.cell_rows.len() - 1;
    let wanted = ((count as f32 * share).ceil() as usize).clamp(1, count);
    let queries = unit(metric, dims, queries);
    // One query is ranked faster by itself, many are together.
    let ranked = match queries.len() == dims {
        true => vec![index.cells.nearest_cells(&queries, wanted)],
        false => index.cells.nearest_cells_of(&queries, wanted),
    };
    let of_query = |ranked: Vec<(u32, f32)>| {
        let mut numbers: Vec<u32> = ranked.into_iter().map(|(cell, _)| cell).collect();
        numbers.sort_unstable();
        let mut blocks: Vec<Range<u32>> = Vec::new();
        let mut rows = 0;
        for cell in numbers {
            let (from, to) = (index.cell_rows[cell as usize], index.cell_rows[cell as usize + 1]);
            rows += u64::from(to - from);
            let (from, to) = (from / 64, to.div_ceil(64));
            match blocks.last_mut() {
                Some(last) if last.end >= from => last.end = to.max(last.end),
                _ => blocks.push(from..to),
            }
        }
        Visited { blocks, rows, skipped: count - wanted }
    };
    ranked.into_iter().map(of_query).collect()
}
