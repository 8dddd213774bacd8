//! Contention: many writers of one key, and none of their writes lost.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::conformance::case::{Case, Held, Stop, T, cases, check, fail, same};
use crate::conformance::values::key;
use crate::error::{Error, ErrorKind, Result};
use crate::guarantees::CasScope;
use crate::options::{DeleteOptions, Precondition, PutOptions};
use crate::store::Store;
use crate::{Key, StoreExt};

pub(super) const CASES: &[Case] = cases![
    "counters.update": update = "many tasks increment one counter through update: none is lost",
    "counters.raw": raw = "the same by bare reads and conditional puts, without taking turns",
    "counters.handles": handles = "the same through two handles on the same data",
    "counters.first": first = "of many that create a key, or delete one version of it, exactly one succeeds",
];

/// Reads a counter.
pub(crate) fn number(value: Option<&Bytes>) -> Result<u64> {
    let Some(value) = value else { return Ok(0) };
    let text = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    text.ok_or_else(|| crate::conformance::process::wrong(format_args!("a counter holds {value:?}")))
}

/// Adds one through `update`, `times` times.
pub(crate) async fn by_update(store: Arc<dyn Store>, key: Key, times: usize) -> Result<()> {
    for _ in 0..times {
        let mut wrong = None;
        let updated = store.update(&key, |old| match number(old.as_ref()) {
            Ok(n) => Some((n + 1).to_string().into()),
            Err(error) => {
                wrong = Some(error);
                old
            }
        });
        updated.await?;
        if let Some(error) = wrong {
            return Err(error);
        }
    }
    Ok(())
}

/// Adds one by bare reads and conditional puts, `times` times. Gives the number of conflicts on the way.
pub(crate) async fn by_hand(store: Arc<dyn Store>, key: Key, times: usize) -> Result<usize> {
    let mut conflicts = 0;
    for _ in 0..times {
        loop {
            let (value, version) = store.get_versioned(&key).await?.unzip();
            let next = (number(value.as_ref())? + 1).to_string();
            let pre = version.map_or(Precondition::Absent, Precondition::Matches);
            // Somebody else's turn between reading and writing, also where neither ever waits.
            tokio::task::yield_now().await;
            match store.put_opts(&key, next.into(), &PutOptions::new().with_pre(pre)).await {
                Ok(_) => break,
                Err(error) if error.is(ErrorKind::Conflict) => {
                    conflicts += 1;
                    tokio::task::yield_now().await;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(conflicts)
}

/// Waits for all of them, and fails with the first error.
pub(crate) async fn all<A: 'static>(mut tasks: JoinSet<Result<A>>) -> Held<Vec<A>> {
    let mut done = Vec::new();
    while let Some(one) = tasks.join_next().await {
        done.push(one.map_err(|e| fail(format_args!("a task: {e}")))??);
    }
    Ok(done)
}

/// Refused by name where there is no compare-and-swap.
async fn offered(t: &T) -> Held {
    if t.g.cas > CasScope::None {
        return Ok(());
    }
    let name = key("refused");
    let updated = t.store.update(&name, |_| Some("1".into())).await;
    t.refuses(updated, ErrorKind::Unsupported, "an update")?;
    t.expect_absent(&name, "after a refused update").await?;
    Err(Stop::Refused("cas"))
}

async fn update(t: &T) -> Held {
    offered(t).await?;
    let (name, mut tasks) = (key("update"), JoinSet::new());
    for _ in 0..t.options.tasks {
        tasks.spawn(by_update(t.store.clone(), name.clone(), t.options.rounds));
    }
    all(tasks).await?;
    let sum = t.options.tasks * t.options.rounds;
    t.expect(&name, sum.to_string().as_bytes(), &format!("after {sum} increments by update")).await?;
    Ok(())
}

async fn raw(t: &T) -> Held {
    offered(t).await?;
    let (name, mut tasks) = (key("raw"), JoinSet::new());
    // Each success costs the others a try, so fewer rounds.
    let rounds = t.options.rounds.div_ceil(5);
    for _ in 0..t.options.tasks {
        tasks.spawn(by_hand(t.store.clone(), name.clone(), rounds));
    }
    all(tasks).await?;
    let sum = t.options.tasks * rounds;
    t.expect(&name, sum.to_string().as_bytes(), &format!("after {sum} increments by hand")).await?;
    Ok(())
}

async fn handles(t: &T) -> Held {
    offered(t).await?;
    let other = t.open(&t.place).await?;
    let (name, mut tasks) = (key("handles"), JoinSet::new());
    let rounds = t.options.rounds.div_ceil(5);
    let each = t.options.tasks.div_ceil(4);
    for store in [&t.store, &other] {
        for _ in 0..each {
            tasks.spawn(by_hand(store.clone(), name.clone(), rounds));
        }
    }
    all(tasks).await?;
    let sum = 2 * each * rounds;
    for store in [&t.store, &other] {
        let when = format!("after {sum} increments through two handles");
        t.expect_at(&**store, &name, sum.to_string().as_bytes(), &when).await?;
    }
    Ok(())
}

/// How many of the answers are successes; all others must be conflicts.
fn winners<A>(answers: Vec<Result<A, Error>>) -> Held<usize> {
    let mut won = 0;
    for answer in answers {
        match answer {
            Ok(_) => won += 1,
            Err(error) if error.is(ErrorKind::Conflict) => {}
            Err(error) => return Err(Stop::from(error)),
        }
    }
    Ok(won)
}

async fn first(t: &T) -> Held {
    offered(t).await?;
    for i in 0..8 {
        let name = key(format!("first/{i}"));
        let mut tasks = JoinSet::new();
        for task in 0..t.options.tasks {
            let (store, name) = (t.store.clone(), name.clone());
            tasks.spawn(async move { Ok((task, store.put_if_absent(&name, format!("by {task}")).await)) });
        }
        let answers = all(tasks).await?;
        let winner = answers.iter().find(|(_, a)| a.is_ok()).map(|(task, _)| *task);
        let won = winners(answers.into_iter().map(|(_, answer)| answer).collect())?;
        same!(t, won, 1, "of {} puts of an absent key: how many succeed", t.options.tasks);
        let value = format!("by {}", winner.expect("one has won"));
        let seen = t.expect(&name, value.as_bytes(), "after a race to create it").await?;

        if !t.g.conditional_delete {
            t.not_offered("conditional deletes");
            continue;
        }
        let mut tasks = JoinSet::new();
        for _ in 0..t.options.tasks {
            let (store, name, version) = (t.store.clone(), name.clone(), seen.version());
            let options = DeleteOptions::new().with_only(version);
            tasks.spawn(async move { Ok(store.delete_opts(&name, &options).await) });
        }
        let won = winners(all(tasks).await?)?;
        same!(t, won, 1, "of {} deletes of one version: how many succeed", t.options.tasks);
        t.expect_absent(&name, "after a race to delete it").await?;
    }
    check!(
        t,
        t.names(&*t.store).await?.is_empty() || !t.g.conditional_delete,
        "something is left of the races"
    );
    Ok(())
}
