//! A search from its question to its answers.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_store_core::{Call, Error, ErrorKind, Op, Result};

use super::options::{Answer, SearchOptions};
use super::remote::{Plan, plan};
use super::rescore::{Known, Read, Rescored, rescore};
use super::scan::{Candidate, Part, Scanned, scan};
use super::tables::nearest;
use crate::collection::{Core, View};
use crate::column::Holding;
use crate::filter::Compiled;
use crate::manifest::Precision;
use crate::memtable::Memtable;
use crate::row::Found;
use crate::segment::{Segment, VECTOR_ROWS};
use crate::tier::Tier;
use crate::{Id, Metric, exact};

/// Segments that are read at once.
const TOGETHER: usize = 16;
/// Codes that a search looks at where it was called, and no more: beyond them it would hold up other tasks.
const INLINE: u64 = 1 << 20;
/// How often a search begins anew as segments were made meanwhile.
const ATTEMPTS: usize = 4;

impl Core {
    /// The `k` nearest of each query.
    pub(crate) async fn search(
        self: &Arc<Self>,
        queries: &[f32],
        k: usize,
        options: &SearchOptions,
    ) -> Result<Vec<Answer>> {
        self.check_open(Op::Search)?;
        self.check_search(queries, k, options)?;
        let begun = self.env.now();
        let filter = match &options.filter {
            Some(filter) => Some((Arc::<str>::from(filter.to_json()), Arc::new(filter.compile()?))),
            None => None,
        };
        for attempt in 1.. {
            // The last time nothing moves meanwhile.
            let still = match attempt == ATTEMPTS {
                true => Some(self.still(&options.call).await?),
                false => None,
            };
            let view = self.view.load_full();
            let done = self.attempt(&view, queries, k, options, filter.as_ref()).await;
            let same = self.view.load().moves == view.moves;
            drop(still);
            match done {
                Ok(mut answers) if same || attempt == ATTEMPTS => {
                    let took = self.env.now() - begun;
                    answers.iter_mut().for_each(|answer| answer.work.took = took);
                    self.tiers.hold_out(self.schema.dims as usize, queries);
                    crate::metrics::searched(&answers, took);
                    return Ok(answers);
                }
                Err(error) if same || attempt == ATTEMPTS => {
                    let retry = error.is(ErrorKind::Conflict) && attempt < ATTEMPTS;
                    let error = self.moved_on(error, &options.call).await;
                    if !retry || self.view.load().moves == view.moves {
                        return Err(error);
                    }
                }
                _ => {}
            }
        }
        unreachable!("the last attempt returns")
    }

    fn check_search(&self, queries: &[f32], k: usize, options: &SearchOptions) -> Result<()> {
        let dims = self.schema.dims as usize;
        let wrong = |why: String| Err(Error::new(ErrorKind::Invalid, Op::Search, why));
        if !queries.len().is_multiple_of(dims) {
            return wrong(format!("{} values are no queries of {dims} dimensions", queries.len()));
        }
        if k == 0 {
            return wrong("the 0 nearest were asked for: k is 1 at least".into());
        }
        if !(options.cells > 0.0 && options.cells <= 1.0) {
            return wrong(format!("the share of cells is above 0 and at most 1, not {}", options.cells));
        }
        for (number, query) in queries.chunks_exact(dims).enumerate() {
            super::super::api::check_vector(Op::Search, self.schema.metric, query).map_err(|error| {
                Error::new(error.kind(), Op::Search, format!("query {number}: {}", error.why()))
            })?;
        }
        Ok(())
    }

