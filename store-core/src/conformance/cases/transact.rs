//! Transactions: all steps or none, or a refusal.

use bytes::Bytes;

use crate::conformance::case::{Case, Held, Stop, T, cases, check, fail, same};
use crate::conformance::values::{key, patterned};
use crate::error::ErrorKind;
use crate::guarantees::{CasScope, Transactions};
use crate::options::{DeleteItem, Precondition, PutItem, PutOptions, Step};
use crate::outcome::{Deleted, StepDone};
use crate::{Key, StoreExt, Version};

pub(super) const CASES: &[Case] = cases![
    "transact.whole": whole = "all steps take effect, each with its outcome, in order",
    "transact.none": none = "one condition that fails, and nothing takes effect; the conflict names its key",
    "transact.limits": limits = "a key named twice, too many steps, too many bytes: refused before any effect",
    "transact.bank": bank = "money that many tasks move between accounts is neither made nor lost",
];

fn put(key: &Key, value: impl Into<Bytes>, pre: Precondition) -> Step {
    let options = PutOptions::new().with_pre(pre);
    Step::Put(PutItem { key: key.clone(), value: value.into(), options })
}

fn delete(key: &Key, only: Option<Version>) -> Step {
    Step::Delete(DeleteItem { key: key.clone(), only })
}

fn check_step(key: &Key, pre: Precondition) -> Step {
    Step::Check { key: key.clone(), pre }
}

/// The limits; or a refusal that changes nothing.
async fn offered(t: &T) -> Held<Transactions> {
    if let Some(limit) = t.g.transactions {
        if limit.max_steps >= 4 {
            return Ok(limit);
        }
        return Err(Stop::Refused("transactions of four steps"));
    }
    let (a, b) = (key("refused/a"), key("refused/b"));
    t.store.put(&b, "stands").await?;
    let before = t.see(&b).await?;
    let steps = vec![put(&a, "1", Precondition::Any), delete(&b, None)];
    t.refuses(t.store.transact(steps).await, ErrorKind::Unsupported, "a transaction")?;
    t.expect_absent(&a, "after a refused transaction").await?;
    t.expect_same(&b, &before, "after a refused transaction").await?;
    Err(Stop::Refused("transactions"))
}

async fn whole(t: &T) -> Held {
    offered(t).await?;
    let names: Vec<Key> = ["new", "over", "gone", "never"].map(|n| key(format!("whole/{n}"))).into();
    t.store.put(&names[1], "before").await?;
    t.store.put(&names[2], "before").await?;
    let steps = vec![
        put(&names[0], "new", Precondition::Any),
        put(&names[1], "over", Precondition::Any),
        delete(&names[2], None),
        delete(&names[3], None),
    ];
    let done = t.store.transact(steps).await?;
    same!(t, done.steps.len(), 4, "outcomes of a transaction");
    for (i, text) in ["new", "over"].into_iter().enumerate() {
        let seen = t.expect(&names[i], text.as_bytes(), "after a transaction").await?;
        let StepDone::Written(written) = &done.steps[i] else {
            return Err(fail(format_args!("step {i} wrote, and says {:?}", done.steps[i])));
        };
        same!(t, seen.version(), written.version, "the version of step {i}");
        same!(t, seen.meta.write_id, Some(written.write_id), "the write id of step {i}");
    }
    for (i, existed) in [(2, Deleted::Yes), (3, Deleted::No)] {
        t.expect_absent(&names[i], "after a transaction").await?;
        let StepDone::Removed(removed) = &done.steps[i] else {
            return Err(fail(format_args!("step {i} removed, and says {:?}", done.steps[i])));
        };
        let told = removed.existed == existed || removed.existed == Deleted::NotTold;
        check!(t, told, "step {i} says {:?}, and it was {existed:?}", removed.existed);
    }
    let nothing = t.store.transact(vec![]).await?;
    check!(t, nothing.steps.is_empty(), "a transaction of nothing did {nothing:?}");
    // A large value beside a small one.
    let large = patterned(t.seed, 200_000);
    if t.g.transactions.is_some_and(|limit| limit.max_bytes > 200_010) {
        let steps =
            vec![put(&names[0], large.clone(), Precondition::Any), put(&names[1], "", Precondition::Any)];
        t.store.transact(steps).await?;
        t.expect(&names[0], &large, "after a transaction with a large value").await?;
        t.expect(&names[1], b"", "after a transaction with an empty value").await?;
    }
    if t.g.cas == CasScope::None {
        return Ok(());
    }
    let version = t.see(&names[1]).await?.map(|seen| seen.version()).expect("it was put");
    let steps = vec![
        check_step(&names[1], Precondition::Matches(version.clone())),
        check_step(&names[2], Precondition::Absent),
        check_step(&key("whole/nowhere"), Precondition::Any),
        put(&names[3], "now", Precondition::Absent),
    ];
    let done = t.store.transact(steps).await?;
    same!(t, done.steps[0], StepDone::Checked, "the outcome of a check");
    t.expect(&names[3], b"now", "after a transaction with checks").await?;
    let seen = t.expect(&names[1], b"", "after a check of it").await?;
    same!(t, seen.version(), version, "a check writes nothing");
    t.expect_absent(&key("whole/nowhere"), "after a check of it").await?;
    let gone = t.see(&names[3]).await?.map(|seen| seen.version()).filter(|_| t.g.conditional_delete);
    let steps =
        vec![put(&names[1], "extended", Precondition::Matches(version.clone())), delete(&names[3], gone)];
    t.store.transact(steps).await?;
    let seen = t.expect(&names[1], b"extended", "after a conditional put in a transaction").await?;
    let chain: Vec<_> = version.chain().collect();
    same!(t, seen.version().predecessors(), &chain[..], "the chain of a conditional put in a transaction");
    t.expect_absent(&names[3], "after a conditional delete in a transaction").await
}

