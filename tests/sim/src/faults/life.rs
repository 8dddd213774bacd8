//! A stack is opened over fronts that fail, used, and closed; then everything must be as if nothing had happened.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use larder_store_core::layer::fault::{Cell, FaultStore, Faults};
use larder_store_core::{Call, ErrorKind, GetOptions, Key, Op, Store};
use larder_tiered::{Breaker, TieredStore};

use super::Options;
use super::client::{Client, PATIENCE, Shared, Wrong, failed};
use super::matrix::Matrix;
use super::model::Model;
use super::plan::{KEYS, Plan};
use crate::Outcome;
use crate::clocks::StillClock;
use crate::posing::Posing;
use crate::rng::Rng;
use crate::stores::{StackSetup, Wrap};

/// How long a life may take by a real clock: one that takes longer waits for what never comes.
const LONGEST: Duration = Duration::from_secs(120);

/// How long somebody sleeps by a real clock until the one of the stack moves: while fronts hang, and when they do not.
const HASTE: Duration = Duration::from_millis(3);
const CALM: Duration = Duration::from_secs(2);

/// The names of the fronts, the hottest first.
pub(super) const FRONTS: [&str; 2] = ["memory", "lmdb"];

/// What the lives of a campaign have in common.
pub(super) struct World<'a> {
    pub(super) options: &'a Options,
    pub(super) folder: PathBuf,
    pub(super) clock: Arc<StillClock>,
    /// What the keys hold at the end of a life is what they hold at the beginning of the next one.
    pub(super) model: Option<Model>,
    pub(super) matrices: [Matrix; 2],
    pub(super) counts: Counts,
}

/// What is counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) calls: u64,
    pub(super) lives: u64,
    pub(super) refused: u64,
    pub(super) at_deadline: u64,
    pub(super) writes: u64,
    pub(super) hits: [u64; 2],
    pub(super) errors: [u64; 2],
    pub(super) origin_reads: u64,
    pub(super) joined: u64,
}

/// The stores around which faults were put, to be closed when the life is over whatever became of its own close.
type Inner = Arc<Mutex<Vec<Arc<dyn Store>>>>;

/// Keys of a life: so many clients with so many each.
pub(super) fn keys(options: &Options) -> Vec<Key> {
    let name = |client, key| Key::new(format!("{KEYS}{client}/{key}")).expect("it is a legal key");
    (0..options.clients).flat_map(|client| (0..options.keys).map(move |key| name(client, key))).collect()
}

/// Waits for what must come, however long the clock of the stack stands.
async fn in_time<T>(what: &str, work: impl Future<Output = Result<T, Wrong>>) -> Result<T, Wrong> {
    let done = tokio::time::timeout(LONGEST, work).await;
    done.unwrap_or_else(|_| Err(format!("{what} that never ends")))
}

