//! Segments move between tiers.

use std::sync::Arc;
use std::time::Duration;

use larder_store_core::{Call, ErrorKind, Op, Result};

use super::guard::{Trial, Verdict};
use super::{Tiers, locked};
use crate::collection::{Core, kept_free};
use crate::column::Holding;
use crate::manifest::Precision;
use crate::segment::{Index, Segment};
use crate::tier::{Budgets, Footprint, Reason, SegmentState, Tier, Veto};

/// How long a tier that the guard refused is refused.
const VETO: Duration = Duration::from_secs(3600);

/// What has moved since the collection was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Moved {
    /// Segments that came to a hotter tier.
    pub promotions: u64,
    /// Segments that came to a colder one.
    pub demotions: u64,
    /// Bytes of what they hold there.
    pub bytes: u64,
    /// Demotions that would have lost recall.
    pub refused: u64,
}

/// Why a segment is where it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The number of the segment.
    pub segment: u64,
    /// Its rows, those that were deleted included.
    pub rows: u32,
    /// Where it is.
    pub tier: Tier,
    /// Candidates a second that it contributes, lately.
    pub rate: f64,
    /// Bytes of memory and of files that it takes.
    pub bytes: Footprint,
    /// Why, in a sentence.
    pub reason: String,
}

impl Core {
    /// Looks at the tiers, and moves what is worth it.
    pub(crate) async fn rebalance(&self, call: &Call) -> Result<()> {
        let _one = self.tiers.moving.lock().await;
        let view = self.view.load_full();
        let states: Vec<SegmentState> =
            view.segments.iter().map(|segment| self.tiers.state(self, segment)).collect();
        let mut budgets = Budgets { memory: self.tiers.memory.room(), disk: self.tiers.disk_budget() };
        // What moves is read in parts, for which there is to be room when all that is planned is there.
        budgets.memory.limit -= kept_free(budgets.memory.limit);
        let now = self.env.monotonic();
        let plan = {
            let (costs, rates) = (locked(&self.tiers.costs).clone(), self.tiers.tracker.rates(now));
            locked(&self.tiers.policy).plan(now, &states, &budgets, &costs, &rates)
        };
        *locked(&self.tiers.decisions) = plan.decisions.clone();
        for step in &plan.steps {
            self.check_open(Op::Maintain)?;
            let Some(segment) = view.segments.iter().find(|segment| segment.entry.number == step.id) else {
                continue;
            };
            match self.move_to(segment, step.from, step.to, call).await {
                Ok(true) => {}
                // What the guard refused was to make room for the rest.
                Ok(false) => break,
                Err(error) if error.is(ErrorKind::Full) => {
                    tracing::debug!(%error, "a segment found no room after all");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Moves a segment; `false` if the guard refuses.
    async fn move_to(&self, segment: &Arc<Segment>, from: Tier, to: Tier, call: &Call) -> Result<bool> {
        let begun = self.env.now();
        let index = segment.load(self, call).await?;
        let holding = segment.column.holding();
        if to < from && !self.may_go(segment, &index, &holding, from, to, call).await? {
            self.tiers.refuse(segment.entry.number, to, self.env.monotonic());
            return Ok(false);
        }
        let taken = match (to, &*holding) {
            (Tier::Hot, Holding::Hot { .. }) | (Tier::Warm, Holding::Warm { .. }) => None,
            // Promotion restores what was given; a demotion begins with what there is.
            (Tier::Hot, _) => Some(self.to_memory(segment, &index, call).await),
            (Tier::Warm, Holding::Hot { .. }) => Some(self.memory_to_file(holding.clone()).await),
            (Tier::Warm, Holding::Cold) => Some(self.to_file(segment, &index, call).await),
            _ => Some(Ok(Holding::Cold)),
        };
        match taken {
            Some(Ok(taken)) => segment.column.replace(taken),
            // Half precision has not such values.
            Some(Err(error)) if error.is(ErrorKind::Invalid) && to == Tier::Warm => {
                self.tiers.refuse(segment.entry.number, to, self.env.monotonic());
                return Ok(false);
            }
            Some(Err(error)) => return Err(error),
            None => {}
        }
        if to == Tier::Frozen {
            segment.unload();
        }
        let bytes = segment.column.holding().reserved();
        self.tiers.moved_to(
            segment.entry.number,
            from,
            to,
            bytes,
            self.env.now() - begun,
            self.env.monotonic(),
        );
        Ok(true)
    }

    /// Whether a demotion costs no more recall than it may, as far as what is held tells.
    async fn may_go(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        holding: &Arc<Holding>,
        from: Tier,
        to: Tier,
        call: &Call,
    ) -> Result<bool> {
        if holding.tier() < Tier::Warm || self.schema.keep == Precision::Lossy {
            return Ok(true);
        }
        let codec = self.codec(&self.view.load_full(), segment.entry.book, call).await?;
        let (index, holding, queries) = (index.clone(), holding.clone(), self.tiers.queries());
        let trial = Trial { schema: self.schema, index, codec, holding, queries, from, to };
        let judged = self.env.blocking(Op::Maintain, &self.inflight, move || trial.judge());
        let Verdict { before, after } = judged.await?;
        let may = before - after <= self.options.guard;
        if !may {
            tracing::info!(segment = segment.entry.number, %from, %to, before, after, "a demotion would lose recall");
        }
        Ok(may)
    }

    /// Why each segment is where it is.
    pub(crate) fn explain(&self) -> Vec<Explanation> {
        let view = self.view.load_full();
        let now = self.env.monotonic();
        let decisions = locked(&self.tiers.decisions).clone();
        let one = |segment: &Arc<Segment>| {
            let state = self.tiers.state(self, segment);
            let decision = decisions.iter().find(|decision| decision.id == state.id);
            let reason = match decision.map(|decision| decision.reason) {
                Some(reason) => reason.to_string(),
                None => "not looked at yet".to_owned(),
            };
            Explanation {
                segment: state.id,
                rows: segment.entry.rows,
                tier: state.tier,
                rate: self.tiers.tracker.rate(state.id, now).per_second,
                bytes: state.footprint(state.tier),
                reason,
            }
        };
        view.segments.iter().map(one).collect()
    }

    /// Puts a segment into a tier, or lets it go again.
    pub(crate) fn pin(&self, segment: u64, tier: Option<Tier>) {
        locked(&self.tiers.states).entry(segment).or_default().pinned = tier;
    }
}

impl Tiers {
    fn disk_budget(&self) -> crate::tier::Room {
        // The folder says how much there is.
        self.local();
        self.disk.room()
    }

    fn state(&self, core: &Core, segment: &Segment) -> SegmentState {
        let entry = &segment.entry;
        let index = segment.at_hand();
        let codes = match &index {
            Some(index) => index.footprint(),
            None => Footprint { memory: entry.index_bytes, disk: 0 },
        };
        let held = segment.column.holding().tier();
        let tier = if held == Tier::Cold && index.is_none() { Tier::Frozen } else { held };
        let values = u64::from(entry.rows) * u64::from(core.schema.dims);
        let known = locked(&self.states).get(&entry.number).cloned().unwrap_or_default();
        let mut columns = [Footprint::default(); 4];
        columns[Tier::Warm as usize] = Footprint { memory: 0, disk: 2 * values };
        columns[Tier::Hot as usize] = Footprint { memory: 4 * values, disk: 0 };
        SegmentState {
            id: entry.number,
            tier,
            pinned: known.pinned,
            since: known.since,
            codes,
            columns,
            vetoed: known.vetoed,
        }
    }

    fn refuse(&self, segment: u64, tier: Tier, now: Duration) {
        locked(&self.states).entry(segment).or_default().vetoed.push(Veto { tier, until: now + VETO });
        locked(&self.moved).refused += 1;
        let mut decisions = locked(&self.decisions);
        if let Some(decision) = decisions.iter_mut().find(|decision| decision.id == segment) {
            decision.reason = Reason::Vetoed { tier, until: now + VETO };
        }
    }

    fn moved_to(&self, segment: u64, from: Tier, to: Tier, bytes: u64, took: Duration, now: Duration) {
        let mut states = locked(&self.states);
        let state = states.entry(segment).or_default();
        state.since = now;
        state.vetoed.retain(|veto| veto.until > now);
        drop(states);
        if bytes > 0 {
            locked(&self.costs).moved(from, to, bytes, took);
        }
        crate::metrics::moved(to.name(), bytes);
        let mut moved = locked(&self.moved);
        moved.bytes += bytes;
        match to > from {
            true => moved.promotions += 1,
            false => moved.demotions += 1,
        }
    }
}
