//! `larder vector`: one file for each of its subcommands.

mod explain;
mod export;
mod import;
mod import_dump;
mod search;
mod stats;

use clap::{Args, Subcommand};

use crate::cx::Cx;
use crate::error::Result;

const EXAMPLES: &str = "\
Examples:
  larder vector import lmdb:papers docs.npy --ids ids.txt --payloads payloads.jsonl
  larder vector search lmdb:vectors --like 7 -k 3 --filter '{\"eq\": {\"lang\": \"en\"}}' --exact";

/// Import vectors into any store, search them, and see how they are held
///
/// A store holds one collection of vectors: s3://bucket/prefix/papers is another one than s3://bucket/prefix/images. Whoever
/// imports is its writer, and fences a writer that there was before; everything else reads.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Vector {
    #[command(subcommand)]
    what: What,
}

/// What is to be done with vectors.
#[derive(Debug, Subcommand)]
enum What {
    Import(Box<import::Import>),
    Search(Box<search::Search>),
    Stats(stats::Stats),
    Explain(explain::Explain),
    Export(export::Export),
}

impl Vector {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        match self.what {
            What::Import(import) => import.run(cx).await,
            What::Search(search) => search.run(cx).await,
            What::Stats(stats) => stats.run(cx).await,
            What::Explain(explain) => explain.run(cx).await,
            What::Export(export) => export.run(cx).await,
        }
    }
}
