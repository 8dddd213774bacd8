//! Scans of vectors beside faiss: real sentence embeddings, one thread, a thousand queries at once.

mod peer;

use std::path::PathBuf;
use std::time::Instant;

use larder_vector::{Hit, Metric, Vectors, dense, npy, pq};

use self::peer::Peer;
use crate::case::Case;
use crate::context::Context;
use crate::error::{Result, at};

/// The name of the suite.
pub(crate) const NAME: &str = "vector";

/// How many are searched for each query.
const KEEP: usize = 100;
/// The nearest ten count.
const TEN: usize = 10;
/// Products of faiss that are ours, but for the order of rounding.
const METRIC: Metric = Metric::InnerProduct;

/// What ours is compared with: faiss's name for it, what ours is, the most of its time that is good enough.
const PEERS: [(&str, Ours, Option<f64>); 4] = [
    ("PQ48x8", Ours::Codes, Some(0.1)),
    ("PQ96x4fs", Ours::Codes, Some(1.0)),
    ("SQfp16", Ours::Half, Some(0.25)),
    ("Flat", Ours::Single, None),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ours {
    Codes,
    Half,
    Single,
}

impl Ours {
    fn name(self) -> &'static str {
        match self {
            Ours::Codes => "codes of 48 bytes",
            Ours::Half => "half precision",
            Ours::Single => "single precision",
        }
    }
}

/// Runs what there is the data and the peer for, and says so where there is none.
pub(crate) fn run(context: &mut Context) -> Result<()> {
    let case = |(peer, ours, limit): (&'static str, Ours, Option<f64>)| {
        let case = Case::new(NAME, format!("{} of 384 dimensions, time per query", ours.name()), peer);
        limit.map_or(case.clone(), |limit| case.limit(limit))
    };
    if !context.wants_any(&PEERS.map(case)) {
        return Ok(());
    }
    let (Some(data), Some(python)) =
        (std::env::var_os("LARDER_DATA"), std::env::var_os("LARDER_PEERS_PYTHON"))
    else {
        println!(
            "vector: left out: LARDER_DATA is to name the folder of the embeddings, LARDER_PEERS_PYTHON a Python with faiss-cpu"
        );
        return Ok(());
    };
    let read = |name: &str| -> Result<(PathBuf, Vectors)> {
        let path = PathBuf::from(&data).join(name);
        let bytes = std::fs::read(&path).map_err(|e| at(&path, e))?;
        Ok((path, npy::read(&bytes)?))
    };
    let (base_path, base) = read("minilm384_base.npy")?;
    let (queries_path, queries) = read("minilm384_queries.npy")?;
    let count = queries.values.len() / queries.dims;
    let mut peer = Peer::start(&python, &base_path, &queries_path)?;

    context.say("vector: training");
    let begun = Instant::now();
    let codebook = pq::Codebook::train(&base.values, base.dims, &pq::TrainOptions::default());
    let trained = begun.elapsed();
    let raw = codebook.encode(&base.values);
    let codes = pq::Codes::new(&codebook, &raw);
    let built = begun.elapsed();
    let halves: Vec<_> = base.values.iter().map(|x| half::f16::from_f32(*x)).collect();
    let search = |ours: Ours| match ours {
        Ours::Codes => pq::nearest(&codebook, &codes, METRIC, &queries.values, KEEP),
        Ours::Half => dense::nearest(METRIC, base.dims, dense::Values::F16(&halves), &queries.values, KEEP),
        Ours::Single => {
            dense::nearest(METRIC, base.dims, dense::Values::F32(&base.values), &queries.values, KEEP)
        }
    };
    let truth = search(Ours::Single);
    println!(
        "vector: {} vectors, {count} queries, the best {KEEP} of each; ours trained in {:.1} s and built in {:.1} s (all cores)",
        base.values.len() / base.dims,
        trained.as_secs_f64(),
        built.as_secs_f64()
    );
    // Trainings that start elsewhere differ by more than the tables' rounding does.
    let seeds = context.either(1, 5);
    let (mut ten, mut all) = (0.0, 0.0);
    for seed in 1..=seeds {
        context.say(format!("vector: training {seed} of {seeds}"));
        let options = pq::TrainOptions { seed, ..pq::TrainOptions::default() };
        let codebook = pq::Codebook::train(&base.values, base.dims, &options);
        let codes = pq::Codes::new(&codebook, &codebook.encode(&base.values));
        let found = pq::nearest(&codebook, &codes, METRIC, &queries.values, KEEP);
        ten += recall(&truth, &found, TEN) / seeds as f64;
        all += recall(&truth, &found, KEEP) / seeds as f64;
    }
    let unrounded = codebook.decode(&raw);
    let unrounded = dense::nearest(METRIC, base.dims, dense::Values::F32(&unrounded), &queries.values, KEEP);
    println!(
        "vector: of the ten nearest, codes have {ten:.4} in their first ten and {all:.4} in {KEEP}, the mean of {seeds} more trainings; the first one's, decoded, {:.4} and {:.4}",
        recall(&truth, &unrounded, TEN),
        recall(&truth, &unrounded, KEEP)
    );
    for (name, ours, limit) in PEERS {
        let case = case((name, ours, limit));
        if !context.wants(&case) {
            continue;
        }
        context.say(case.path());
        let built = peer.build(name)?;
        let found = search(ours);
        let (ten, all) = peer.recall(name, KEEP)?;
        println!(
            "vector: of the ten nearest, ours ({}) has {:.4} in its first ten and {:.4} in {KEEP}; {name} {ten:.4} and {all:.4}; it trained in {built:.1} s",
            ours.name(),
            recall(&truth, &found, TEN),
            recall(&truth, &found, KEEP),
        );
        let mut rounds = Vec::new();
        for round in 0..context.either(3, 11) {
            let own = || {
                let begun = Instant::now();
                std::hint::black_box(search(ours));
                begun.elapsed().as_nanos() as f64 / count as f64
            };
            rounds.push(if round % 2 == 0 {
                let own = own();
                (own, peer.search(name, KEEP)?)
            } else {
                let theirs = peer.search(name, KEEP)?;
                (own(), theirs)
            });
        }
        context.add(case, &rounds)?;
    }
    Ok(())
}

/// How many of the ten nearest are among the first `first` that were found.
fn recall(truth: &[Vec<Hit>], found: &[Vec<Hit>], first: usize) -> f64 {
    let pairs = truth.iter().zip(found);
    let hits = pairs.map(|(truth, found)| {
        let is_found = |hit: &&Hit| found.iter().take(first).any(|other| other.row == hit.row);
        truth.iter().take(TEN).filter(is_found).count()
    });
    hits.sum::<usize>() as f64 / (truth.len() * TEN) as f64
}