    async fn attempt(
        self: &Arc<Self>,
        view: &Arc<View>,
        queries: &[f32],
        k: usize,
        options: &SearchOptions,
        filter: Option<&(Arc<str>, Arc<Compiled>)>,
    ) -> Result<Vec<Answer>> {
        let parts = self.parts_of(view, options, filter).await?;
        let dims = self.schema.dims as usize;
        let count = queries.len() / dims;
        let mut answers = vec![Answer::default(); count];
        let holdings: Vec<Arc<Holding>> = parts.iter().map(|part| part.segment.column.holding()).collect();
        let rescored = if options.exact {
            self.exact(&parts, queries, k, &options.call).await?
        } else {
            let keep = options.rescore.unwrap_or((4 * k).max(100)).max(k);
            let scanned = self.scan(&parts, queries, keep, options).await?;
            for answer in &mut answers {
                answer.approximate.coded_segments = parts.len();
                answer.approximate.skipped_cells = scanned.skipped_cells;
                answer.work.scanned = scanned.rows;
            }
            self.compare(&parts, &holdings, queries, scanned.candidates, options, &mut answers).await?
        };
        let filter = filter.map(|(_, filter)| &**filter);
        let mut wanted = Vec::new();
        for (((query, answer), rescored), number) in
            queries.chunks_exact(dims).zip(&mut answers).zip(rescored).zip(0..)
        {
            // What was written while segments were looked at is in the tables by now.
            let now = self.view.load_full();
            let extra =
                now.tables.iter().filter(|table| !view.tables.iter().any(|there| Arc::ptr_eq(there, table)));
            let tables: Vec<_> = view.tables.iter().chain(extra).map(|table| table.read()).collect();
            let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
            let found = nearest(self.schema.metric, dims, &tables, query, k, filter);
            take(answer, number, &parts, rescored, found, &tables, k, &mut wanted)?;
        }
        self.touch(&parts, &wanted);
        if options.payload {
            self.add_payloads(&parts, &mut answers, &wanted, &options.call).await?;
        } else {
            answers.iter_mut().flat_map(|answer| &mut answer.hits).for_each(|hit| hit.payload = None);
        }
        Ok(answers)
    }

    /// Segments, with what a search needs of them.
    async fn parts_of(
        self: &Arc<Self>,
        view: &Arc<View>,
        options: &SearchOptions,
        filter: Option<&(Arc<str>, Arc<Compiled>)>,
    ) -> Result<Vec<Part>> {
        let one = |segment: Arc<Segment>| async move {
            let index = match segment.at_hand() {
                Some(index) => index,
                None => segment.load(self, &options.call).await?,
            };
            let codec = self.codec(view, segment.entry.book, &options.call).await?;
            let mask = match filter {
                Some((text, filter)) => {
                    Some(self.matching(&segment, &index, text, filter, &options.call).await?)
                }
                None => None,
            };
            let tables = view.read_tables();
            let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
            let dead = segment.dead(&index, &tables)?;
            drop(tables);
            Ok::<_, Error>(Part { segment, index, codec, dead, mask })
        };
        let parts = futures_util::stream::iter(view.segments.iter().cloned().map(one));
        parts.buffered(TOGETHER).try_collect().await
    }

