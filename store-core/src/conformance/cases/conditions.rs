//! Conditional writes in every combination: state of the key × condition × operation.

use bytes::Bytes;

use crate::conformance::case::{Case, Held, Stop, T, cases, check, fail, same};
use crate::conformance::see::Seen;
use crate::conformance::values::{key, stream_of};
use crate::error::{ErrorKind, Result};
use crate::guarantees::CasScope;
use crate::options::{CopyOptions, DeleteItem, DeleteOptions, Precondition, PutItem, PutOptions, Step};
use crate::outcome::{Copied, Deleted, Removed, StepDone, Written};
use crate::store::Store;
use crate::{Call, Key, StoreExt, Version, system};

pub(super) const CASES: &[Case] = cases![
    "conditions.put": puts = "put, put_stream, put_many, copy, transact: every condition over every state of a key",
    "conditions.delete": deletes = "delete, delete_many, transact: every condition over every state of a key",
];

/// An operation that writes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Put,
    Stream,
    Many,
    Copy,
    Transact,
    System,
}

/// What the key is when the operation comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Absent,
    Present,
    Deleted,
    Expired,
}

/// What the operation asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wish {
    Any,
    Absent,
    Last,
    Stale,
    OfAnother,
}

struct Scene {
    state: State,
    wish: Wish,
    key: Key,
    pre: Precondition,
}

impl Scene {
    /// Every state with every condition, each at a key of its own. Expired values are expired when this returns.
    async fn all(t: &T, way: Way) -> Held<Vec<Scene>> {
        let another = t.store.put("another", "another's value").await?.version;
        let mut states = vec![State::Absent, State::Present, State::Deleted];
        if t.g.expiry {
            states.push(State::Expired);
        }
        let mut scenes = Vec::new();
        for state in states {
            for wish in [Wish::Any, Wish::Absent, Wish::Last, Wish::Stale, Wish::OfAnother] {
                let text = format!("{way:?}/{state:?}/{wish:?}");
                let key = if way == Way::System { system::key(text)? } else { key(text) };
                let Some(versions) = history(t, &key, state).await? else {
                    // A key that was never written has no version of its own.
                    if !matches!(wish, Wish::Last | Wish::Stale) {
                        let pre = wish.precondition(&another, &another, &another);
                        scenes.push(Scene { state, wish, key, pre });
                    }
                    continue;
                };
                let (stale, last) = versions;
                let pre = wish.precondition(&last, &stale, &another);
                scenes.push(Scene { state, wish, key, pre });
            }
        }
        if t.g.expiry {
            t.pass(t.lifetime() * 2).await;
        }
        Ok(scenes)
    }

    fn admits(&self) -> bool {
        match self.wish {
            Wish::Any => true,
            Wish::Absent => self.state != State::Present,
            Wish::Last => self.state == State::Present,
            Wish::Stale | Wish::OfAnother => false,
        }
    }
}

impl Wish {
    fn precondition(self, last: &Version, stale: &Version, another: &Version) -> Precondition {
        match self {
            Wish::Any => Precondition::Any,
            Wish::Absent => Precondition::Absent,
            // Through text and back, as a caller may keep it.
            Wish::Last => Precondition::Matches(last.to_string().parse().expect("its own text")),
            Wish::Stale => Precondition::Matches(stale.clone()),
            Wish::OfAnother => Precondition::Matches(another.clone()),
        }
    }
}

/// Brings the key into its state; gives the last version and the one before, if it was written.
async fn history(t: &T, key: &Key, state: State) -> Held<Option<(Version, Version)>> {
    if state == State::Absent {
        return Ok(None);
    }
    let stale = t.store.put(key, format!("first of {key}")).await?.version;
    let mut options = PutOptions::new();
    if state == State::Expired {
        options.expires = Some(t.env().wall() + t.lifetime());
    }
    let last = t.store.put_opts(key, format!("second of {key}").into(), &options).await?.version;
    if state == State::Deleted {
        t.store.delete(key).await?;
    }
    Ok(Some((stale, last)))
}

/// Whether the store can be asked for the operation at all; other cases see that it is refused.
fn offered(t: &T, way: Way) -> bool {
    way != Way::Transact || t.g.transactions.is_some()
}

async fn put(t: &T, way: Way, key: &Key, value: Bytes, pre: Precondition) -> Held<Result<Written>> {
    let options = PutOptions::new().with_pre(pre);
    let item = |value| PutItem { key: key.clone(), value, options: options.clone() };
    Ok(match way {
        Way::Put | Way::System => t.store.put_opts(key, value, &options).await,
        Way::Stream => t.store.put_stream_opts(key, stream_of(value, 5, true), &options).await,
        Way::Many => {
            let mut done = t.store.put_many_opts(vec![item(value)], &Call::default()).await;
            check!(t, done.len() == 1, "put_many of one gives {} outcomes", done.len());
            done.remove(0)
        }
        Way::Copy => {
            t.store.put("source", value).await?;
            let copy = CopyOptions::new().with_pre(options.pre);
            match t.store.copy_opts(&crate::conformance::values::key("source"), key, &copy).await {
                Ok(Copied::Done(written)) => Ok(written),
                Ok(Copied::Absent) => return Err(fail("copy: the source is there, and said to be absent")),
                Err(error) => Err(error),
            }
        }
        Way::Transact => match t.store.transact(vec![Step::Put(item(value))]).await {
            Ok(done) => match done.steps.into_iter().next() {
                Some(StepDone::Written(written)) => Ok(written),
                other => return Err(fail(format_args!("a transaction of one put did {other:?}"))),
            },
            Err(error) => Err(error),
        },
    })
}

