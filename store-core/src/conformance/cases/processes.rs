//! Several processes on one store, where it promises anything to them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::atomic;
use super::jobs::mirrored;
use crate::StoreExt;
use crate::conformance::case::{Case, Held, Stop, T, cases, check, fail, same};
use crate::conformance::process::{Job, Worker};
use crate::conformance::values::key;
use crate::guarantees::{CasScope, Sharing};
use crate::outcome::Durability;

pub(super) const CASES: &[Case] = cases![
    "processes.update": update = "processes increment one counter through update: none is lost",
    "processes.raw": raw = "the same by bare reads and conditional puts",
    "processes.first": first = "of several processes that create a key, exactly one succeeds",
    "processes.mirror": mirror = "processes see what the others wrote and deleted",
    "processes.readers": readers = "a reader beside a writing process sees whole values that do not go back",
    "processes.killed": killed = "writers killed at any time lose nothing acknowledged, tear nothing and hold up nobody",
];

fn job(t: &T, name: &str, numbers: impl Into<Vec<u64>>) -> Job {
    Job { name: name.to_owned(), place: t.place.name().to_owned(), numbers: numbers.into() }
}

/// Whether others may come at all, and decide conditions with us.
fn shared(t: &T, cas: bool) -> Held {
    if t.g.sharing == Sharing::Process {
        let alone = t.g.cas <= CasScope::Process;
        check!(t, alone, "conditions are decided among {}, and nobody else can come", t.g.cas);
        return Err(Stop::Refused("sharing between processes"));
    }
    if cas && t.g.cas <= CasScope::Process {
        return Err(Stop::Refused("cas between processes"));
    }
    Ok(())
}

async fn done(workers: Vec<Worker>) -> Held<Vec<Vec<String>>> {
    let mut said = Vec::new();
    for mut worker in workers {
        said.push(worker.done().await?);
    }
    Ok(said)
}

async fn counted(t: &T, name: &str, tasks: usize, rounds: usize) -> Held {
    shared(t, true)?;
    let processes = t.options.processes;
    let jobs = (0..processes).map(|_| job(t, name, [tasks as u64, rounds as u64]));
    done(Worker::start_all(t, jobs).await?).await?;
    let sum = processes * tasks * rounds;
    let when = format!("after {sum} increments by {processes} processes");
    t.expect(&key("processes"), sum.to_string().as_bytes(), &when).await?;
    Ok(())
}

async fn update(t: &T) -> Held {
    counted(t, "update", t.options.process_tasks, t.options.rounds).await
}

async fn raw(t: &T) -> Held {
    counted(t, "raw", t.options.process_tasks.div_ceil(4), t.options.rounds.div_ceil(2)).await
}

async fn first(t: &T) -> Held {
    shared(t, true)?;
    const KEYS: u64 = 60;
    let jobs = (0..t.options.processes as u64).map(|own| job(t, "first", [own, KEYS]));
    let said = done(Worker::start_all(t, jobs).await?).await?;
    let mut won = BTreeMap::new();
    for (own, lines) in said.iter().enumerate() {
        let count: u64 = lines.iter().filter_map(|line| line.parse::<u64>().ok()).sum();
        won.insert(own.to_string(), count);
    }
    same!(t, won.values().sum::<u64>(), KEYS, "keys that some process says it created");
    let mut there: BTreeMap<String, u64> = won.keys().map(|own| (own.clone(), 0)).collect();
    for i in 0..KEYS {
        let value = t.store.get(format!("first/{i}")).await?.ok_or_else(|| fail("nobody created a key"))?;
        *there.entry(String::from_utf8_lossy(&value).into_owned()).or_default() += 1;
    }
    same!(t, there, won, "keys that stand for each process, and that it says it created");
    Ok(())
}

async fn mirror(t: &T) -> Held {
    shared(t, false)?;
    const KEYS: u64 = 20;
    for round in 0..2 {
        for i in 0..KEYS {
            t.store.put(format!("mirror/parent/{i}"), mirrored(1, i)).await?;
        }
        done(Worker::start_all(t, [job(t, "mirror", [KEYS])]).await?).await?;
        for i in 0..KEYS {
            let when = format!("written by another process, round {round}");
            t.expect(&key(format!("mirror/child/{i}")), &mirrored(2, i), &when).await?;
            t.expect_absent(&key(format!("mirror/parent/{i}")), "deleted by another process").await?;
        }
        let names: Vec<_> = t.names(&*t.store).await?;
        check!(t, names.iter().all(|n| n.starts_with("mirror/child/")), "the listing is {names:?}");
        same!(t, names.len() as u64, KEYS, "the listing's length");
    }
    Ok(())
}

async fn readers(t: &T) -> Held {
    shared(t, false)?;
    let name = key("readers");
    t.store.put(&name, atomic::nth(0)).await?;
    let mut workers = Worker::start_all(t, [job(t, "write", [100])]).await?;
    let (mut last, mut seen, mut way) = (0, 0, 0);
    let writes = workers[0].done();
    futures_util::pin_mut!(writes);
    loop {
        let over = futures_util::FutureExt::now_or_never(&mut writes);
        if let Some(n) = atomic::read(t, &*t.store, &name, way).await? {
            check!(t, n >= last, "value {n} is read after {last} was (way {})", way % 6);
            seen += usize::from(n > last);
            last = n;
        }
        way += 1;
        if let Some(ended) = over {
            ended?;
            break;
        }
        tokio::task::yield_now().await;
    }
    t.expect(&name, &atomic::nth(99), "after the writing process ended").await?;
    check!(t, seen > 1, "{seen} different values in {way} reads beside another process: nothing was tested");
    Ok(())
}

async fn killed(t: &T) -> Held {
    shared(t, false)?;
    let mut rng = t.rng();
    // The last value acknowledged for each key, and the last that may have been begun.
    let mut acked: BTreeMap<u64, u64> = BTreeMap::new();
    let mut from = 0;
    for round in 0..8 {
        let mut workers = Worker::start_all(t, [job(t, "endless", [from])]).await?;
        t.env().sleep(Duration::from_micros(500 + rng.below(30_000) as u64)).await;
        let worker = workers.pop().ok_or_else(|| fail("no process was started"))?;
        let said: Vec<u64> = worker.kill().await?.iter().filter_map(|line| line.parse().ok()).collect();
        // What it had sent to a service can still take effect.
        t.subject.settle().await;
        for &n in &said {
            acked.insert(n % 10, n);
        }
        let begun = said.last().map_or(from, |n| n + 1);
        for slot in 0..10 {
            let name = key(format!("killed/{slot}"));
            let Some(seen) = t.see(&name).await? else {
                let lost = acked.get(&slot).filter(|_| t.g.durability > Durability::Process);
                check!(
                    t,
                    lost.is_none(),
                    "round {round}: {name:?} is absent, and value {lost:?} was acknowledged"
                );
                continue;
            };
            let n = atomic::which(&seen.value, seen.value.len() as u64)?;
            let least = acked.get(&slot).copied();
            let in_flight = n == begun && n % 10 == slot;
            check!(
                t,
                Some(n) == least || in_flight,
                "round {round}: {name:?} is value {n}, with {least:?} acknowledged and {begun} in flight"
            );
            acked.insert(slot, n);
        }
        // What it held when it died is in nobody's way.
        for slot in 0..10 {
            t.store.put(format!("killed/{slot}"), atomic::nth(from + 1_000_000 + slot)).await?;
            acked.insert(slot, from + 1_000_000 + slot);
        }
        t.drained().await?;
        from += 2_000_000;
    }
    Ok(())
}
