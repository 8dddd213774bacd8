//! Random walks over a service that fails a fifth of its calls on either side of their effect.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::FutureExt;
use larder_store_core::conformance::Reference;
use larder_store_core::layer::fault::Fault;
use larder_store_core::{
    Copied, CopyOptions, DeleteItem, DeleteOptions, Error, ErrorKind, Got, Op, Precondition, PutItem,
    PutOptions, Store, StoreExt, Version,
};

use crate::common::faulty::key;
use crate::common::retried::{Bed, bed_with, patient};
use crate::common::rng::Rng;

const WRITES: [Op; 5] = [Op::Put, Op::Delete, Op::PutMany, Op::DeleteMany, Op::Copy];

fn faults() -> Vec<Fault> {
    let mut rules = vec![
        Fault::before(WRITES).fail(ErrorKind::Unavailable).rate(0.07),
        Fault::before(WRITES).fail(ErrorKind::Unknown).rate(0.07),
        Fault::before(WRITES).fail(ErrorKind::Throttled).rate(0.06),
        Fault::after(WRITES).rate(0.14),
        Fault::after(WRITES).fail(ErrorKind::Unavailable).rate(0.06),
        Fault::before([Op::Get, Op::Head, Op::GetMany]).rate(0.1),
        Fault::after([Op::Get, Op::Head, Op::GetMany]).rate(0.1),
    ];
    // A conflict that is not one: a service that counted our own attempt.
    rules.push(Fault::after([Op::Put]).fail(ErrorKind::Conflict).rate(0.05));
    rules
}

type State = Option<(Bytes, Version)>;

async fn truth(inner: &Reference, name: &str) -> State {
    inner.get_versioned(name).await.unwrap()
}

/// Nobody else writes: whatever is answered can be held against what stands.
#[tokio::test]
async fn alone() {
    let (mut unknown, mut struck) = (0, HashMap::<String, u64>::new());
    for seed in 1..=20 {
        let bed = bed_with(patient().with_attempts(6), seed, faults()).await;
        let mut rng = Rng::new(seed);
        for step in 0..600 {
            unknown += usize::from(lone_step(&bed, &mut rng, &format!("seed {seed}, step {step}")).await);
        }
        for cell in bed.faults.cells() {
            *struck.entry(format!("{} {} {}", cell.op, cell.when, cell.effect)).or_default() += cell.struck;
        }
    }
    assert!(struck.values().all(|n| *n > 20), "{struck:?}");
    // Conditional deletes whose answer was lost, above all.
    assert!((100..2_000).contains(&unknown), "{unknown} unknown of 12,000");
}

/// Gives whether the answer was "unknown".
async fn lone_step(bed: &Bed, rng: &mut Rng, what: &str) -> bool {
    let name = *rng.pick(&["a", "b", "c"]);
    let before = truth(&bed.inner, name).await;
    let struck = bed.faults.struck();
    let value = Bytes::from(what.to_owned());
    // The right version, a wrong one, or none.
    let pre = match (rng.below(4), &before) {
        (0, _) => Precondition::Any,
        (1, _) => Precondition::Absent,
        (_, Some((_, version))) => Precondition::Matches(version.clone()),
        (_, None) => Precondition::Absent,
    };
    let holds = match (&pre, &before) {
        (Precondition::Any, _) | (Precondition::Absent, None) => true,
        (Precondition::Matches(wanted), Some((_, stands))) => wanted == stands,
        _ => false,
    };
    let options = PutOptions::new().with_pre(pre.clone());
    let only = match &pre {
        Precondition::Matches(version) => Some(version.clone()),
        _ => None,
    };
    let op = rng.below(8);
    // What stands if it was made, and what was answered: the version that was written.
    let (after, done): (Option<Bytes>, Result<Option<Version>, Error>) = match op {
        0 | 1 => {
            let done = bed.store.put_opts(&key(name), value.clone(), &options).await;
            (Some(value), done.map(|w| Some(w.version)))
        }
        2 => {
            let items = vec![PutItem { key: key(name), value: value.clone(), options }];
            let done = bed.store.put_many_opts(items, &Default::default()).await.remove(0);
            (Some(value), done.map(|w| Some(w.version)))
        }
        3 => {
            let mut options = DeleteOptions::new();
            options.only = only.clone();
            (None, bed.store.delete_opts(&key(name), &options).await.map(|_| None))
        }
        4 => {
            let items = vec![DeleteItem { key: key(name), only: only.clone() }];
            let done = bed.store.delete_many_opts(items, &DeleteOptions::new()).await.remove(0);
            (None, done.map(|_| None))
        }
        5 => {
            bed.inner.put("source", value.clone()).await.unwrap();
            let options = CopyOptions::new().with_pre(pre.clone());
            let done = bed.store.copy_opts(&key("source"), &key(name), &options).await;
            let version = |copied| match copied {
                Copied::Done(written) => Some(written.version),
                Copied::Absent => panic!("{what}: there is a source"),
            };
            (Some(value), done.map(version))
        }
        read => {
            let got = match read {
                6 => bed.store.get_opts(&key(name), &Default::default()).await,
                _ => bed.store.get_many_opts(&[key(name)], &Default::default()).await.remove(0),
            };
            let got = match got {
                Ok(got) => got,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}");
                    return false;
                }
            };
            let got = match got {
                Got::Found { meta, body, .. } => Some((body, meta.version.unwrap())),
                _ => None,
            };
            assert_eq!(got, before, "{what}: a get");
            return false;
        }
    };
    // A delete without a version has no condition, whatever was drawn.
    let (conditional, holds) = match op {
        3 | 4 => (only.is_some(), holds || only.is_none()),
        _ => (pre != Precondition::Any, holds),
    };
    let now = truth(&bed.inner, name).await;
    let is_made = now.as_ref().map(|(value, _)| value) == after.as_ref();
    match done {
        Ok(version) => {
            assert!(is_made && holds, "{what}: an answer, and it was not made");
            if let Some(version) = version {
                assert_eq!(now.map(|(_, v)| v), Some(version), "{what}: its version");
            }
            false
        }
        Err(error) if error.is(ErrorKind::Unknown) => {
            assert!(!error.settled(), "{what}: {error:?}");
            assert!(is_made || now == before, "{what}: neither old nor new");
            assert!(bed.faults.struck() > struck, "{what}: unknown without a reason: {error:?}");
            // A put with a condition is found, unless it was given up.
            let given_up = error.advice().is_some_and(|hint| hint.contains("given up"))
                || error.why().contains("could not be read back");
            assert!(!conditional || after.is_none() || given_up || !holds, "{what}: {error:?}");
            true
        }
        Err(error) => {
            assert_eq!(now, before, "{what}: {error:?}, and it was made");
            assert!(error.settled(), "{what}: {error:?}");
            match error.kind() {
                ErrorKind::Conflict => assert!(!holds, "{what}: no conflict was due: {error:?}"),
                kind => assert!(
                    matches!(kind, ErrorKind::Unavailable | ErrorKind::Throttled),
                    "{what}: {error:?}"
                ),
            }
            false
        }
    }
}

