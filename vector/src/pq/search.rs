//! Queries over codes in many places, with one bound for all of them.

use super::batch::{Batch, QUERIES};
use super::table::Tables;
use super::{Codebook, CodesRef, TOGETHER, scan};
use crate::best::{Best, Hit};
use crate::simd::Level;
use crate::{Metric, Rows};

/// The nearest codes of many places. What was found in one place bounds what is looked at in the next.
///
/// ```
/// use larder_vector::{Metric, Rows, pq};
///
/// let vectors: Vec<f32> = (0..4000).map(|i| (i as f32).sin()).collect();
/// let codebook = pq::Codebook::train(&vectors, 8, &pq::TrainOptions::default());
/// let codes = pq::Codes::new(&codebook, &codebook.encode(&vectors));
/// let mut search = pq::Search::new(&codebook, Metric::L2, &vectors[..8], 3);
/// search.scan(&codes, &Rows::all(), 1000);
/// let found = search.finish();
/// assert!(found[0].iter().all(|hit| hit.row >= 1000));
/// ```
#[derive(Debug)]
pub struct Search<'a> {
    codebook: &'a Codebook,
    metric: Metric,
    queries: &'a [f32],
    tables: Made,
    best: Vec<Best>,
}

#[derive(Debug)]
enum Made {
    Alone(Vec<Tables>),
    Together(Vec<Batch>),
}

impl<'a> Search<'a> {
    /// Looks for the `keep` nearest of each query, whose scans all visit the same rows.
    ///
    /// # Panics
    /// If the queries are not of the codebook's dimensions.
    pub fn new(codebook: &'a Codebook, metric: Metric, queries: &'a [f32], keep: usize) -> Search<'a> {
        let level = Level::best();
        match queries.len() / codebook.dims < TOGETHER {
            true => Search::alone(codebook, metric, queries, keep),
            false => {
                let batches = queries.chunks(QUERIES * codebook.dims);
                let tables = batches.map(|queries| Batch::new(level, codebook, metric, queries)).collect();
                Search::with(codebook, metric, queries, keep, Made::Together(tables))
            }
        }
    }

    /// The same, for queries that visit [rows of their own](Search::scan_one).
    ///
    /// # Panics
    /// As [`Search::new`] does.
    pub fn alone(codebook: &'a Codebook, metric: Metric, queries: &'a [f32], keep: usize) -> Search<'a> {
        let level = Level::best();
        let each = queries.chunks_exact(codebook.dims);
        let tables = each.map(|query| Tables::new(level, codebook, metric, query)).collect();
        Search::with(codebook, metric, queries, keep, Made::Alone(tables))
    }

    fn with(
        codebook: &'a Codebook,
        metric: Metric,
        queries: &'a [f32],
        keep: usize,
        tables: Made,
    ) -> Search<'a> {
        assert!(queries.len().is_multiple_of(codebook.dims), "queries of {} dimensions", codebook.dims);
        let best = queries.chunks_exact(codebook.dims).map(|_| Best::new(keep)).collect();
        Search { codebook, metric, queries, tables, best }
    }

    /// Looks at rows of one place for all queries; the first row of the place is number `first`.
    ///
    /// # Panics
    /// If the codes are of another codebook's length, or have not those rows.
    pub fn scan<'c>(&mut self, codes: impl Into<CodesRef<'c>>, rows: &Rows<'_>, first: u32) {
        let (codes, level) = (codes.into(), Level::best());
        match &self.tables {
            Made::Alone(tables) => {
                for (tables, best) in tables.iter().zip(&mut self.best) {
                    scan::scan(level, codes, tables, rows, first, best);
                }
            }
            Made::Together(batches) => {
                for (batch, best) in batches.iter().zip(self.best.chunks_mut(QUERIES)) {
                    batch.scan(level, codes, rows, first, best);
                }
            }
        }
    }

    /// The same for one query, by its number.
    ///
    /// # Panics
    /// As [`Search::scan`] does; if the search was not made by [`Search::alone`].
    pub fn scan_one<'c>(
        &mut self,
        query: usize,
        codes: impl Into<CodesRef<'c>>,
        rows: &Rows<'_>,
        first: u32,
    ) {
        let Made::Alone(tables) = &self.tables else { panic!("a search of queries that go together") };
        scan::scan(Level::best(), codes.into(), &tables[query], rows, first, &mut self.best[query]);
    }

    /// What was found for each query, the nearest first.
    pub fn finish(self) -> Vec<Vec<Hit>> {
        let scales: Vec<_> = match &self.tables {
            Made::Alone(tables) => tables.iter().map(|tables| tables.scale).collect(),
            Made::Together(batches) => {
                batches.iter().flat_map(|batch| batch.scales.iter().copied()).collect()
            }
        };
        let each = self.queries.chunks_exact(self.codebook.dims);
        let hits = |((best, scale), query): ((Best, super::table::Scale), &[f32])| {
            let of_query = self.metric.of_query(query);
            let hit =
                |(sum, row)| Hit { row, distance: of_query.distance(sum as f32 * scale.step + scale.base) };
            best.into_sorted().into_iter().map(hit).collect()
        };
        self.best.into_iter().zip(scales).zip(each).map(hits).collect()
    }
}
