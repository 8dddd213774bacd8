//! What a user does with a stack whose cache is in trouble: every call must succeed, with what the origin has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_store_core::config::Freshness;
use larder_store_core::{
    Call, DeleteOptions, Error, GetOptions, Got, HeadOptions, Key, ListOptions, PutOptions,
    Result as StoreResult, Store,
};
use larder_tiered::{Breaker, StackStats, TierStats, TieredStore};

use crate::Outcome;
use crate::report::Report;
use crate::rng::Rng;
use crate::value::{self, WriteNo};

/// Keys that are used: with their values, more than a small cache has room for.
const KEYS: usize = 200;
/// How long a cache may take to come back: its breaker waits half a second at first, then longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a user did, and what came of it.
#[derive(Debug)]
pub struct Exercise {
    origin: Arc<dyn Store>,
    /// What the origin has, as far as it was written here.
    truth: BTreeMap<Key, Option<(WriteNo, usize)>>,
    rng: Rng,
    next: WriteNo,
    /// Calls that were made.
    pub calls: u64,
    /// Calls of the cache that failed meanwhile, or that it had no room for.
    pub troubles: u64,
    /// Answers of fronts.
    pub hits: u64,
    /// Entries that had to go for others.
    pub evictions: u64,
    problems: Vec<String>,
}

/// A kind of call, by how often it comes.
const CALLS: &[(u32, What)] = &[
    (8, What::Get),
    (5, What::Put),
    (1, What::Delete),
    (1, What::Range),
    (1, What::Stream),
    (1, What::Many),
    (1, What::Head),
];

#[derive(Debug, Clone, Copy)]
enum What {
    Get,
    Put,
    Delete,
    Range,
    Stream,
    Many,
    Head,
}

impl Exercise {
    /// On stacks over this origin, which holds nothing yet.
    pub fn new(origin: Arc<dyn Store>, seed: u64) -> Exercise {
        let keys = (0..KEYS).map(|n| Key::new(format!("key/{n}")).expect("it is legal"));
        Exercise {
            origin,
            truth: keys.map(|key| (key, None)).collect(),
            rng: Rng::new(seed),
            next: 0,
            calls: 0,
            troubles: 0,
            hits: 0,
            evictions: 0,
            problems: Vec::new(),
        }
    }

    /// Makes so many calls.
    pub async fn go(&mut self, stack: &TieredStore, when: &str, calls: usize) {
        let before = stack.stats();
        for _ in 0..calls {
            let key = self.truth.keys().nth(self.rng.index(KEYS)).cloned().expect("there are keys");
            let what = *self.rng.weighted(CALLS);
            self.calls += 1;
            if let Err(why) = self.call(stack, what, &key).await {
                self.problems.push(format!("{when}: {what:?} of {key}: {why}"));
            }
        }
        let after = stack.stats();
        let grew = |count: fn(&TierStats) -> u64| {
            let sum = |stats: &StackStats| stats.tiers.iter().map(count).sum::<u64>();
            // A front that was opened in between begins to count.
            sum(&after).saturating_sub(sum(&before))
        };
        self.troubles += grew(|tier| tier.errors + tier.not_admitted);
        self.hits += grew(|tier| tier.hits);
        self.evictions += grew(|tier| tier.usage.evictions.unwrap_or_default());
    }