/// Others write whenever somebody sleeps. A value is the list of the writes that made it, so that in the end each is
/// there once or never.
#[tokio::test]
async fn among_others() {
    let (mut unknown, mut conflicts, mut late) = (0, 0, 0);
    for seed in 1..=30 {
        let bed = bed_with(patient().with_attempts(6), seed, faults()).await;
        let theirs = others(&bed, seed);
        let mut ours: HashMap<String, Option<bool>> = HashMap::new();
        let mut rng = Rng::new(seed);
        for step in 0..300 {
            let token = format!("{step}.");
            let (list, pre) = match truth(&bed.inner, "list").await {
                Some((list, version)) => (list, Precondition::Matches(version)),
                None => (Bytes::new(), Precondition::Absent),
            };
            let value = Bytes::from([list.as_ref(), token.as_bytes()].concat());
            let options = PutOptions::new().with_pre(pre);
            let done = match rng.below(2) {
                0 => bed.store.put_opts(&key("list"), value, &options).await,
                _ => {
                    let items = vec![PutItem { key: key("list"), value, options }];
                    bed.store.put_many_opts(items, &Default::default()).await.remove(0)
                }
            };
            let made = match done {
                Ok(written) => {
                    late += usize::from(!written.settled);
                    Some(true)
                }
                Err(error) if error.is(ErrorKind::Unknown) => {
                    unknown += 1;
                    None
                }
                Err(error) => {
                    conflicts += usize::from(error.is(ErrorKind::Conflict));
                    Some(false)
                }
            };
            ours.insert(token, made);
        }
        let (list, _) = truth(&bed.inner, "list").await.unwrap();
        let list = String::from_utf8(list.to_vec()).unwrap();
        let mut there: HashSet<String> = HashSet::new();
        for token in list.split_inclusive('.') {
            assert!(there.insert(token.to_owned()), "seed {seed}: {token} twice");
        }
        for token in theirs.lock().unwrap().iter() {
            assert!(there.contains(token), "seed {seed}: {token} of others is lost");
        }
        for (token, made) in ours {
            if let Some(made) = made {
                assert_eq!(there.contains(&token), made, "seed {seed}: write {token}");
            }
        }
    }
    assert!(late > 500 && conflicts > 50, "{late} found made, {conflicts} conflicts");
    // Chains are long enough here to tell nearly always.
    assert!(unknown < 300, "{unknown} unknown of 9,000");
}

/// Somebody else who appends to the list in every third sleep, and never fails. Gives what they wrote.
fn others(bed: &Bed, seed: u64) -> Arc<Mutex<Vec<String>>> {
    let wrote = Arc::new(Mutex::new(Vec::new()));
    let (inner, log, mut rng, mut n) = (bed.inner.clone(), wrote.clone(), Rng::new(seed + 1_000), 0);
    bed.clock.meanwhile(move || {
        if rng.below(3) == 0 {
            n += 1;
            let token = format!("t{n}.");
            let append = |list: Option<Bytes>| {
                Some(Bytes::from([list.unwrap_or_default().as_ref(), token.as_bytes()].concat()))
            };
            inner.update("list", append).now_or_never().unwrap().unwrap();
            log.lock().unwrap().push(token);
        }
        false
    });
    wrote
}
