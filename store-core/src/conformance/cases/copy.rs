//! Copies within a store.

use bytes::Bytes;

use crate::conformance::case::{Case, Held, T, cases, check, fail, same};
use crate::conformance::values::{key, patterned};
use crate::error::ErrorKind;
use crate::guarantees::CasScope;
use crate::options::{CopyOptions, Precondition, PutOptions};
use crate::outcome::{Copied, Written};
use crate::store::Store;
use crate::{Attributes, Expires, StoreExt};

pub(super) const CASES: &[Case] = cases![
    "copy.values": values = "a copy has the value, attributes and expiry of its source, which stays as it is",
    "copy.conditions": conditions = "a copy of an absent source, by version, onto itself",
];

fn done(what: &str, copied: Copied) -> Held<Written> {
    match copied {
        Copied::Done(written) => Ok(written),
        Copied::Absent => Err(fail(format_args!("{what}: the source is there, and said to be absent"))),
    }
}

async fn values(t: &T) -> Held {
    let mut sizes = vec![0usize, 1, 1000, 65_536, 65_537, (1 << 20) + 1];
    sizes.extend(t.subject.boundaries().iter().map(|b| *b as usize + 1));
    sizes.retain(|size| *size as u64 <= t.options.largest.min(t.g.max_value));
    for (i, size) in sizes.into_iter().enumerate() {
        let (from, to) = (key(format!("from/{i}")), key(format!("to/{}", i % 2)));
        let value = patterned(i as u64, size);
        let mut options = PutOptions::new();
        options.attributes = Attributes::new().content_type("text/plain").set("n", i.to_string());
        if i % 2 == 0 && t.g.expiry {
            options.expires = Some(t.env().wall() + std::time::Duration::from_secs(90_000));
        }
        t.store.put_opts(&from, value.clone(), &options).await?;
        let before = t.see(&from).await?;
        let written = done("a copy", t.store.copy(&from, &to).await?)?;
        let seen = t.expect(&to, &value, &format!("after a copy of {size} bytes")).await?;
        same!(t, seen.version(), written.version, "the version of the copy");
        same!(t, seen.meta.attributes.as_ref(), Some(&options.attributes), "the attributes of the copy");
        same!(t, seen.meta.expires, Some(Expires::from(options.expires)), "the expiry of the copy");
        t.expect_same(&from, &before, "the source after a copy").await?;
        // Two values now: what becomes of one is nothing to the other.
        t.store.put(&from, "replaced").await?;
        t.expect(&to, &value, "after the source was replaced").await?;
        t.store.delete(&from).await?;
        t.expect(&to, &value, "after the source was deleted").await?;
    }
    Ok(())
}

async fn conditions(t: &T) -> Held {
    let (from, to) = (key("source"), key("target"));
    t.store.put(&to, "target").await?;
    let before = t.see(&to).await?;
    same!(t, t.store.copy(&from, &to).await?, Copied::Absent, "a copy of an absent source");
    t.expect_same(&to, &before, "the target after a copy of nothing").await?;

    let stale = t.store.put(&from, "first").await?.version;
    let current = t.store.put(&from, "second").await?.version;
    let by_stale = t.store.copy_opts(&from, &to, &CopyOptions::new().with_only(stale)).await;
    let error = t.refuses(by_stale, ErrorKind::Conflict, "a copy of a version that is gone")?;
    same!(t, error.key(), Some(&from), "the key that the conflict names");
    t.expect_same(&to, &before, "the target after a conflict").await?;
    let only = CopyOptions::new().with_only(current.clone());
    done("a copy by version", t.store.copy_opts(&from, &to, &only).await?)?;
    t.expect(&to, b"second", "after a copy by version").await?;

    let seen = t.see(&from).await?.ok_or_else(|| fail("the source is gone"))?;
    let written = done("a copy onto itself", t.store.copy(&from, &from).await?)?;
    let after = t.expect(&from, b"second", "after a copy onto itself").await?;
    same!(t, after.version(), written.version, "the version of a copy onto itself");
    same!(t, after.meta.attributes, seen.meta.attributes, "the attributes of a copy onto itself");

    if t.g.cas == CasScope::None {
        let before = t.see(&to).await?;
        let pre = CopyOptions::new().with_pre(Precondition::Absent);
        t.refuses(t.store.copy_opts(&from, &to, &pre).await, ErrorKind::Unsupported, "a conditional copy")?;
        t.not_offered("cas");
        return t.expect_same(&to, &before, "the target after a refused copy").await;
    }
    // An absent source has nothing to write, whatever is asked of the target.
    let pre = CopyOptions::new().with_pre(Precondition::Matches(current));
    match t.store.copy_opts(&key("never"), &to, &pre).await {
        Ok(copied) => same!(t, copied, Copied::Absent, "a conditional copy of nothing"),
        Err(error) => {
            drop(t.refuses::<()>(Err(error), ErrorKind::Conflict, "a conditional copy of nothing")?)
        }
    }
    t.expect(&to, b"second", "after a conditional copy of nothing").await?;
    t.store.put(&to, Bytes::from_static(b"third")).await?;
    let version = t.see(&to).await?.map(|seen| seen.version());
    let pre = CopyOptions::new().with_pre(Precondition::Matches(version.clone().expect("it was put")));
    let written = done("a copy over a version", t.store.copy_opts(&from, &to, &pre).await?)?;
    let chain: Vec<_> = version.iter().flat_map(|v| v.chain()).collect();
    check!(t, written.version.predecessors() == chain, "a copy over a version does not extend its chain");
    Ok(())
}