    async fn call(&mut self, stack: &TieredStore, what: What, key: &Key) -> Result<(), String> {
        let told = |error: Error| format!("{error:?}");
        let truth = self.truth[key];
        match what {
            What::Put => {
                self.next += 1;
                let (least, most) =
                    *self.rng.weighted(&[(8, (40, 8_000)), (3, (8_000, 60_000)), (2, (70_000, 150_000))]);
                let (write, len) = (self.next, self.rng.between(least, most) as usize);
                let body = value::make(key.as_str(), write, len);
                stack.put_opts(key, body, &PutOptions::new()).await.map_err(told)?;
                self.truth.insert(key.clone(), Some((write, len)));
            }
            What::Delete => {
                stack.delete_opts(key, &DeleteOptions::new()).await.map_err(told)?;
                self.truth.insert(key.clone(), None);
            }
            What::Get => is(key, truth, get(stack, key).await.map_err(told)?)?,
            What::Stream => {
                let got = stack.get_stream_opts(key, &GetOptions::new()).await.map_err(told)?;
                let body = match got.into_body() {
                    Some(body) => {
                        Some(Bytes::from(body.try_collect::<Vec<_>>().await.map_err(told)?.concat()))
                    }
                    None => None,
                };
                is(key, truth, body)?;
            }
            What::Range => {
                let options = GetOptions::new().with_range(10..30);
                let body = stack.get_opts(key, &options).await.map_err(told)?.into_body();
                if body != truth.map(|(write, len)| value::part(key.as_str(), write, len, 10..30)) {
                    return Err("the range is not what the origin has".to_owned());
                }
            }
            What::Many => {
                let keys: Vec<Key> = self.truth.keys().step_by(29).cloned().collect();
                let got = stack.get_many_opts(&keys, &GetOptions::new()).await;
                for (key, got) in keys.iter().zip(got) {
                    is(key, self.truth[key], got.map_err(told)?.into_body())?;
                }
            }
            What::Head => {
                let got = stack.head_opts(key, &HeadOptions::new()).await.map_err(told)?;
                if got.meta().and_then(|meta| meta.size) != truth.map(|(_, len)| len as u64) {
                    return Err(format!("the origin has {truth:?}, and head says {:?}", got.meta()));
                }
            }
        }
        Ok(())
    }

    /// What the origin itself has is what was written through the stacks, and a listing through the stack says so.
    ///
    /// # Errors
    /// The origin fails.
    pub async fn settle(&mut self, stack: &TieredStore, when: &str) -> Outcome {
        for (key, truth) in &self.truth {
            if let Err(why) =
                is(key, *truth, self.origin.get_opts(key, &GetOptions::new()).await?.into_body())
            {
                self.problems.push(format!("{when}: the origin: {key}: {why}"));
            }
        }
        let listed: StoreResult<Vec<_>> = stack.list_opts(ListOptions::new()).try_collect().await;
        let there = self.truth.values().flatten().count();
        match listed {
            Ok(listed) if listed.len() == there => {}
            other => self.problems.push(format!("{when}: {there} values, and the listing is {other:?}")),
        }
        Ok(())
    }

    /// Waits until the cache takes entries and answers again, making calls.
    pub async fn comes_back(&mut self, stack: &TieredStore, fresh: Freshness, when: &str) {
        let (begun, before) = (Instant::now(), stack.stats());
        loop {
            self.go(stack, when, 20).await;
            let _ = stack.drain(&Call::default()).await;
            let after = stack.stats();
            let (Some(was), Some(is)) = (before.tiers.last(), after.tiers.last()) else { return };
            // Where each answer is asked for anew, an entry is confirmed by the origin, and counts as none.
            let hit = is.hits > was.hits || fresh == Freshness::Always;
            if is.breaker == Breaker::Closed && after.fence.shared && is.fills > was.fills && hit {
                return;
            }
            if begun.elapsed() > PATIENCE {
                self.problems.push(format!("{when}: the cache did not come back: {is:?}, {:?}", after.fence));
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Puts what was wrong into a report, with the counts.
    pub fn tell(self, name: &str, report: &mut Report) {
        report.count(format!("{name}: calls"), self.calls);
        report.count(format!("{name}: FAILED"), self.problems.len() as u64);
        report.count(format!("{name}: troubles of the cache"), self.troubles);
        report.count(format!("{name}: hits"), self.hits);
        report.count(format!("{name}: evictions"), self.evictions);
        self.problems.into_iter().for_each(|what| report.problem(format!("{name}: {what}")));
    }
}

async fn get(stack: &TieredStore, key: &Key) -> StoreResult<Option<Bytes>> {
    match stack.try_get(key, &GetOptions::new()) {
        Some(got) => got.map(Got::into_body),
        None => stack.get_opts(key, &GetOptions::new()).await.map(Got::into_body),
    }
}

/// Whether a body is what the origin has.
fn is(key: &Key, truth: Option<(WriteNo, usize)>, body: Option<Bytes>) -> Result<(), String> {
    match (truth, body) {
        (None, None) => Ok(()),
        (Some((write, _)), Some(body)) if value::check(key.as_str(), &body) == Ok(write) => Ok(()),
        (truth, body) => {
            let is = body.map(|body| value::check(key.as_str(), &body));
            Err(format!("the origin has {truth:?}, and the answer is {is:?}"))
        }
    }
}