async fn none(t: &T) -> Held {
    offered(t).await?;
    if t.g.cas == CasScope::None {
        let steps = vec![check_step(&key("none"), Precondition::Absent)];
        t.refuses(t.store.transact(steps).await, ErrorKind::Unsupported, "a check")?;
        return Err(Stop::Refused("cas"));
    }
    let stands = key("none/stands");
    let stale = t.store.put(&stands, "1").await?.version;
    t.store.put(&stands, "2").await?;
    let (absent, a, z) = (key("none/absent"), key("none/a"), key("none/z"));
    t.store.put(&z, "z").await?;
    let before = t.see(&z).await?;
    let mut failing = vec![
        (&stands, check_step(&stands, Precondition::Absent)),
        (&stands, check_step(&stands, Precondition::Matches(stale.clone()))),
        (&absent, check_step(&absent, Precondition::Matches(stale.clone()))),
        (&stands, put(&stands, "3", Precondition::Absent)),
        (&stands, put(&stands, "3", Precondition::Matches(stale.clone()))),
        (&absent, put(&absent, "3", Precondition::Matches(stale.clone()))),
    ];
    if t.g.conditional_delete {
        failing.push((&stands, delete(&stands, Some(stale.clone()))));
        failing.push((&absent, delete(&absent, Some(stale))));
    } else {
        let steps = vec![put(&a, "a", Precondition::Any), delete(&stands, Some(stale))];
        t.refuses(t.store.transact(steps).await, ErrorKind::Unsupported, "a conditional delete")?;
        t.expect_absent(&a, "after a refused transaction").await?;
        t.not_offered("conditional deletes");
    }
    for (named, step) in failing {
        // First, in the middle and last.
        for at in 0..3 {
            let what = format!("a transaction that must fail at step {at}, {step:?}");
            let mut steps = vec![put(&a, "a", Precondition::Any), delete(&z, None)];
            steps.insert(at, step.clone());
            let error = t.refuses(t.store.transact(steps).await, ErrorKind::Conflict, &what)?;
            same!(t, error.key(), Some(named), "{what}: the key that the conflict names");
            check!(t, error.settled(), "{what}: not settled");
            t.expect_absent(&a, &what).await?;
            t.expect_same(&z, &before, &what).await?;
            t.expect(&stands, b"2", &what).await?;
        }
    }
    Ok(())
}

