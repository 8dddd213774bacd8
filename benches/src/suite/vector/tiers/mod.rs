//! Tiers under a budget: what queries take beside the same collection all in memory, and what moves.

mod world;

use std::time::Instant;

use larder::Call;
use larder_vector::tier::Tier;
use larder_vector::{Collection, Role, SearchOptions, VectorStore};
use tokio::runtime::Runtime;

use self::world::{Homes, Tiered, Watch};
use super::resident::Resident;
use super::sets::{Set, gradients};
use super::{Given, NAME, TEN, ours, recall};
use crate::case::{Case, Unit};
use crate::context::Context;
use crate::error::Result;
use crate::open;
use crate::stats::quantile;
use crate::workload::Rng;

/// Segments of a collection, and the share of the vectors' bytes that memory is for, codes included.
const SEGMENTS: usize = 48;
const SHARE: f64 = 0.15;
/// Queries of a minute of the clock that is moved.
const MINUTE: usize = 60;
const MIB: f64 = (1 << 20) as f64;

pub(super) fn run(context: &mut Context, given: &Given) -> Result<()> {
    if !context.wants_text("vector/tiers") {
        return Ok(());
    }
    for set in [Set::real(given)?, gradients(50_000, 1000)] {
        for files in [true, false] {
            under_budget(context, &set, files)?;
        }
    }
    Ok(())
}

/// A collection beside the same all in memory. Without `files` there is nothing between memory and the store, so that memory is fought
/// over.
fn under_budget(context: &mut Context, set: &Set, files: bool) -> Result<()> {
    let runtime = &ours::one_thread()?;
    let name = &if files { set.name.to_string() } else { format!("{}, without files", set.name) };
    let path = context.place.path(&format!("tiers-{}-{files}", set.dims));
    std::fs::create_dir_all(&path)?;
    context.say(format!("vector: {name}: building"));
    let options = ours::options(set).with_seal_rows(set.rows().div_ceil(SEGMENTS));
    {
        let many = Context::runtime()?;
        let store = open::folder(&many, "lmdb", &path)?;
        let (built, _) = ours::build(&many, &store, set, &options, false)?;
        many.block_on(built.close())?;
        open::close(&many, &store)?;
    }
    let store = open::folder(runtime, "lmdb", &path)?;
    let reader = options.clone().with_role(Role::Reader).with_memory(4 << 30);
    let whole = runtime.block_on(Collection::open(store.clone(), reader))?;
    runtime.block_on(ours::bring(&whole, Tier::Hot))?;
    let homes = Homes::find(runtime, &whole, set)?;
    let before = Resident::now();

    let disk = if files { 1 << 30 } else { 0 };
    let tiered = Tiered::open(runtime, &store, &options.with_disk(disk), set)?;
    let watch = Watch::start(&tiered.collection);
    let mut rng = Rng::new(3);
    // Without files each query reads from the store, and takes ten times as long.
    let (first, second) = context.either((2, 2), if files { (12, 24) } else { (6, 12) });
    for _ in 0..60 * first {
        tiered.minute(runtime, set, &mut || homes.zipf(&mut rng))?;
    }
    println!("vector: tiers, {name}: {} after {first} hours", tiered.told());
    latencies(context, runtime, set, &tiered, &whole, &homes, name, files)?;

    let moved = tiered.collection.stats().moved;
    for _ in 0..60 * second {
        tiered.minute(runtime, set, &mut || homes.zipf(&mut rng))?;
    }
    let since = tiered.collection.stats().moved;
    let steady = since.bytes - moved.bytes;
    println!(
        "vector: tiers, {name}: in another {second} hours of the same load {} came up, {} went down, {:.2} MiB",
        since.promotions - moved.promotions,
        since.demotions - moved.demotions,
        steady as f64 / MIB
    );
    let case = |what: &str, peer| Case::new(NAME, format!("tiers, {name}, {what}"), peer);
    let all = (set.base.len() * 4) as f64;
    let steadily = case(&format!("moved in {second} hours of the same load"), "all vectors")
        .unit(Unit::Bytes)
        .limit(0.0);
    add(context, steadily, &[(steady as f64, all)])?;

    runtime.block_on(flood(set, &tiered.collection))?;
    for _ in 0..60 {
        tiered.minute(runtime, set, &mut || homes.zipf(&mut rng))?;
    }
    let after = tiered.collection.stats().moved;
    let flooded = case("promoted by a scan of all and exact searches", "all segments");
    let flooded = flooded.unit(Unit::Count).limit(0.01);
    add(context, flooded, &[((after.promotions - since.promotions) as f64, SEGMENTS as f64)])?;
    alternate(context, runtime, set, &tiered, &homes, name)?;

    let (used, limit, resident) = watch.stop();
    for (what, bytes) in
        [("memory reserved at most", used), ("resident memory grown by at most", resident - before.anonymous)]
    {
        add(context, case(what, "the budget").unit(Unit::Bytes).limit(1.0), &[(bytes, limit)])?;
    }
    runtime.block_on(tiered.collection.close())?;
    runtime.block_on(whole.close())?;
    Ok(open::close(runtime, &store)?)
}

