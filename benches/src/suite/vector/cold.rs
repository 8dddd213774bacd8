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

/// How long the service takes for each answer, and another one that is further away. How much longer a query takes there, in parts of how
/// much further it is, is the number of answers that it waited for one after the other.
const LATENCY: Duration = Duration::from_millis(20);
const FURTHER: Duration = Duration::from_millis(200);
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
    context.say("vector: starting the doubles that are far away");
    let doubles = [server::start(LATENCY)?, server::start(LATENCY + FURTHER)?];
    let runtime = Context::runtime()?;
    for (keep, kept) in [(Precision::F32, "single precision"), (Precision::F16, "half precision")] {
        for segments in [1, 16] {
            let schema = Schema::new(set.dims as u32, set.metric).with_keep(keep);
            let options = ours::options(&set)
                .with_schema(schema)
                .with_seal_rows(set.rows().div_ceil(segments))
                .with_disk(0);
            let mut stores = Vec::new();
            for double in &doubles {
                let place = double.url(&format!("bench/cold-{}-{segments}", keep as u8));
                let store = runtime.block_on(larder::open(&place))?;
                context.say(format!("vector: {kept}, {segments} segments: building"));
                let (collection, _) = ours::build(&runtime, &store, &set, &options, true)?;
                runtime.block_on(collection.close())?;
                stores.push(store);
            }
            let name = format!("cold, {kept}, {segments} segments");
            for payload in [false, true] {
                let with = if payload { "with payloads" } else { "without payloads" };
                measure(context, &stores, &set, &options, &truth, &format!("{name}, {with}"), payload)?;
            }
        }
    }
    Ok(())
}

/// What queries took, in the order that they were asked.
#[derive(Default)]
struct Asked {
    nanos: Vec<f64>,
    requests: Vec<f64>,
    bytes: Vec<f64>,
    found: Vec<Vec<u64>>,
    over: usize,
}

fn ask(
    store: &Arc<dyn Store>,
    set: &Set,
    options: &larder_vector::CollectionOptions,
    count: usize,
    payload: bool,
) -> Result<Asked> {
    Context::runtime()?.block_on(async {
        let collection = Collection::open(store.clone(), options.clone()).await?;
        let search = SearchOptions::new().with_payload(payload);
        // Codes come with the first search.
        collection.search(set.query(0), TEN, &search).await?;
        let mut asked = Asked::default();
        for query in 0..count {
            let begun = Instant::now();
            let answer = collection.search(set.query(query), TEN, &search).await?;
            asked.nanos.push(begun.elapsed().as_nanos() as f64);
            asked.requests.push(answer.work.remote_requests as f64);
            asked.bytes.push(answer.work.remote_bytes as f64);
            asked.over += answer.approximate.over_budget;
            asked.found.push(ours::numbers(&answer));
        }
        collection.close().await?;
        Ok(asked)
    })
}

fn measure(
    context: &mut Context,
    stores: &[Arc<dyn Store>],
    set: &Set,
    options: &larder_vector::CollectionOptions,
    truth: &[Vec<u64>],
    name: &str,
    payload: bool,
) -> Result<()> {
    let count = context.either(50, 300).min(set.count());
    let far = ask(&stores[0], set, options, count, payload)?;
    let further = ask(&stores[1], set, options, context.either(10, 50), payload)?;
    let reached = recall(&truth[..count], &far.found, TEN);
    println!(
        "vector: {name}: recall@10 {reached:.4} (wanted: {RECALL}), {:.1} candidates a query not compared",
        far.over as f64 / count as f64
    );
    let beside = |ours: &[f64], theirs: f64| ours.iter().map(|ours| (*ours, theirs)).collect::<Vec<_>>();
    // Answers are whole; what processors have to do differs a little from run to run.
    let answers = |(more, less): (&f64, &f64)| ((more - less) / FURTHER.as_nanos() as f64).round();
    let waited: Vec<f64> = further.nanos.iter().zip(&far.nanos).map(answers).collect();
    let case = |what: &str, peer| Case::new(NAME, format!("{name}: {what}"), peer);
    let trips = case("answers one after the other, by what further ones take", "one answer");
    let trips = trips.unit(Unit::Count).limit(TRIPS);
    let time = case("time", "one answer's latency");
    let requests = case("requests", "16").unit(Unit::Requests).limit(1.0);
    let bytes = case("bytes", "1 MiB").unit(Unit::Bytes).limit(1.0);
    for (case, rounds) in [
        (trips, beside(&waited, 1.0)),
        (time, beside(&far.nanos, LATENCY.as_nanos() as f64)),
        (requests, beside(&far.requests, REQUESTS)),
        (bytes, beside(&far.bytes, BYTES)),
    ] {
        if context.wants(&case) {
            context.add(case, &rounds)?;
        }
    }
    Ok(())
}