async fn puts(t: &T) -> Held {
    for way in [Way::Put, Way::Stream, Way::Many, Way::Copy, Way::Transact, Way::System] {
        if !offered(t, way) {
            continue;
        }
        for scene in Scene::all(t, way).await? {
            let Scene { state, wish, ref key, ref pre } = scene;
            let what = format!("{way:?} under {wish:?} over a key that is {state:?}");
            let before = t.see(key).await?;
            let value = Bytes::from(format!("new by {key}"));
            let done = put(t, way, key, value.clone(), pre.clone()).await?;
            if t.g.cas == CasScope::None && wish != Wish::Any {
                t.refuses(done, ErrorKind::Unsupported, &what)?;
                t.expect_same(key, &before, &format!("after a refused {what}")).await?;
            } else if scene.admits() {
                let written = done.map_err(|e| fail(format_args!("{what}: {e:?}")))?;
                let seen = t.expect(key, &value, &format!("after a {what}")).await?;
                succeeded(t, &what, &written, &seen, pre)?;
            } else {
                conflict(t, &what, done, key, &before)?;
                t.expect_same(key, &before, &format!("after a conflict: {what}")).await?;
            }
        }
    }
    refused_if_none(t)
}

fn refused_if_none(t: &T) -> Held {
    if t.g.cas == CasScope::None {
        return Err(Stop::Refused("cas"));
    }
    Ok(())
}

fn succeeded(t: &T, what: &str, written: &Written, seen: &Seen, pre: &Precondition) -> Held {
    same!(t, seen.version(), written.version, "{what}: the version read, and the one that the write gave");
    same!(t, seen.meta.write_id, Some(written.write_id), "{what}: the write id");
    check!(t, written.settled, "{what}: not settled");
    let chain: Vec<_> = match pre {
        Precondition::Matches(version) => version.chain().collect(),
        _ => Vec::new(),
    };
    same!(t, seen.version().predecessors(), &chain[..], "{what}: the predecessors read");
    same!(t, written.version.predecessors(), &chain[..], "{what}: the predecessors that the write gave");
    Ok(())
}

/// A conflict that says all it should.
fn conflict<A: std::fmt::Debug>(
    t: &T,
    what: &str,
    done: Result<A>,
    key: &Key,
    before: &Option<Seen>,
) -> Held {
    let error = t.refuses(done, ErrorKind::Conflict, what)?;
    same!(t, error.key(), Some(key), "{what}: the key that the conflict names");
    check!(t, error.settled(), "{what}: a conflict that is not settled");
    if let Some(current) = error.current() {
        let version = before.as_ref().map(Seen::version);
        same!(t, Some(current), version.as_ref(), "{what}: the version that the conflict names");
    }
    Ok(())
}

async fn delete(t: &T, way: Way, key: &Key, only: Option<Version>) -> Held<Result<Removed>> {
    let item = DeleteItem { key: key.clone(), only: only.clone() };
    Ok(match way {
        Way::Many => {
            let options = DeleteOptions::new().with_tell(true);
            let mut done = t.store.delete_many_opts(vec![item], &options).await;
            check!(t, done.len() == 1, "delete_many of one gives {} outcomes", done.len());
            done.remove(0)
        }
        Way::Transact => match t.store.transact(vec![Step::Delete(item)]).await {
            Ok(done) => match done.steps.into_iter().next() {
                Some(StepDone::Removed(removed)) => Ok(removed),
                other => return Err(fail(format_args!("a transaction of one delete did {other:?}"))),
            },
            Err(error) => Err(error),
        },
        _ => {
            let mut options = DeleteOptions::new().with_tell(true);
            options.only = only;
            t.store.delete_opts(key, &options).await
        }
    })
}

async fn deletes(t: &T) -> Held {
    let can = t.g.cas != CasScope::None && t.g.conditional_delete;
    for way in [Way::Put, Way::Many, Way::Transact, Way::System] {
        if !offered(t, way) {
            continue;
        }
        for scene in Scene::all(t, way).await? {
            let Scene { state, wish, ref key, ref pre } = scene;
            let only = match pre {
                Precondition::Any => None,
                // A delete of what must be absent is no wish.
                Precondition::Absent => continue,
                Precondition::Matches(version) => Some(version.clone()),
            };
            let what = match way {
                Way::Put => format!("Delete under {wish:?} of a key that is {state:?}"),
                _ => format!("Delete by {way:?} under {wish:?} of a key that is {state:?}"),
            };
            let before = t.see(key).await?;
            let done = delete(t, way, key, only.clone()).await?;
            if only.is_some() && !can {
                t.refuses(done, ErrorKind::Unsupported, &what)?;
                t.expect_same(key, &before, &format!("after a refused {what}")).await?;
            } else if scene.admits() {
                let removed = done.map_err(|e| fail(format_args!("{what}: {e:?}")))?;
                let existed = if state == State::Present { Deleted::Yes } else { Deleted::No };
                let told = removed.existed == existed
                    || (removed.existed == Deleted::NotTold && way == Way::Transact);
                check!(t, told, "{what}: says {:?}, and it was {existed:?}", removed.existed);
                t.expect_absent(key, &format!("after a {what}")).await?;
            } else {
                conflict(t, &what, done, key, &before)?;
                t.expect_same(key, &before, &format!("after a conflict: {what}")).await?;
            }
        }
    }
    if !can {
        return Err(Stop::Refused("conditional deletes"));
    }
    Ok(())
}
