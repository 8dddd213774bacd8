//! A search from its question to its answers.

use std::sync::Arc;

use larder_store_core::{Error, ErrorKind, Op, Result};

use super::finish::Asked;
use super::options::{Answer, SearchOptions};
use super::parts::Part;
use super::payloads::Wanted;
use crate::collection::{Core, View};
use crate::column::Holding;
use crate::filter::Compiled;

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
        let parts = Arc::new(self.parts_of(view, options, filter).await?);
        let dims = self.schema.dims as usize;
        let count = queries.len() / dims;
        let mut answers = vec![Answer::default(); count];
        let holdings: Arc<[Arc<Holding>]> = parts.iter().map(|part| part.segment.column.holding()).collect();
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
            self.compare(&parts, &holdings, queries, scanned.candidates, (k, options), &mut answers).await?
        };
        let asked = Asked {
            core: self.clone(),
            view: view.clone(),
            parts: parts.clone(),
            filter: filter.map(|(_, filter)| filter.clone()),
            k,
        };
        let wanted = asked.finish(queries, rescored, &mut answers).await?;
        self.touch(&parts, &wanted);
        if options.payload {
            self.add_payloads(&parts, &mut answers, &wanted, options).await?;
        } else {
            answers.iter_mut().flat_map(|answer| &mut answer.hits).for_each(|hit| hit.payload = None);
        }
        Ok(answers)
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
}
