//! Whether conditions on writes are decided, which some look-alikes of S3 accept and ignore.

use std::fmt;

use crate::call::Call;
use crate::env::Env;
use crate::error::{ErrorKind, Result};
use crate::key::Key;
use crate::options::{DeleteOptions, GetOptions, Precondition, PutOptions};
use crate::outcome::{Got, Written};
use crate::store::Store;
use crate::version::Version;

use super::place::Place;

/// What conditions on writes were found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conditions {
    /// A put that wants the key absent is refused where there is a value.
    pub create_only: bool,
    /// A put that names the version that stands is made, and one that names an older one is refused.
    pub compare_and_swap: bool,
    /// A delete that names an older version is refused.
    pub conditional_delete: bool,
    /// A value is read as it was written, at once.
    pub read_after_write: bool,
}

impl Conditions {
    /// Whether conditional writes can be relied on.
    pub fn conditions_hold(&self) -> bool {
        self.create_only && self.compare_and_swap
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let say = |held: bool| if held { "kept" } else { "NOT kept" };
        write!(
            f,
            "create-only puts {}, compare-and-swap {}, conditional deletes {}, read after write {}",
            say(self.create_only),
            say(self.compare_and_swap),
            say(self.conditional_delete),
            say(self.read_after_write)
        )
    }
}

/// A conditional write: made, or refused. A store that says it offers no such thing refuses every one by another name,
/// and none of them as it must.
async fn made<T>(write: impl Future<Output = Result<T>>) -> Result<Option<T>> {
    match write.await {
        Ok(done) => Ok(Some(done)),
        Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unsupported) => Ok(None),
        Err(error) => Err(error),
    }
}

struct Trial<'a> {
    store: &'a dyn Store,
    call: &'a Call,
    key: Key,
}

impl Trial<'_> {
    async fn put(&self, value: &'static str, pre: Precondition) -> Result<Written> {
        let options = PutOptions::new().with_pre(pre).with_call(self.call.clone());
        self.store.put_opts(&self.key, value.into(), &options).await
    }

    async fn delete(&self, only: Option<Version>) -> Result<()> {
        let mut options = DeleteOptions::new().with_call(self.call.clone());
        options.only = only;
        self.store.delete_opts(&self.key, &options).await.map(drop)
    }

    async fn run(&self) -> Result<Conditions> {
        let old = self.put("first", Precondition::Any).await?;
        let created = made(self.put("second", Precondition::Absent)).await?;
        // A version that was there and is not any more: the values differ, so that an ETag does too.
        let mut last = ("third", self.put("third", Precondition::Any).await?);
        let stale = made(self.put("fourth", Precondition::Matches(old.version.clone()))).await?;
        let is_stale_refused = stale.is_none();
        last = stale.map_or(last, |written| ("fourth", written));
        let right = made(self.put("fifth", Precondition::Matches(last.1.version.clone()))).await?;
        let is_right_made = right.is_some();
        last = right.map_or(last, |written| ("fifth", written));
        let options = GetOptions::new().with_call(self.call.clone());
        let read_after_write = matches!(
            self.store.get_opts(&self.key, &options).await?,
            Got::Found { body, meta, .. } if body == last.0 && meta.version.as_ref() == Some(&last.1.version)
        );
        let conditional_delete = made(self.delete(Some(old.version))).await?.is_none();
        Ok(Conditions {
            create_only: created.is_none(),
            compare_and_swap: is_stale_refused && is_right_made,
            conditional_delete,
            read_after_write,
        })
    }
}

/// Finds out whether the store decides conditions on writes, with five puts, a get and two deletes on a key of the system
/// space that nobody else knows, and removes it.
///
/// # Errors
/// Whatever the requests meet, but for conditions that are ignored: those are in the answer.
pub async fn conditions(store: &dyn Store, env: &Env, call: &Call) -> Result<Conditions> {
    let trial = Trial { store, call, key: Place::new(env)?.key("conditions")? };
    let found = trial.run().await.map_err(|e| e.on(&trial.key));
    // Also behind an error, and behind a call that is over.
    let last = Call::within(env, std::time::Duration::from_secs(30));
    let gone = Trial { call: &last, ..trial };
    let cleared = gone.delete(None).await.map_err(|e| e.on(&gone.key));
    let found = found?;
    cleared?;
    Ok(found)
}
