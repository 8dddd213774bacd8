//! Two sides that do the same, and what is measured of them.

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use larder::{Store, StoreExt};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::case::{Act, Timed, wanted};
use super::clock::{Clock, timed};
use crate::case::Case;
use crate::context::Context;
use crate::error::Result;
use crate::measure;
use crate::workload::Workload;

/// Requests at once while values are loaded.
const TOGETHER: usize = 64;

/// Operations of a kind whose requests are counted.
pub(super) const COUNTED: usize = 64;

/// What does single operations on the values of a workload.
pub(super) trait Side: Clone + Send + 'static {
    /// A value as it comes, without a copy for the sake of the comparison.
    type Value: AsRef<[u8]> + Send;

    fn get(&self, i: usize) -> impl Future<Output = Result<Self::Value>> + Send;

    fn put(&self, i: usize, value: Bytes) -> impl Future<Output = Result<()>> + Send;
}

/// A store as its users have it.
#[derive(Debug, Clone)]
pub(super) struct Ours {
    pub(super) store: Arc<dyn Store>,
    workload: Workload,
}

impl Ours {
    pub(super) fn open(runtime: &Runtime, url: &str, workload: &Workload) -> Result<Ours> {
        Ok(Ours { store: runtime.block_on(larder::open(url))?, workload: workload.clone() })
    }
}

impl Side for Ours {
    type Value = Bytes;

    async fn get(&self, i: usize) -> Result<Bytes> {
        Ok(self.store.get(self.workload.key(i)).await?.ok_or("ours lost a value")?)
    }

    async fn put(&self, i: usize, value: Bytes) -> Result<()> {
        black_box(&self.store.put(self.workload.key(i), value).await?);
        Ok(())
    }
}

/// So many callers at once, on workers of the runtime, where a service's requests run: each has a share of the operations, one
/// after the other.
fn turn<'s>(
    runtime: &'s Runtime,
    workload: &'s Workload,
    act: Act,
    clock: Clock,
    callers: usize,
    side: &'s impl Side,
) -> measure::Side<'s> {
    Box::new(move |order| {
        let share = |caller| order.iter().copied().skip(caller).step_by(callers);
        match act {
            Act::Get => {
                let shares = (0..callers).map(|caller| gets(side.clone(), share(caller).collect()));
                timed(runtime, clock, shares.collect())
            }
            Act::Put => {
                let values = |caller| share(caller).map(|i| (i, workload.bytes(i))).collect();
                let shares = (0..callers).map(|caller| puts(side.clone(), values(caller)));
                timed(runtime, clock, shares.collect())
            }
        }
    })
}

async fn gets(side: impl Side, order: Vec<usize>) -> Result<()> {
    for i in order {
        black_box(side.get(i).await?.as_ref());
    }
    Ok(())
}

async fn puts(side: impl Side, order: Vec<(usize, Bytes)>) -> Result<()> {
    for (i, value) in order {
        side.put(i, value).await?;
    }
    Ok(())
}

/// Writes every value of a workload, one by one: the first of all makes what is made once.
pub(super) fn load(runtime: &Runtime, workload: &Workload, side: &impl Side) -> Result<()> {
    runtime.block_on(async {
        side.put(0, workload.bytes(0)).await?;
        let mut puts = JoinSet::new();
        for i in 0..workload.len() {
            if puts.len() == TOGETHER {
                puts.join_next().await.transpose()?.transpose()?;
            }
            let (side, value) = (side.clone(), workload.bytes(i));
            puts.spawn(async move { side.put(i, value).await });
        }
        puts.join_all().await.into_iter().collect()
    })
}

/// Reads every value of a workload and compares it.
pub(super) fn verify(runtime: &Runtime, workload: &Workload, side: &impl Side) -> Result<()> {
    for i in 0..workload.len() {
        if runtime.block_on(side.get(i))?.as_ref() != workload.value(i) {
            return Err(format!("another value came back for {}", workload.key(i)).into());
        }
    }
    Ok(())
}

/// Processor time and time of single operations.
pub(super) fn time(
    context: &mut Context,
    runtime: &Runtime,
    workload: &Workload,
    timed: Vec<Timed>,
    ours: &Ours,
    theirs: &impl Side,
) -> Result<()> {
    if !wanted(context, &timed) {
        return Ok(());
    }
    let plan = context.wire_plan();
    for Timed { case, act, clock, callers } in timed {
        let ours = turn(runtime, workload, act, clock, callers, ours);
        let theirs = turn(runtime, workload, act, clock, callers, theirs);
        context.measure(case, &plan, workload, ours, theirs)?;
    }
    verify(runtime, workload, theirs)
}

/// What a server gets for each operation: `since` says how much that was since it was last asked. Nothing is timed here.
pub(super) fn count(
    context: &mut Context,
    runtime: &Runtime,
    workload: &Workload,
    case: impl Fn(Act) -> Case,
    ours: &Ours,
    theirs: &impl Side,
    since: impl Fn() -> u64,
) -> Result<()> {
    let order: Vec<_> = (0..COUNTED).collect();
    let count = |mut turn: measure::Side<'_>| -> Result<f64> {
        since();
        turn(&order)?;
        Ok(since() as f64 / COUNTED as f64)
    };
    // Puts before gets, which find what was put.
    for act in [Act::Put, Act::Get] {
        let ours = count(turn(runtime, workload, act, Clock::Wall, 1, ours))?;
        let theirs = count(turn(runtime, workload, act, Clock::Wall, 1, theirs))?;
        if context.wants(&case(act)) {
            context.add(case(act), &[(ours, theirs)])?;
        }
    }
    Ok(())
}