#[allow(clippy::too_many_arguments, reason = "what is compared, and what it is called")]
fn latencies(
    context: &mut Context,
    runtime: &Runtime,
    set: &Set,
    tiered: &Tiered,
    whole: &Collection,
    homes: &Homes,
    name: &str,
    files: bool,
) -> Result<()> {
    let truth = set.truth();
    let mut rng = Rng::new(11);
    let (mut p50, mut p99, mut found) = (Vec::new(), Vec::new(), [vec![], vec![]]);
    let mut wanted = Vec::new();
    for _ in 0..context.either(3, 15) {
        let mut times = [vec![], vec![]];
        for turn in 0..1000 {
            let query = homes.zipf(&mut rng);
            wanted.push(truth[query].clone());
            for side in [turn % 2, 1 - turn % 2] {
                let collection = [&*tiered.collection, whole][side];
                let begun = Instant::now();
                let answer =
                    runtime.block_on(collection.search(set.query(query), TEN, &SearchOptions::new()))?;
                times[side].push(begun.elapsed().as_nanos() as f64);
                found[side].push(ours::numbers(&answer));
            }
        }
        p50.push((quantile(&times[0], 0.5), quantile(&times[1], 0.5)));
        p99.push((quantile(&times[0], 0.99), quantile(&times[1], 0.99)));
    }
    let [tiered, whole] = found.map(|found| recall(&wanted, &found, TEN));
    println!("vector: tiers, {name}: recall@10 {tiered:.4}, all in memory {whole:.4}");
    for (what, rounds, limit) in [("median", p50, 1.3), ("99th of 100", p99, 3.0)] {
        let case = Case::new(NAME, format!("tiers, {name}, {what}"), "all in memory");
        // Without files most candidates are read from the store: what that costs is told.
        add(context, if files { case.limit(limit) } else { case }, &rounds)?;
    }
    Ok(())
}

/// Reads all rows, and compares all of them.
async fn flood(set: &Set, collection: &Collection) -> Result<()> {
    use futures_util::StreamExt as _;
    let mut rows = collection.scan_opts(&Call::default());
    let mut count = 0;
    while let Some(row) = rows.next().await {
        row?;
        count += 1;
    }
    if count != set.rows() {
        return Err(format!("a scan gave {count} rows of {}", set.rows()).into());
    }
    let exact = SearchOptions::new().with_exact(true);
    for query in 0..4 {
        collection.search(set.query(query), TEN, &exact).await?;
    }
    Ok(())
}

/// Two sets of segments take turns, each of 1.2 times what there is room for.
fn alternate(
    context: &mut Context,
    runtime: &Runtime,
    set: &Set,
    tiered: &Tiered,
    homes: &Homes,
    name: &str,
) -> Result<()> {
    let told = tiered.collection.explain();
    let hot = 4.0 * set.base.len() as f64 / told.len() as f64;
    let codes: u64 = told.iter().filter(|segment| segment.tier != Tier::Hot).map(|s| s.bytes.memory).sum();
    let codes = codes as f64 * told.len() as f64
        / told.iter().filter(|segment| segment.tier != Tier::Hot).count().max(1) as f64;
    let room = ((tiered.collection.stats().memory.limit as f64 - codes) / hot).max(1.0);
    let each = ((1.2 * room).round() as usize).clamp(2, homes.queries.len() / 2);
    let mut rng = Rng::new(17);
    // All of both before they take turns.
    for _ in 0..context.either(60, 6 * 60) {
        tiered.minute(runtime, set, &mut || {
            let segment = rng.below(2 * each);
            homes.of(segment, &mut rng)
        })?;
    }
    let before = tiered.collection.stats().moved;
    let turns = context.either(4, 24);
    for turn in 0..turns {
        for _ in 0..30 {
            tiered.minute(runtime, set, &mut || {
                let segment = rng.below(each) + turn % 2 * each;
                homes.of(segment, &mut rng)
            })?;
        }
    }
    let bytes = tiered.collection.stats().moved.bytes - before.bytes;
    let best = room.floor() * hot;
    println!(
        "vector: tiers, {name}: two sets of {each} segments, room for {room:.1}, {turns} turns of 30 minutes: {:.2} MiB moved; filling the room once is {:.2} MiB",
        bytes as f64 / MIB,
        best / MIB
    );
    let case = Case::new(NAME, format!("tiers, {name}, two sets in turn, moved"), "the room filled once");
    add(context, case.unit(Unit::Bytes).limit(2.0), &[(bytes as f64, best)])
}

fn add(context: &mut Context, case: Case, rounds: &[(f64, f64)]) -> Result<()> {
    if context.wants(&case) { context.add(case, rounds) } else { Ok(()) }
}
