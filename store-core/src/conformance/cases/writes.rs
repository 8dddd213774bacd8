//! Write ids, versions, and the chain of predecessors.

use std::collections::HashSet;

use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::conformance::case::{Case, Held, Stop, T, cases, check, same};
use crate::conformance::values::key;
use crate::error::ErrorKind;
use crate::guarantees::{CasScope, Versions};
use crate::options::{Precondition, PutItem, PutOptions};
use crate::outcome::Listed;
use crate::store::Store;
use crate::{Call, CopyOptions, MAX_PREDECESSORS, StoreExt, WriteId};

pub(super) const CASES: &[Case] = cases![
    "writes.ids": ids = "a write id that is given is kept, others are drawn and never repeat",
    "writes.versions": versions = "a version is of one write, is the same wherever it is read, and does not come back",
    "writes.chain": chain = "a conditional write extends the chain of predecessors to eight, others begin a new one",
    "writes.retry": retry = "a write that is sent again under its id changes nothing, and can be told from another's",
];

async fn ids(t: &T) -> Held {
    let name = key("ids");
    let mut drawn = HashSet::new();
    for i in 0..20 {
        let written = t.store.put(&name, format!("{i}")).await?;
        check!(t, drawn.insert(written.write_id), "the write id {} was drawn twice", written.write_id);
        let seen = t.expect(&name, format!("{i}").as_bytes(), "after its put").await?;
        same!(t, seen.meta.write_id, Some(written.write_id), "the write id that is read");
    }
    let given = |n: u8| WriteId::from_bytes([n; 16]);
    let with = |n: u8| PutOptions::new().with_write_id(given(n));
    let put = t.store.put_opts(&name, "by put".into(), &with(1)).await?;
    same!(t, put.write_id, given(1), "the write id of a put");
    let seen = t.expect(&name, b"by put", "after its put").await?;
    same!(t, seen.meta.write_id, Some(given(1)), "the write id that was given to put");
    let put = t.store.put_stream_opts(&name, crate::derived::pieces("by stream".into()), &with(2)).await?;
    same!(t, put.write_id, given(2), "the write id of a stream");
    let seen = t.expect(&name, b"by stream", "after its stream").await?;
    same!(t, seen.meta.write_id, Some(given(2)), "the write id that was given to put_stream");
    let items =
        (3..6).map(|n| PutItem { key: key(format!("ids/{n}")), value: Bytes::new(), options: with(n) });
    for (n, put) in (3..6).zip(t.store.put_many_opts(items.collect(), &Call::default()).await) {
        same!(t, put?.write_id, given(n), "the write id of one put of many");
        let seen = t.expect(&key(format!("ids/{n}")), b"", "after put_many").await?;
        same!(t, seen.meta.write_id, Some(given(n)), "the write id that was given to put_many");
    }
    let copy = CopyOptions::new().with_write_id(given(7));
    t.store.copy_opts(&name, &key("ids/copy"), &copy).await?;
    let seen = t.expect(&key("ids/copy"), b"by stream", "after its copy").await?;
    same!(t, seen.meta.write_id, Some(given(7)), "the write id that was given to copy");
    t.store.copy(&name, "ids/copy").await?;
    let seen = t.expect(&key("ids/copy"), b"by stream", "after a copy").await?;
    let id = seen.meta.write_id;
    check!(t, id.is_some_and(|id| id != given(2) && id != given(7)), "a copy is a write of its own: {id:?}");
    Ok(())
}

async fn versions(t: &T) -> Held {
    let name = key("versions");
    let mut seen_before = HashSet::new();
    // Identical bytes, with a delete in between: a version that came back would let a stale writer in.
    for round in 0..6 {
        let written = t.store.put(&name, "the same bytes").await?;
        let seen = t.expect(&name, b"the same bytes", "after its put").await?;
        same!(t, seen.version(), written.version, "the version that is read in round {round}");
        if t.g.versions == Versions::PerWrite {
            let new = seen_before.insert(written.version.clone());
            check!(t, new, "identical bytes were given the version {} again", written.version);
        }
        let listed: Vec<Listed> = t.store.list("versions").try_collect().await?;
        let entry = listed.into_iter().next().and_then(Listed::into_entry);
        if let Some(listed) = entry.and_then(|e| e.version) {
            same!(t, listed, written.version, "the version in a listing");
        }
        if round % 2 == 1 {
            t.store.delete(&name).await?;
        }
    }
    if t.g.versions == Versions::PerContent {
        t.not_offered("versions per write");
    }
    let other = t.store.put("versions/other", "other bytes").await?;
    check!(t, !seen_before.contains(&other.version), "two keys share the version {}", other.version);
    Ok(())
}

