//! `cargo run --release --example quickstart [-- FOLDER]`
//!
//! Takes a real folder (the current one if none is named) into a file store and an LMDB store, reads it back whole and
//! by range, lists it, counts with 64 tasks, compares everything, damages a stored value and shows that it is found.
//! Then the file store becomes the origin of a stack, under a cache in memory and one on disk: what each of them answers
//! and how fast, a restart, damage in the cache, and a process that is killed while it writes.
//!
//! Whatever it claims it has checked: if anything is not so, it ends with an error.
#![allow(clippy::disallowed_methods, reason = "an example measures with the real clock")]

mod check;
mod progress;
mod report;
mod tiers;
mod tree;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder::{Call, Store};
use report::Report;
use tree::Tree;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    if let Some(folder) = tiers::child_of() {
        return tiers::write_until_killed(&folder).await;
    }
    run(&std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from)).await
}

async fn run(folder: &Path) -> Outcome<()> {
    let tree = Tree::gather(folder)?;
    println!("{}: {} files, {}\n", folder.display(), tree.len(), report::bytes(tree.bytes()));

    // Everything lives in a folder of its own that goes away at the end.
    let scratch = tempfile::Builder::new().prefix("larder-quickstart-").tempdir()?;
    println!("1. Each store alone");
    let mut report = Report::default();
    for kind in ["file", "lmdb"] {
        let data = scratch.path().join(kind);
        let url = format!("{kind}:{}", data.display());
        let store = larder::open(&url).await?;
        try_out(kind, &store, &tree, &mut report).await?;

        check::damage(&store, &data).await?;
        store.close(&Call::default()).await?;
        println!(
            "   {kind}: a byte of a stored value was flipped on disk, and reading it is an error, not a wrong value"
        );
    }
    println!("\n{report}");
    println!("   Every value, range and listing was compared with the folder. All of them were equal.\n");

    tiers::show(scratch.path(), &tree).await
}

/// Everything that is timed, on one store.
async fn try_out(
    kind: &'static str,
    store: &Arc<dyn Store>,
    tree: &Tree,
    report: &mut Report,
) -> Outcome<()> {
    let row = report.start(kind, "put (durable)");
    let written = check::write(store, tree).await?;
    report.end(row, written, tree.bytes());

    let row = report.start(kind, "get");
    let read = check::read(store, tree).await?;
    report.end(row, read, tree.bytes());

    let row = report.start(kind, "get by range");
    let (ranges, bytes) = check::read_ranges(store, tree).await?;
    report.end(row, ranges, bytes);

    let row = report.start(kind, "list");
    let listed = check::list(store, tree).await?;
    report.end(row, listed, 0);

    let row = report.start(kind, "update (64 tasks, 1 key)");
    let updates = check::count(store).await?;
    report.end(row, updates, 0);
    Ok(())
}

#[cfg(test)]
mod tests {
    /// It ends with an error if anything that it says is not so.
    #[tokio::test(flavor = "multi_thread")]
    async fn whatever_it_claims_is_so() {
        if let Some(folder) = super::tiers::child_of() {
            return super::tiers::write_until_killed(&folder).await.unwrap();
        }
        super::run(std::path::Path::new(env!("CARGO_MANIFEST_DIR"))).await.unwrap();
    }
}