impl World<'_> {
    /// One life of about so many calls.
    pub(super) async fn life(&mut self, calls: u64, rng: &mut Rng) -> Outcome<Result<(), Wrong>> {
        let n = self.counts.lives;
        self.counts.lives += 1;
        self.clock.set_patience(HASTE);
        let plan = Plan::draw(n, rng);
        let faults = [plan.faults(rng)?, plan.faults(rng)?];
        let inner = Inner::default();
        let model = self.model.take().unwrap_or_else(|| Model::new(keys(self.options)));
        let done = self.live(&plan, &faults, &inner, model, calls, rng).await;
        faults.iter().for_each(Faults::disable);
        let opened = std::mem::take(&mut *inner.lock().unwrap_or_else(PoisonError::into_inner));
        for store in opened {
            // What a fault before the close left open.
            store.close(&Call::default()).await?;
        }
        for (matrix, faults) in self.matrices.iter_mut().zip(&faults) {
            matrix.add(faults);
        }
        Ok(done.map_err(|wrong| format!("life {n}, {plan:?}: {wrong}")))
    }

    async fn live(
        &mut self,
        plan: &Plan,
        faults: &[Faults; 2],
        inner: &Inner,
        model: Model,
        calls: u64,
        rng: &mut Rng,
    ) -> Result<(), Wrong> {
        faults.iter().for_each(Faults::disable);
        if plan.from_the_first {
            let gone = std::fs::remove_dir_all(self.folder.join("front"));
            gone.or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
                .map_err(|e| format!("the front's folder cannot be removed: {e}"))?;
            faults.iter().for_each(Faults::enable);
        }
        let setup = self.setup(plan, faults, inner);
        let mut opened = in_time("open", async { Ok(setup.open().await) }).await?;
        while let Err(error) = &opened
            && plan.from_the_first
            && matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Unsupported)
        {
            // It said that the front is the wrong one: whoever configured it has to hear that.
            self.counts.refused += 1;
            let listed = |cell: &Cell| cell.op == Op::List && cell.struck > 0;
            if self.counts.refused.is_multiple_of(30) || faults[1].cells().iter().any(listed) {
                faults.iter().for_each(Faults::disable);
            }
            opened = in_time("open", async { Ok(setup.open().await) }).await?;
        }
        let (stack, origin) = opened.map_err(failed("open"))?;
        faults.iter().for_each(Faults::enable);
        let store: Arc<dyn Store> = Arc::new(stack.clone());
        let shared = Shared {
            writes: if self.options.past_fence { origin } else { store.clone() },
            store,
            model,
            clock: self.clock.clone(),
            env: setup.env.clone(),
            may_last: plan.focus.hangs(),
            calls: std::cell::Cell::new(0),
            at_deadline: std::cell::Cell::new(0),
            writes_made: std::cell::Cell::new(self.counts.writes),
            doing: RefCell::new(vec!["nothing"; self.options.clients]),
        };
        let done = in_time("a call", self.use_it(&shared, &stack, faults, plan, calls, rng)).await;
        self.note(&shared, &stack);
        let doing = shared.doing.borrow().join(", ");
        done.map_err(|wrong| format!("{wrong} (the clients were at {doing})"))?;
        shared.model.trim();
        self.model = Some(shared.model);
        Ok(())
    }

    fn setup(&self, plan: &Plan, faults: &[Faults; 2], inner: &Inner) -> StackSetup {
        let (folder, params, memory) = (self.folder.display(), plan.params, self.options.memory);
        let origin = if self.options.transactions { "lmdb" } else { "file" };
        let text = format!(
            "memory:?capacity={memory} | lmdb:{folder}/front?role=cache&capacity=48MiB | \
             {origin}:{folder}/origin?sync=none&fence_slots=64&{params}"
        );
        let mut setup = StackSetup::new(text, Duration::from_millis(100));
        setup.env = self.clock.env();
        let (faults, inner, env) = (faults.clone(), inner.clone(), setup.env.clone());
        let (plain, waits) = (plan.memory_is_plain, plan.waits);
        let wrap: Wrap = Arc::new(move |at, store| {
            inner.lock().unwrap_or_else(PoisonError::into_inner).push(store.clone());
            if at == 0 && plain {
                return store;
            }
            let mut store = Posing::new(store);
            if waits[at] {
                store = store.waited_for();
            }
            Arc::new(FaultStore::new(store, faults[at].clone()).with_env(env.clone()))
        });
        setup.wrap = Some(wrap);
        setup
    }

    async fn use_it(
        &self,
        shared: &Shared,
        stack: &TieredStore,
        faults: &[Faults; 2],
        plan: &Plan,
        calls: u64,
        rng: &mut Rng,
    ) -> Result<(), Wrong> {
        let (clients, keys) = (self.options.clients, self.options.keys);
        let mut crew: Vec<Client<'_>> = (0..clients)
            .map(|number| Client {
                shared,
                number,
                own: number * keys..(number + 1) * keys,
                rng: Rng::new(rng.word()),
            })
            .collect();
        let work = crew.iter_mut().map(|client| client.work(calls / clients as u64));
        join_all(work).await.into_iter().collect::<Result<(), Wrong>>()?;
        crew[0].until_struck(plan, faults, self.options.memory).await?;
        faults.iter().for_each(Faults::disable);
        self.quiet(shared, stack, plan).await?;
        faults.iter().for_each(Faults::enable);
        shared.doing.borrow_mut()[0] = "close";
        shared.lasted("close", shared.store.close(&shared.call()).await)
    }

    /// With nothing to disturb it, the stack is as good as new: every front works, and every key is a hit.
    async fn quiet(&self, shared: &Shared, stack: &TieredStore, plan: &Plan) -> Result<(), Wrong> {
        let reads = || stack.stats().origin.reads;
        let (mut hits, mut passes) = (false, Vec::new());
        shared.doing.borrow_mut()[0] = "reads of quiet keys";
        // What the fault layer drew for reads that were not made comes late.
        let errors = || stack.stats().tiers.iter().map(|tier| tier.errors).sum::<u64>();
        for _ in 0..20 {
            let before = errors();
            shared.clock.advance(2 * PATIENCE);
            for key in 0..shared.model.len() {
                shared.get(key, &GetOptions::new()).await?;
            }
            shared.store.drain(&Call::default()).await.map_err(failed("drain, without faults"))?;
            if errors() == before {
                break;
            }
        }
        shared.clock.set_patience(CALM);
        for pass in 0..4 {
            if pass >= 2 && (hits || !plan.is_at_rest()) {
                break;
            }
            // Longer than the longest pause of a front that was left alone.
            shared.clock.advance(2 * PATIENCE);
            // Whatever the fronts above have, each is asked for this.
            shared.absent().await?;
            let before = reads();
            for key in 0..shared.model.len() {
                shared.get(key, &GetOptions::new()).await?;
            }
            shared.store.drain(&Call::default()).await.map_err(failed("drain, without faults"))?;
            hits = reads() == before;
            passes.extend(stack.stats().tiers.iter().map(|tier| (tier.breaker, tier.errors)));
        }
        shared.clock.set_patience(HASTE);
        let stats = stack.stats();
        if let Some(tier) = stats.tiers.iter().find(|tier| tier.breaker != Breaker::Closed) {
            return Err(format!("a front does not come back, pass by pass {passes:?}: {tier:?}"));
        }
        if plan.is_at_rest() && !hits && !self.options.past_fence {
            return Err(format!("reads of quiet keys are no hits: {stats:?}"));
        }
        Ok(())
    }

    fn note(&mut self, shared: &Shared, stack: &TieredStore) {
        let (stats, counts) = (stack.stats(), &mut self.counts);
        counts.calls += shared.calls.get();
        counts.at_deadline += shared.at_deadline.get();
        counts.writes = shared.writes_made.get();
        counts.origin_reads += stats.origin.reads;
        counts.joined += stats.joined;
        for (at, tier) in stats.tiers.iter().enumerate() {
            counts.hits[at] += tier.hits;
            counts.errors[at] += tier.errors;
        }
    }
}

