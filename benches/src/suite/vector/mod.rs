//! Vectors beside faiss and hnswlib: scans, collections, tiers, and searches of a store that is far away.

#[cfg(feature = "cloud")]
mod cold;
mod collection;
mod kernels;
mod ours;
mod peer;
pub(crate) mod resident;
mod sets;
mod tiers;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::context::Context;
use crate::error::Result;

/// The name of the suite.
pub(crate) const NAME: &str = "vector";

/// The nearest ten count.
const TEN: usize = 10;

/// What is read, and what runs the peers.
struct Given {
    data: PathBuf,
    python: OsString,
}

/// Runs what there is the data and the peer for, and says so where there is none.
pub(crate) fn run(context: &mut Context) -> Result<()> {
    let (Some(data), Some(python)) =
        (std::env::var_os("LARDER_DATA"), std::env::var_os("LARDER_PEERS_PYTHON"))
    else {
        println!(
            "vector: left out: LARDER_DATA is to name the folder of the embeddings, LARDER_PEERS_PYTHON a Python with faiss-cpu and hnswlib"
        );
        return Ok(());
    };
    let given = Given { data: data.into(), python };
    kernels::run(context, &given)?;
    collection::run(context, &given)?;
    tiers::run(context, &given)?;
    #[cfg(feature = "cloud")]
    cold::run(context, &given)?;
    Ok(())
}

/// How many of the ten nearest are among the first `first` that were found: the mean of all queries.
fn recall(truth: &[Vec<u64>], found: &[Vec<u64>], first: usize) -> f64 {
    let pairs = truth.iter().zip(found);
    let hits = pairs.map(|(truth, found)| {
        truth.iter().take(TEN).filter(|row| found.iter().take(first).any(|other| other == *row)).count()
    });
    hits.sum::<usize>() as f64 / (truth.len() * TEN).max(1) as f64
}
