//! Where a probe writes, and that nothing of it stays.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};

use crate::call::Call;
use crate::env::Env;
use crate::error::Result;
use crate::key::Key;
use crate::options::{DeleteItem, DeleteOptions, ListOptions};
use crate::store::Store;
use crate::system;
use crate::write_id::WriteId;

/// Where all probes write.
const ROOT: &str = "probe/";
/// After this time a probe is dead, whose keys are still there.
const DEAD: Duration = Duration::from_secs(86_400);
/// How long removing may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many dead keys one probe removes.
const SWEPT: usize = 1000;

/// The keys of one probe, which nobody else knows.
#[derive(Debug)]
pub(super) struct Place {
    root: String,
}

/// Every key that a probe writes, behind its root, but for the longest one.
const NAMES: [&str; 13] = [
    "conditions",
    "race",
    "value",
    "stream",
    "range",
    "attributes",
    "expired",
    "a-b",
    "a/b",
    "ab",
    "one",
    "two",
    "clock",
];

impl Place {
    pub(super) fn new(env: &Env) -> Result<Place> {
        Ok(Place { root: format!("{ROOT}{}/", WriteId::random(env)) })
    }

    /// What its keys begin with.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// One of [`NAMES`].
    pub(super) fn key(&self, name: &str) -> Result<Key> {
        debug_assert!(NAMES.contains(&name), "{name} would stay behind");
        system::key(format!("{}{name}", self.root))
    }

    /// A key of `bytes` bytes.
    pub(super) fn long(&self, bytes: usize) -> Result<Key> {
        system::key(format!("{}{}", self.root, "k".repeat(bytes.saturating_sub(self.root.len()).max(1))))
    }

    /// Removes what was written. Asks no listing, which may be what does not hold, and has a call of its own, as the
    /// caller's may be over.
    pub(super) async fn clear(&self, store: &dyn Store, env: &Env) -> Result<()> {
        let mut keys = NAMES.iter().map(|name| self.key(name)).collect::<Result<Vec<_>>>()?;
        keys.push(self.long(store.guarantees().max_key)?);
        let items = keys.into_iter().map(|key| DeleteItem { key, only: None }).collect();
        let options = DeleteOptions::new().with_call(Call::within(env, PATIENCE));
        store.delete_many_opts(items, &options).await.into_iter().try_for_each(|done| done.map(drop))
    }
}

/// Removes what probes left that were killed long ago.
pub(super) async fn sweep(store: &dyn Store, env: &Env, call: &Call) -> Result<()> {
    let options = ListOptions::new().with_prefix(ROOT).with_call(call.clone());
    let now = env.wall();
    let dead = store.list_opts(system::listing(options)).try_filter_map(|item| async move {
        let old = |meta: &crate::Meta| {
            meta.modified.is_some_and(|at| now.duration_since(at).is_ok_and(|age| age > DEAD))
        };
        Ok(item.into_entry().filter(old).map(|meta| DeleteItem { key: meta.key, only: None }))
    });
    let dead: Vec<_> = dead.take(SWEPT).try_collect().await?;
    if dead.is_empty() {
        return Ok(());
    }
    let done = store.delete_many_opts(dead, &DeleteOptions::new().with_call(call.clone())).await;
    done.into_iter().try_for_each(|done| done.map(drop))
}
