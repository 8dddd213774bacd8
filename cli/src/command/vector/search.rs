//! `larder vector search`.

use std::path::{Path, PathBuf};

use clap::Args;
use larder::vector::{Answer, Collection, Filter, Id, SearchOptions, VectorStore};

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::migrate::job::size;
use crate::vectors::{answer, file, id, open};

/// Queries that are asked together.
const TOGETHER: usize = 256;

const EXAMPLES: &str = "\
Examples:
  larder vector search lmdb:vectors --like 7 -k 3 --with-payload
  larder vector search lmdb:vectors --query '[0.1, 0, 0, 0, 0, 0, 0, 0.5]' --exact
  larder vector search lmdb:vectors --queries queries.npy --cells 0.25 --json
  larder vector search lmdb:vectors --like 7 --filter '{\"range\": {\"year\": {\"gte\": 2020}}}'";

/// Find the vectors that are nearest to others
///
/// Opens the collection to read it. Prints id, distance and payload, the nearest first; what is not known for sure is said in one line on the
/// error output, and with --json in the answer.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["query", "queries", "like"]))]
pub(crate) struct Search {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// A vector, as an array of JSON.
    #[arg(long, value_name = "ARRAY", value_parser = vector, allow_hyphen_values = true)]
    query: Option<Values>,
    /// A file of vectors, .npy or .fvecs.
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// The vector of this id, which is not answered itself.
    #[arg(long, value_name = "ID", value_parser = like)]
    like: Option<Id>,
    /// How many.
    #[arg(short, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    k: u32,
    /// Which rows count, such as {"eq": {"lang": "en"}}; the words are eq, in, range, exists, and, or, not.
    #[arg(long, value_name = "JSON", value_parser = filter)]
    filter: Option<Filter>,
    /// Compare all rows with their vectors, and read all of them for it.
    #[arg(long, conflicts_with_all = ["rescore", "cells"])]
    exact: bool,
    /// How many candidates are compared with their vectors. By default four times -k, and 100 at least.
    #[arg(long, value_name = "NUMBER")]
    rescore: Option<usize>,
    /// The share of cells that are looked at, above 0 to 1. All by default.
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, hide_default_value = true)]
    cells: f32,
    /// Requests that each query may cost for vectors that are in the store alone.
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    remote_requests: usize,
    /// Bytes that it may read for that.
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "1MiB")]
    remote_bytes: u64,
    /// Print payloads too.
    #[arg(long)]
    with_payload: bool,
}

#[derive(Debug, Clone)]
struct Values(Vec<f32>);

fn vector(text: &str) -> std::result::Result<Values, String> {
    serde_json::from_str(text).map(Values).map_err(|_| "wants an array of numbers, such as [0.1, -2]".into())
}

fn like(text: &str) -> std::result::Result<Id, String> {
    id::parse(text).map_err(|e| e.why().to_owned())
}

fn filter(text: &str) -> std::result::Result<Filter, String> {
    let read = Filter::from_json(text).and_then(|filter| filter.compile().map(|_| filter));
    read.map_err(|e| e.why().to_owned())
}

impl Search {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let queries = self.queries.as_deref().map(file::open).transpose()?;
        open::with(cx, &self.store, async |places| match queries {
            Some(mut queries) => {
                self.fits(places, queries.dims())?;
                let mut first = 0;
                loop {
                    let mut values = Vec::new();
                    let count = queries.read(TOGETHER, &mut values)?;
                    if count == 0 {
                        return Ok(());
                    }
                    self.ask(cx, places, &values, Some(first)).await?;
                    first += count;
                }
            }
            None => self.one(cx, places).await,
        })
        .await
    }

    /// A query that was typed, or that is the vector of an id.
    async fn one(&self, cx: &Cx, places: &Collection) -> Result {
        let values = match (&self.like, &self.query) {
            (Some(id), _) => match places.get_opts(id, &cx.call()).await? {
                Some(row) => row.vector,
                None => {
                    return Err(Failure::own(Exit::Absent, format!("there is no vector {}", id::shown(id))));
                }
            },
            (None, Some(Values(values))) => values.clone(),
            (None, None) => Vec::new(),
        };
        self.fits(places, values.len())?;
        self.ask(cx, places, &values, None).await
    }

    fn fits(&self, places: &Collection, dims: usize) -> Result {
        match places.schema().dims {
            wanted if wanted as usize == dims => Ok(()),
            wanted => {
                let why = format!("a query has {dims} values, and the vectors of the collection {wanted}");
                let path = self
                    .queries
                    .as_deref()
                    .map_or("larder vector stats tells what there is".into(), |path: &Path| {
                        format!("it is from {}", path.display())
                    });
                Err(Failure::usage(why).hint(path))
            }
        }
    }

    async fn ask(&self, cx: &Cx, places: &Collection, queries: &[f32], first: Option<usize>) -> Result {
        let mut options = SearchOptions::new()
            .with_exact(self.exact)
            .with_cells(self.cells)
            .with_payload(self.with_payload)
            .with_remote_requests(self.remote_requests)
            .with_remote_bytes(self.remote_bytes)
            .with_call(cx.call());
        options.rescore = self.rescore;
        options.filter = self.filter.clone();
        let k = self.k as usize;
        // One more, as the nearest of a vector is itself.
        let asked = k + usize::from(self.like.is_some());
        let mut answers: Vec<Answer> = places.search_batch(queries, asked, &options).await?;
        for answer in &mut answers {
            answer.hits.retain(|hit| Some(&hit.id) != self.like.as_ref());
            answer.hits.truncate(k);
        }
        answer::tell(cx, &answers, first, self.with_payload)
    }
}
