//! Collections beside hnswlib and faiss with rescoring: time per query at a recall, bytes, building.

use std::path::PathBuf;
use std::sync::Arc;

use larder::Store;
use larder_vector::tier::Tier;
use larder_vector::{Collection, SearchOptions};
use tokio::runtime::Runtime;

use super::ours::{self, Took};
use super::peer::Peer;
use super::resident;
use super::sets::Set;
use super::{Given, NAME, TEN, recall};
use crate::case::{Case, Unit};
use crate::context::Context;
use crate::error::Result;
use crate::open;

/// What hnswlib's `ef` and our options are to reach.
const RECALL: f64 = 0.97;
/// A graph, and codes in registers of which 100 are compared again with single precision.
const GRAPH: &str = "hnsw";
const SCAN: &str = "PQ96x4fs,RFlat";
const GRAPH_NAME: &str = "hnswlib M=16";

/// Shares of the cells, and candidates that are compared again.
const CELLS: [f32; 5] = [1.0, 0.5, 0.25, 0.125, 0.0625];
const RESCORE: [usize; 4] = [30, 50, 100, 200];

/// Queries one by one or all in one call.
const CALLS: [(&str, Call); 2] = [("one by one", ours::single), ("in one call", ours::batch)];
type Call = fn(&Runtime, &Collection, &Set, &SearchOptions) -> Result<(f64, Vec<Vec<u64>>)>;

fn speed(set: &str, how: &str, settings: &str, peer: &'static str) -> Case {
    Case::new(NAME, format!("collection, {set}, {how}, {settings}"), peer)
}

pub(super) fn run(context: &mut Context, given: &Given) -> Result<()> {
    if context.wants_text("vector/collection, 50,000") {
        let set = Set::real(given)?;
        beside(context, given, &set, "50,000", true)?;
    }
    let rows = match std::env::var("LARDER_VECTOR_ROWS") {
        Ok(rows) => rows.parse()?,
        Err(_) => context.either(100_000, 1_000_000),
    };
    if context.wants_text("vector/collection, mixed") {
        context.say("vector: mixing");
        let set = Set::real(given)?.mixed(rows, context.either(100, 200), context.place.path("mixed.npy"))?;
        beside(context, given, &set, &format!("mixed {rows}"), false)?;
    }
    Ok(())
}

/// A collection in LMDB, its columns in files that are mapped, beside the peers.
fn beside(context: &mut Context, given: &Given, set: &Set, name: &str, whole: bool) -> Result<()> {
    let runtime = &ours::one_thread()?;
    let mut builds: Vec<(PathBuf, Took)> = Vec::new();
    let mut peer = Peer::start(given, set)?;
    let graph = whole || std::env::var_os("LARDER_VECTOR_GRAPH").is_some();
    let mut graphs = Vec::new();
    let times = if whole { context.either(1, 5) } else { 1 };
    let mut opened: Option<(Arc<dyn Store>, Collection)> = None;
    for turn in 0..times {
        context.say(format!("vector: building {} of {times}", turn + 1));
        if let Some((store, collection)) = opened.take() {
            runtime.block_on(collection.close())?;
            open::close(runtime, &store)?;
        }
        let path = context.place.path(&format!("vectors-{}-{turn}", set.rows()));
        std::fs::create_dir_all(&path)?;
        let many = Context::runtime()?;
        let store = open::folder(&many, "lmdb", &path)?;
        let (built, took) = ours::build(&many, &store, set, &ours::options(set), false)?;
        many.block_on(built.close())?;
        open::close(&many, &store)?;
        drop((built, store));
        let store = open::folder(runtime, "lmdb", &path)?;
        let collection = runtime.block_on(Collection::open(store.clone(), ours::options(set)))?;
        println!(
            "vector: {name}: imported in {:.2} s, flushed in {:.2} s, optimized in {:.2} s (all cores)",
            took.import, took.flush, took.optimize
        );
        builds.push((path, took));
        opened = Some((store, collection));
        if graph {
            let (took, _) = peer.build_whole(GRAPH)?;
            println!("vector: {name}: {GRAPH_NAME} built in {took:.2} s (all cores)");
            graphs.push(took);
        }
    }
    let Some((store, collection)) = opened else { return Ok(()) };
    runtime.block_on(ours::bring(&collection, Tier::Warm))?;
    let truth = set.truth();

    if graph {
        let (build, parts): (Vec<_>, Vec<_>) = builds
            .iter()
            .zip(&graphs)
            .map(|((_, took), theirs)| ((took.total() * 1e9, theirs * 1e9), (took.flush * 1e9, theirs * 1e9)))
            .unzip();
        let case = |what: &str| Case::new(NAME, format!("collection, {name}, {what}"), GRAPH_NAME);
        add(context, case("import, flush and optimize").limit(0.1), &build)?;
        add(context, case("flush alone: training, codes, cells"), &parts)?;
    }
    if whole && let Some((path, _)) = builds.last() {
        let case = Case::new(NAME, format!("collection, {name}, resident memory"), GRAPH_NAME);
        let case = case.unit(Unit::Bytes).limit(1.0 / 15.0);
        let mut rounds = Vec::new();
        for _ in 0..context.either(1, 3) {
            let (_, theirs) = Peer::start_lean(given, set)?.build_whole(GRAPH)?;
            let told = resident::measure(path, given, Tier::Warm)?;
            println!(
                "vector: {name}: {:.2} MiB of memory of its own, {:.1} MiB of files mapped; stats: {:.2} MiB",
                told.anonymous / f64::from(1 << 20),
                told.mapped / f64::from(1 << 20),
                collection.stats().memory.used as f64 / f64::from(1 << 20),
            );
            rounds.push((told.anonymous, theirs));
        }
        add(context, case, &rounds)?;
    }

    let chosen = settings(context, runtime, &collection, set, &truth, name)?;
    if graph {
        let ef = effort(&mut peer)?;
        println!("vector: {name}: {GRAPH_NAME} reaches {RECALL} with ef={} ({:.4})", ef.0, ef.1);
    }
    context.say("vector: training the peer");
    peer.build(SCAN)?;
    peer.effort(SCAN, 10)?;
    println!("vector: {name}: {SCAN}, 100 compared again: {:.4}", peer.recall(SCAN, TEN)?.0);
    for (at, (how, call)) in CALLS.iter().enumerate() {
        let (text, options) = &chosen[at];
        if graph {
            let case = speed(name, how, &format!("recall {RECALL}: {text}"), GRAPH_NAME).limit(1.0);
            rounds(context, case, &mut || Ok(call(runtime, &collection, set, options)?.0), &mut peer, GRAPH)?;
        }
        let case = speed(name, how, "by default", SCAN);
        let default = SearchOptions::new();
        rounds(context, case, &mut || Ok(call(runtime, &collection, set, &default)?.0), &mut peer, SCAN)?;
    }
    runtime.block_on(collection.close())?;
    open::close(runtime, &store)?;
    Ok(())
}

