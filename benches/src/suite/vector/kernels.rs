//! Scans of vectors beside faiss: real sentence embeddings, one thread, a thousand queries at once.

use std::time::Instant;

use larder_vector::{Hit, dense, pq};

use super::peer::Peer;
use super::sets::{METRIC, Set};
use super::{Given, NAME, TEN, recall};
use crate::case::Case;
use crate::context::Context;
use crate::error::Result;

/// How many are searched for each query.
const KEEP: usize = 100;
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

/// Scans of all vectors.
pub(super) fn run(context: &mut Context, given: &Given) -> Result<()> {
    let case = |(peer, ours, limit): (&'static str, Ours, Option<f64>)| {
        let case = Case::new(NAME, format!("{} of 384 dimensions, time per query", ours.name()), peer);
        limit.map_or(case.clone(), |limit| case.limit(limit))
    };
    if !context.wants_any(&PEERS.map(case)) {
        return Ok(());
    }
    let set = &Set::real(given)?;
    let (base, queries, dims, count) = (&set.base, &set.queries, set.dims, set.count());
    let mut peer = Peer::start(given, set)?;

    context.say("vector: training");
    let begun = Instant::now();
    let codebook = pq::Codebook::train(base, dims, &pq::TrainOptions::default());
    let trained = begun.elapsed();
    let raw = codebook.encode(base);
    let codes = pq::Codes::new(&codebook, &raw);
    let built = begun.elapsed();
    let halves: Vec<_> = base.iter().map(|x| half::f16::from_f32(*x)).collect();
    let search = |ours: Ours| match ours {
        Ours::Codes => pq::nearest(&codebook, &codes, METRIC, queries, KEEP),
        Ours::Half => dense::nearest(METRIC, dims, dense::Values::F16(&halves), queries, KEEP),
        Ours::Single => dense::nearest(METRIC, dims, dense::Values::F32(base), queries, KEEP),
    };
    let truth = rows(&search(Ours::Single));
    println!(
        "vector: {} vectors, {count} queries, the best {KEEP} of each; ours trained in {:.1} s and built in {:.1} s (all cores)",
        set.rows(),
        trained.as_secs_f64(),
        built.as_secs_f64()
    );
    // Trainings that start elsewhere differ by more than the tables' rounding does.
    let seeds = context.either(1, 5);
    let (mut ten, mut all, mut again) = (0.0, 0.0, 0.0);
    for seed in 1..=seeds {
        context.say(format!("vector: training {seed} of {seeds}"));
        let options = pq::TrainOptions { seed, ..pq::TrainOptions::default() };
        let codebook = pq::Codebook::train(base, dims, &options);
        let codes = pq::Codes::new(&codebook, &codebook.encode(base));
        let found = pq::nearest(&codebook, &codes, METRIC, queries, KEEP);
        again += recall(&truth, &rescored(set, &found), TEN) / seeds as f64;
        let found = rows(&found);
        ten += recall(&truth, &found, TEN) / seeds as f64;
        all += recall(&truth, &found, KEEP) / seeds as f64;
    }
    let unrounded = codebook.decode(&raw);
    let unrounded = dense::nearest(METRIC, dims, dense::Values::F32(&unrounded), queries, KEEP);
    let unrounded = rows(&unrounded);
    println!(
        "vector: of the ten nearest, codes have {ten:.4} in their first ten and {all:.4} in {KEEP}, and {again:.4} in the ten best of these by their vectors, the mean of {seeds} more trainings; the first one's, decoded, {:.4} and {:.4}",
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
        let found = rows(&search(ours));
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

fn rows(hits: &[Vec<Hit>]) -> Vec<Vec<u64>> {
    hits.iter().map(|hits| hits.iter().map(|hit| u64::from(hit.row)).collect()).collect()
}

/// Of what was found the ten that are nearest by their vectors.
fn rescored(set: &Set, found: &[Vec<Hit>]) -> Vec<Vec<u64>> {
    let one = |(query, hits): (&[f32], &Vec<Hit>)| {
        let row = |hit: &Hit| &set.base[hit.row as usize * set.dims..][..set.dims];
        let mut near: Vec<(f32, u64)> =
            hits.iter().map(|hit| (METRIC.distance(query, row(hit)), u64::from(hit.row))).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near.iter().take(TEN).map(|(_, row)| *row).collect()
    };
    set.queries.chunks_exact(set.dims).zip(found).map(one).collect()
}