    /// The first pass, where it holds up nobody.
    async fn scan(
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

    /// Compares candidates with their vectors, those in the store within the budget of each query.
    async fn compare(
        self: &Arc<Self>,
        parts: &[Part],
        holdings: &[Arc<Holding>],
        queries: &[f32],
        candidates: Vec<Vec<Candidate>>,
        options: &SearchOptions,
        answers: &mut [Answer],
    ) -> Result<Vec<Vec<Rescored>>> {
        let dims = self.schema.dims as usize;
        let cold = |candidate: &Candidate| holdings[candidate.part as usize].tier() <= Tier::Cold;
        let mut read = Read::new();
        if self.schema.keep != Precision::Lossy {
            let plans: Vec<Plan> = candidates
                .iter()
                .map(|candidates| {
                    let cold: Vec<Candidate> = candidates.iter().filter(|c| cold(c)).copied().collect();
                    plan(parts, &cold, options.remote_requests, options.remote_bytes)
                })
                .collect();
            for (answer, plan) in answers.iter_mut().zip(&plans) {
                answer.approximate.over_budget = plan.over;
                answer.work.remote_requests = plan.groups.len() as u64;
                answer.work.remote_bytes = plan.bytes;
            }
            read = self.read_blocks(parts, &plans, options).await?;
        }
        let begun = self.env.now();
        let (metric, keep) = (self.schema.metric, self.schema.keep);
        let all: Vec<Vec<Rescored>> = queries
            .chunks_exact(dims)
            .zip(&candidates)
            .map(|(query, candidates)| rescore(metric, dims, keep, holdings, &read, query, candidates))
            .collect();
        let took = self.env.now() - begun;
        let mut rows = [0u64; 4];
        for (rescored, answer) in all.iter().zip(answers) {
            for one in rescored {
                if one.known == Known::Codes {
                    continue;
                }
                answer.work.rescored += 1;
                rows[holdings[one.candidate.part as usize].tier() as usize] += 1;
            }
            let codes = rescored.iter().filter(|one| one.known == Known::Codes).count();
            if keep != Precision::Lossy {
                answer.approximate.late = codes.saturating_sub(answer.approximate.over_budget);
            }
        }
        let total: u64 = rows.iter().sum();
        for tier in Tier::ALL {
            let share = rows[tier as usize];
            self.tiers.rescored(tier, share, took.mul_f64(share as f64 / total.max(1) as f64));
        }
        Ok(all)
    }

    /// Reads what queries have chosen, as far as it comes in time.
    async fn read_blocks(&self, parts: &[Part], plans: &[Plan], options: &SearchOptions) -> Result<Read> {
        let mut wanted: Vec<(u32, usize)> = plans
            .iter()
            .flat_map(|plan| &plan.groups)
            .flat_map(|(part, blocks)| blocks.clone().map(|block| (*part, block)))
            .collect();
        if wanted.is_empty() {
            return Ok(Read::new());
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut groups: Vec<(u32, std::ops::Range<usize>)> = Vec::new();
        for (part, block) in wanted {
            match groups.last_mut() {
                Some((last, blocks)) if *last == part && blocks.end == block => blocks.end += 1,
                _ => groups.push((part, block..block + 1)),
            }
        }
        let begun = self.env.now();
        let dims = self.schema.dims as usize;
        let requests = groups.len() as u64;
        let one = |(part, blocks): (u32, std::ops::Range<usize>)| async move {
            let Part { segment, index, .. } = &parts[part as usize];
            let values = self.vectors(segment, index, blocks.clone(), &options.call).await?;
            Ok::<_, Error>((part, blocks, values))
        };
        let mut stream = futures_util::stream::iter(groups.into_iter().map(one)).buffer_unordered(TOGETHER);
        let (mut read, mut rows) = (Read::new(), 0);
        let all = async {
            while let Some(done) = stream.next().await {
                let (part, blocks, values) = done?;
                for (block, values) in blocks.zip(values.chunks(VECTOR_ROWS * dims)) {
                    rows += (values.len() / dims) as u64;
                    read.insert((part, block), Arc::new(values.to_vec()));
                }
            }
            Ok(())
        };
        let mut soft = Call::default();
        soft.deadline = options.until;
        match soft.guard(&self.env, Op::Search, all).await {
            Err(error) if options.until.is_some() && error.is(ErrorKind::Timeout) => {}
            done => done?,
        }
        drop(stream);
        let bytes = plans.iter().map(|plan| plan.bytes).sum();
        self.tiers.fetched(rows, requests, bytes, self.env.now() - begun);
        Ok(read)
    }

    /// Compares all rows that count with their vectors.
    async fn exact(
        self: &Arc<Self>,
        parts: &[Part],
        queries: &[f32],
        k: usize,
        call: &Call,
    ) -> Result<Vec<Vec<Rescored>>> {
        let dims = self.schema.dims as usize;
        let (metric, keep) = (self.schema.metric, self.schema.keep);
        let known = if keep == Precision::F32 { Known::Exact } else { Known::Half };
        let mut all = vec![Vec::new(); queries.len() / dims];
        for (part, number) in parts.iter().zip(0..) {
            let holding = part.segment.column.holding();
            let read = match &*holding {
                Holding::Hot { .. } => Vec::new(),
                _ => self.all_vectors(&part.segment, &part.index, call).await?,
            };
            let (part, queries) = (part.clone(), queries.to_vec());
            let work = move || {
                let values = if let Holding::Hot { values, .. } = &*holding { values } else { &read };
                Ok(exact_of(metric, dims, &part, values, &queries, k))
            };
            let found = self.env.blocking(Op::Search, &self.inflight, work).await?;
            for (all, found) in all.iter_mut().zip(found) {
                all.extend(found.into_iter().map(|(row, distance)| Rescored {
                    candidate: Candidate { distance, part: number, row },
                    known: if keep == Precision::Lossy { Known::Codes } else { known },
                }));
            }
        }
        Ok(all)
    }

    /// Counts what segments have contributed.
    fn touch(&self, parts: &[Part], wanted: &[Wanted]) {
        let now = self.env.monotonic();
        let mut counts = vec![0u32; parts.len()];
        wanted.iter().for_each(|wanted| counts[wanted.part as usize] += 1);
        for (part, count) in parts.iter().zip(counts).filter(|(_, count)| *count > 0) {
            self.tiers.tracker.touch(part.segment.entry.number, now, f64::from(count));
        }
    }

    /// Reads the payloads of what was found in segments.
    async fn add_payloads(
        &self,
        parts: &[Part],
        answers: &mut [Answer],
        wanted: &[Wanted],
        call: &Call,
    ) -> Result<()> {
        let mut by_part: Vec<Vec<&Wanted>> = vec![Vec::new(); parts.len()];
        wanted.iter().for_each(|wanted| by_part[wanted.part as usize].push(wanted));
        let one = |(part, wanted): (&Part, Vec<&Wanted>)| {
            let (segment, index) = (part.segment.clone(), part.index.clone());
            let places: Vec<(usize, usize)> =
                wanted.iter().map(|wanted| (wanted.query, wanted.hit)).collect();
            let rows: Vec<u32> = wanted.iter().map(|wanted| wanted.row).collect();
            async move {
                let payloads = self.payloads(&segment, &index, &rows, call).await?;
                Ok::<_, Error>((places, payloads))
            }
        };
        let some: Vec<_> =
            parts.iter().zip(by_part).filter(|(_, wanted)| !wanted.is_empty()).map(one).collect();
        let read: Vec<_> = futures_util::stream::iter(some).buffered(TOGETHER).try_collect().await?;
        for ((query, hit), payload) in
            read.into_iter().flat_map(|(places, payloads)| places.into_iter().zip(payloads))
        {
            answers[query].hits[hit].payload = Some(payload);
        }
        Ok(())
    }
}

/// A hit of a segment, whose payload is wanted.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    query: usize,
    hit: usize,
    part: u32,
    row: u32,
}

/// The nearest rows of a part that count, with their distances.
fn exact_of(
    metric: Metric,
    dims: usize,
    part: &Part,
    values: &[f32],
    queries: &[f32],
    k: usize,
) -> Vec<Vec<(u32, f32)>> {
    let masks = part.masks();
    let counts = |row: usize| masks.as_ref().is_none_or(|masks| masks[row / 64] >> (row % 64) & 1 == 1);
    let rows: Vec<u32> = (0..part.index.rows()).filter(|row| counts(*row)).map(|row| row as u32).collect();
    let mut gathered = Vec::new();
    let live = match rows.len() == part.index.rows() {
        true => values,
        false => {
            rows.iter().for_each(|row| gathered.extend_from_slice(&values[*row as usize * dims..][..dims]));
            &gathered
        }
    };
    if live.is_empty() {
        return vec![Vec::new(); queries.len() / dims];
    }
    let mut found = exact::nearest(metric, dims, live, queries, k);
    found.iter_mut().flatten().for_each(|(row, _)| *row = rows[*row as usize]);
    found
}

/// Merges what segments and tables have, the nearest first, up to `k`.
#[allow(clippy::too_many_arguments, reason = "what an answer is made of")]
fn take(
    answer: &mut Answer,
    query: usize,
    parts: &[Part],
    mut rescored: Vec<Rescored>,
    found: Vec<Found>,
    tables: &[&Memtable],
    k: usize,
    wanted: &mut Vec<Wanted>,
) -> Result<()> {
    rescored.sort_by(|a, b| a.candidate.distance.total_cmp(&b.candidate.distance));
    // Those as far as the last one that counts are told apart by their ids.
    let mut hits: Vec<(f32, Id, Option<Found>, Option<Rescored>)> = Vec::new();
    let mut last = f32::INFINITY;
    for one in rescored {
        let distance = one.candidate.distance;
        if !distance.is_finite() || (hits.len() >= k && distance > last) {
            if hits.len() >= k { break } else { continue }
        }
        let id = parts[one.candidate.part as usize].index.id(one.candidate.row as usize)?;
        // What was written since stands in a table, or was deleted.
        if tables.iter().any(|table| table.knows(&id)) {
            continue;
        }
        hits.push((distance, id, None, Some(one)));
        last = distance;
    }
    hits.extend(
        found
            .into_iter()
            .filter(|found| found.distance.is_finite())
            .map(|found| (found.distance, found.id.clone(), Some(found), None)),
    );
    hits.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let mut seen = HashSet::new();
    hits.retain(|(_, id, ..)| seen.insert(id.clone()));
    hits.truncate(k);
    for (at, (distance, id, found, rescored)) in hits.into_iter().enumerate() {
        if let Some(Rescored { candidate, known }) = rescored {
            match known {
                Known::Exact => {}
                Known::Half => answer.approximate.half_hits += 1,
                Known::Codes => answer.approximate.coded_hits += 1,
            }
            wanted.push(Wanted { query, hit: at, part: candidate.part, row: candidate.row });
        }
        answer.hits.push(found.unwrap_or(Found { id, distance, payload: None }));
    }
    Ok(())
}