impl Client<'_> {
    /// Calls the fronts in every way until the life's fault has struck each of their calls.
    async fn until_struck(&mut self, plan: &Plan, faults: &[Faults; 2], memory: usize) -> Result<(), Wrong> {
        let (shared, key) = (self.shared, self.own.start);
        for attempt in 0..72 {
            // A slow machine must not look like a front that hangs for ever.
            shared.clock.set_patience(HASTE * (1 << (attempt / 8)));
            let missing = plan.missing(faults);
            if missing.is_empty() {
                return Ok(());
            }
            let wants =
                |front, ops: &[Op]| missing.iter().any(|(at, op)| (front, true) == (*at, ops.contains(op)));
            let streams = [Op::GetStream, Op::PutStream];
            // What the memory has no room for, and what it has.
            for (front, len) in [(1, memory + memory / 8), (0, 70_000)] {
                if wants(front, &streams) {
                    shared.clock.advance(2 * PATIENCE);
                    shared.calls.set(shared.calls.get() + 4);
                    self.now_doing("put sized");
                    self.put_sized(key, len).await?;
                    self.now_doing("stream of it");
                    self.stream_of(key, None).await?;
                    self.now_doing("drain");
                    // What came from the origin is kept in the background.
                    shared.lasted("drain", shared.store.drain(&shared.call()).await)?;
                    self.stream_of(key, None).await?;
                }
            }
            if wants(0, &[Op::Get, Op::Put]) || wants(1, &[Op::Get, Op::Put]) {
                self.now_doing("put and get");
                for _ in 0..8 {
                    shared.clock.advance(2 * PATIENCE);
                    shared.calls.set(shared.calls.get() + 2);
                    self.put_sized(key, 100).await?;
                    shared.get(key, &GetOptions::new()).await?;
                    shared.absent().await?;
                }
            }
            let few = [Op::Sweep, Op::Drain];
            if wants(0, &few) || wants(1, &few) {
                self.now_doing("tidy");
                self.tidy().await?;
            }
        }
        let missing = plan.missing(faults);
        let asked = |(front, op): &(usize, Op)| {
            let cells = faults[*front].cells();
            cells.iter().filter(|cell| cell.op == *op).map(|cell| cell.asked).max()
        };
        let asked: Vec<_> = missing.iter().map(asked).collect();
        Err(format!("the fault of this life does not strike {missing:?}, which were asked {asked:?} times"))
    }
}
