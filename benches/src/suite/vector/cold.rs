//! Collections whose columns are far away: what a query costs of requests, bytes and waiting.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::Store;
use larder_vector::{Collection, Precision, Schema, SearchOptions, VectorStore};

use super::ours;
use super::sets::Set;
use super::{Given, NAME, TEN, recall};
use crate::case::{Case, Unit};
use crate::context::Context;
use crate::error::Result;
use crate::suite::cloud::server;

/// How long the service takes for each answer.
const LATENCY: Duration = Duration::from_millis(20);
/// What a query may take: round trips that wait for each other, requests, bytes; and the recall that it is to reach.
const TRIPS: f64 = 2.0;
const REQUESTS: f64 = 16.0;
const BYTES: f64 = (1 << 20) as f64;
const RECALL: f64 = 0.95;

pub(super) fn run(context: &mut Context, given: &Given) -> Result<()> {
    if !context.wants_text("vector/cold") {
        return Ok(());
    }
    let mut set = Set::real(given)?;
    // The embeddings come in half precision, whose values single precision packs too well: of length one again, they do not.
    for vector in set.base.chunks_exact_mut(set.dims) {
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length);
    }
    let truth = set.truth();
    context.say("vector: starting the double that is far away");
    let double = server::start(LATENCY)?;
    let runtime = Context::runtime()?;
    for (keep, kept) in [(Precision::F32, "single precision"), (Precision::F16, "half precision")] {
        for segments in [1, 16] {
            let place = double.url(&format!("bench/cold-{}-{segments}", keep as u8));
            let store = runtime.block_on(larder::open(&place))?;
            let schema = Schema::new(set.dims as u32, set.metric).with_keep(keep);
            let options = ours::options(&set)
                .with_schema(schema)
                .with_seal_rows(set.rows().div_ceil(segments))
                .with_disk(0);
            context.say(format!("vector: {kept}, {segments} segments: building"));
            let (collection, _) = ours::build(&runtime, &store, &set, &options, true)?;
            runtime.block_on(collection.close())?;
            let name = format!("cold, {kept}, {segments} segments");
            measure(context, &store, &set, &options, &truth, &name)?;
        }
    }
    Ok(())
}

fn measure(
    context: &mut Context,
    store: &Arc<dyn Store>,
    set: &Set,
    options: &larder_vector::CollectionOptions,
    truth: &[Vec<u64>],
    name: &str,
) -> Result<()> {
    let runtime = Context::runtime()?;
    let count = context.either(50, 300).min(set.count());
    runtime.block_on(async {
        let collection = Collection::open(store.clone(), options.clone()).await?;
        // Codes come with the first search.
        collection.search(set.query(0), TEN, &SearchOptions::new()).await?;
        for payload in [false, true] {
            let search = SearchOptions::new().with_payload(payload);
            let (mut trips, mut requests, mut bytes, mut found) = (vec![], vec![], vec![], vec![]);
            let mut over = 0;
            for query in 0..count {
                let begun = Instant::now();
                let answer = collection.search(set.query(query), TEN, &search).await?;
                trips.push((begun.elapsed().as_nanos() as f64, LATENCY.as_nanos() as f64));
                requests.push((answer.work.remote_requests as f64, REQUESTS));
                bytes.push((answer.work.remote_bytes as f64, BYTES));
                over += answer.approximate.over_budget;
                found.push(ours::numbers(&answer));
            }
            let reached = recall(&truth[..count], &found, TEN);
            let with = if payload { "with payloads" } else { "without payloads" };
            println!(
                "vector: {name}, {with}: recall@10 {reached:.4} (wanted: {RECALL}), {:.1} candidates a query not compared",
                over as f64 / count as f64
            );
            let case = |what: &str, peer| Case::new(NAME, format!("{name}, {with}: {what}"), peer);
            let trip = case("time", "one answer's latency").limit(TRIPS);
            let request = case("requests for vectors", "16").unit(Unit::Requests).limit(1.0);
            let byte = case("bytes of vectors", "1 MiB").unit(Unit::Bytes).limit(1.0);
            for (case, rounds) in [(trip, &trips), (request, &requests), (byte, &bytes)] {
                if context.wants(&case) {
                    context.add(case, rounds)?;
                }
            }
        }
        collection.close().await?;
        Ok(())
    })
}