async fn limits(t: &T) -> Held {
    let limit = offered(t).await?;
    let a = key("limits/a");
    t.store.put(&a, "stands").await?;
    let before = t.see(&a).await?;
    let others = [put(&a, "1", Precondition::Any), delete(&a, None), check_step(&a, Precondition::Any)];
    for first in &others {
        for second in &others {
            let fresh = put(&key("limits/b"), "1", Precondition::Any);
            let done = t.store.transact(vec![first.clone(), fresh, second.clone()]).await;
            t.refuses(done, ErrorKind::Invalid, "a transaction that names a key twice")?;
        }
    }
    t.expect_same(&a, &before, "after refused transactions").await?;
    t.expect_absent(&key("limits/b"), "after refused transactions").await?;

    let most = limit.max_steps.min(10_000);
    let steps = |n: usize| -> Vec<Step> {
        (0..n).map(|i| put(&key(format!("limits/step/{i:05}")), "", Precondition::Any)).collect()
    };
    if limit.max_steps < 100_000 {
        let over = t.store.transact(steps(limit.max_steps + 1)).await;
        t.refuses(over, ErrorKind::Unsupported, "a transaction of too many steps")?;
        same!(t, t.names(&*t.store).await?, ["limits/a"], "the listing after a refused transaction");
    }
    let done = t.store.transact(steps(most)).await?;
    same!(t, done.steps.len(), most, "outcomes of the largest transaction");
    same!(t, t.names(&*t.store).await?.len(), most + 1, "keys after a transaction of {most} puts");
    if limit.max_bytes < t.options.largest {
        let half = patterned(1, limit.max_bytes as usize / 2 + 1);
        let steps = vec![put(&a, half.clone(), Precondition::Any), put(&key("z"), half, Precondition::Any)];
        t.refuses(t.store.transact(steps).await, ErrorKind::Unsupported, "a transaction of too many bytes")?;
        t.expect_same(&a, &before, "after a refused transaction").await?;
    }
    Ok(())
}

const ACCOUNTS: usize = 5;

async fn bank(t: &T) -> Held {
    offered(t).await?;
    if t.g.cas == CasScope::None {
        return Err(Stop::Refused("cas"));
    }
    let account = |i: usize| key(format!("bank/{i}"));
    for i in 0..ACCOUNTS {
        t.store.put(account(i), "100").await?;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..t.options.tasks.min(8) {
        let (store, rounds) = (t.store.clone(), t.options.rounds.min(10));
        let mut rng = crate::conformance::rng::Rng::named(t.seed ^ task as u64, t.name);
        tasks.spawn(async move {
            for _ in 0..rounds {
                let from = rng.below(ACCOUNTS);
                let to = (from + 1 + rng.below(ACCOUNTS - 1)) % ACCOUNTS;
                let amount = 1 + rng.below(20) as i64;
                // Moved for sure: tried until nobody was in between.
                loop {
                    let mut steps = Vec::new();
                    for (i, change) in [(from, -amount), (to, amount)] {
                        let name = key(format!("bank/{i}"));
                        let (value, version) =
                            store.get_versioned(&name).await?.ok_or_else(|| fail("an account is gone"))?;
                        let balance: i64 = std::str::from_utf8(&value)
                            .ok()
                            .and_then(|text| text.parse().ok())
                            .ok_or_else(|| fail(format_args!("an account holds {value:?}")))?;
                        let pre = Precondition::Matches(version);
                        steps.push(put(&name, (balance + change).to_string(), pre));
                    }
                    match store.transact(steps).await {
                        Ok(_) => break,
                        Err(error) if error.is(ErrorKind::Conflict) => tokio::task::yield_now().await,
                        Err(error) => return Err(Stop::from(error)),
                    }
                }
            }
            Ok::<_, Stop>(rounds)
        });
    }
    let mut moved = 0;
    while let Some(done) = tasks.join_next().await {
        moved += done.map_err(|e| fail(format_args!("a task: {e}")))??;
    }
    let mut total = 0i64;
    for i in 0..ACCOUNTS {
        let value = t.store.get(account(i)).await?.ok_or_else(|| fail("an account is gone"))?;
        total += std::str::from_utf8(&value).ok().and_then(|v| v.parse::<i64>().ok()).unwrap_or(i64::MIN / 9);
    }
    same!(t, total, 100 * ACCOUNTS as i64, "the money of all accounts after {moved} transfers");
    Ok(())
}