/// Tries settings; for each way of calling, the fastest that reaches what is wanted.
fn settings(
    context: &Context,
    runtime: &Runtime,
    collection: &Collection,
    set: &Set,
    truth: &[Vec<u64>],
    name: &str,
) -> Result<Vec<(String, SearchOptions)>> {
    let exact = SearchOptions::new();
    let mut best = vec![(f64::MAX, "by default".to_owned(), exact.clone()); CALLS.len()];
    println!(
        "vector: {name}: cells  rescore  recall@10  microseconds a query, {}, {}",
        CALLS[0].0, CALLS[1].0
    );
    let grid = CELLS.iter().flat_map(|cells| RESCORE.map(|rescore| (*cells, rescore)));
    for (cells, rescore) in grid {
        context.say(format!("vector: cells {cells}, rescore {rescore}"));
        let options = exact.clone().with_cells(cells).with_rescore(rescore);
        let mut line = String::new();
        let mut reached = 0.0;
        for ((_, call), best) in CALLS.iter().zip(&mut best) {
            let mut least = f64::MAX;
            for _ in 0..3 {
                let (took, found) = call(runtime, collection, set, &options)?;
                least = least.min(took);
                reached = recall(truth, &found, TEN);
            }
            if reached >= RECALL && least < best.0 {
                *best = (least, format!("cells {cells}, rescore {rescore}"), options.clone());
            }
            line += &format!("  {:>9.1}", least / 1e3);
        }
        println!("vector: {name}: {cells:>6}  {rescore:>7}  {reached:>9.4}{line}");
    }
    Ok(best.into_iter().map(|(_, text, options)| (text, options)).collect())
}

/// The least effort that reaches what is wanted, and what it reaches.
fn effort(peer: &mut Peer) -> Result<(usize, f64)> {
    for ef in (10..=400).step_by(2) {
        peer.effort(GRAPH, ef)?;
        let reached = peer.recall(GRAPH, TEN)?.0;
        if reached >= RECALL {
            return Ok((ef, reached));
        }
    }
    Err(format!("{GRAPH_NAME} does not reach {RECALL}").into())
}

fn rounds(
    context: &mut Context,
    case: Case,
    own: &mut dyn FnMut() -> Result<f64>,
    peer: &mut Peer,
    index: &str,
) -> Result<()> {
    if !context.wants(&case) {
        return Ok(());
    }
    context.say(case.path());
    let mut rounds = Vec::new();
    for round in 0..context.either(3, 15) {
        rounds.push(if round % 2 == 0 {
            let own = own()?;
            (own, peer.search(index, TEN)?)
        } else {
            let theirs = peer.search(index, TEN)?;
            (own()?, theirs)
        });
    }
    context.add(case, &rounds)
}

fn add(context: &mut Context, case: Case, rounds: &[(f64, f64)]) -> Result<()> {
    if context.wants(&case) && !rounds.is_empty() { context.add(case, rounds) } else { Ok(()) }
}
