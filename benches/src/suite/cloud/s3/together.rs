//! Values that no front has, of a service that is far away: many at once, and one after the other.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::{Store, StoreExt};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::bare::Bare;
use super::{BUCKET, server};
use crate::case::Case;
use crate::context::Context;
use crate::error::Result;
use crate::measure::{Plan, Side};
use crate::open;
use crate::suite::cloud::NAME;
use crate::suite::cloud::side::load;
use crate::workload::Workload;

/// Gets of a turn.
const GETS: usize = 64;

/// How long the service takes for each answer.
const LATENCY: Duration = Duration::from_millis(20);

/// What is wanted: at least 40 times as fast.
const LIMIT: f64 = 1.0 / 40.0;

pub(super) fn run(context: &mut Context, runtime: &Runtime) -> Result<()> {
    let name = format!("memory | s3, {GETS} cold gets at {} ms", LATENCY.as_millis());
    let case = Case::new(NAME, name, "one by one").limit(LIMIT);
    if !context.wants(&case) {
        return Ok(());
    }
    let rounds = context.either(3, 15);
    let plan = Plan {
        budget: Duration::ZERO,
        turn: Duration::from_nanos(1),
        multiple: GETS,
        // After one, the connections are there.
        warm_up: 1,
        one_thread: false,
        min_rounds: rounds,
        max_rounds: rounds,
    };
    // No key is asked for twice: two turns to see how long one takes, two for each round.
    let turns = 2 + 2 * (plan.warm_up + rounds);
    let workload = &Workload::new(turns * GETS, 1 << 10);
    context.say("cloud: loading the double that is far away");
    let double = server::start(LATENCY)?;
    load(runtime, workload, &Bare::new(double.endpoint(), double.options(), "far", workload))?;
    let stack =
        format!("memory:?capacity=64MiB | {}&fresh=sole_writer", double.url(&format!("{BUCKET}/far")));
    let store = &runtime.block_on(larder::open(&stack))?;
    let next = Cell::new(0);
    let fresh = || -> Result<Vec<larder::Key>> {
        let from = next.get();
        next.set(from + GETS);
        if from + GETS > workload.len() {
            return Err("no value is left that was not asked for before".into());
        }
        Ok((from..from + GETS).map(|i| workload.key(i).clone()).collect())
    };
    let together: Side<'_> = Box::new(|_| together(runtime, store, fresh()?));
    let one_by_one: Side<'_> = Box::new(|_| one_by_one(runtime, store, fresh()?));
    context.measure(case, &plan, workload, together, one_by_one)?;
    open::verify(runtime, store, workload)?;
    open::close(runtime, store)?;
    Ok(())
}

fn together(runtime: &Runtime, store: &Arc<dyn Store>, keys: Vec<larder::Key>) -> Result<Duration> {
    runtime.block_on(async {
        let begun = Instant::now();
        let mut gets = JoinSet::new();
        for key in keys {
            let store = store.clone();
            gets.spawn(async move { store.get(&key).await });
        }
        while let Some(got) = gets.join_next().await {
            got??.ok_or("ours lost a value")?;
        }
        Ok(begun.elapsed())
    })
}

fn one_by_one(runtime: &Runtime, store: &Arc<dyn Store>, keys: Vec<larder::Key>) -> Result<Duration> {
    let store = store.clone();
    runtime.block_on(runtime.spawn(async move {
        let begun = Instant::now();
        for key in keys {
            store.get(&key).await?.ok_or("ours lost a value")?;
        }
        Ok(begun.elapsed())
    }))?
}