async fn chain(t: &T) -> Held {
    let name = key("chain");
    if t.g.cas == CasScope::None {
        let pre = Precondition::Absent;
        let put = t.store.put_opts(&name, Bytes::new(), &PutOptions::new().with_pre(pre)).await;
        t.refuses(put, ErrorKind::Unsupported, "a conditional put")?;
        t.expect_absent(&name, "after a refused put").await?;
        return Err(Stop::Refused("cas"));
    }
    let mut written = t.store.put_if_absent(&name, "0").await?;
    let mut ids: Vec<WriteId> = Vec::new();
    for i in 1..MAX_PREDECESSORS + 4 {
        ids.insert(0, written.write_id);
        ids.truncate(MAX_PREDECESSORS);
        // The version as a reader has it, not as the writer got it.
        let version = t.see(&name).await?.map(|seen| seen.version()).expect("it was put");
        let value = Bytes::from(i.to_string());
        let pre = PutOptions::new().with_pre(Precondition::Matches(version));
        written = if i % 2 == 0 {
            t.store.put_opts(&name, value.clone(), &pre).await?
        } else {
            t.store.put_stream_opts(&name, crate::derived::pieces(value.clone()), &pre).await?
        };
        let seen = t.expect(&name, &value, "after a conditional put").await?;
        same!(t, seen.version().predecessors(), &ids[..], "the chain after {i} conditional puts");
        same!(t, written.version.predecessors(), &ids[..], "the chain that conditional put {i} gave");
    }
    t.store.put(&name, "any").await?;
    let seen = t.expect(&name, b"any", "after a put").await?;
    same!(t, seen.version().predecessors(), &[], "the chain after an unconditional put");
    t.store.delete(&name).await?;
    t.store.put_if_absent(&name, "absent").await?;
    let seen = t.expect(&name, b"absent", "after a put of an absent key").await?;
    same!(t, seen.version().predecessors(), &[], "the chain after a put of an absent key");
    // A version that was kept as text extends its chain as well.
    let version = seen.version().to_string().parse().expect("its own text");
    t.store.put_if_matches(&name, "kept", version).await?;
    let seen_after = t.expect(&name, b"kept", "after a put over a version from text").await?;
    same!(t, seen_after.version().predecessors().first(), seen.meta.write_id.as_ref(), "its predecessor");
    Ok(())
}

async fn retry(t: &T) -> Held {
    let (name, id) = (key("retry"), WriteId::from_bytes([9; 16]));
    let any = PutOptions::new().with_write_id(id);
    let first = t.store.put_opts(&name, "retried".into(), &any).await?;
    let again = t.store.put_opts(&name, "retried".into(), &any).await?;
    same!(t, again.write_id, first.write_id, "the write id of a put that is sent again");
    let seen = t.expect(&name, b"retried", "after a put that was sent twice").await?;
    same!(t, seen.version(), again.version, "the version after a put that was sent twice");
    if t.g.cas == CasScope::None {
        t.not_offered("cas");
        return Ok(());
    }
    // A conditional put that was sent again: taken for the success that it was, or a conflict that shows our own id.
    let id = WriteId::from_bytes([10; 16]);
    let options = PutOptions::new().with_write_id(id).with_pre(Precondition::Matches(seen.version()));
    t.store.put_opts(&name, "conditional".into(), &options).await?;
    let before = t.see(&name).await?;
    match t.store.put_opts(&name, "conditional".into(), &options).await {
        Ok(written) => same!(t, written.write_id, id, "the write id of the repeated put"),
        Err(error) => {
            let error =
                t.refuses::<()>(Err(error), ErrorKind::Conflict, "a conditional put that is repeated")?;
            let current = error.current().and_then(crate::Version::write_id);
            check!(
                t,
                current.is_none_or(|c| c == id),
                "the conflict shows {current:?}, and our own write stands"
            );
        }
    }
    t.expect_same(&name, &before, "after a conditional put that was repeated").await
}
