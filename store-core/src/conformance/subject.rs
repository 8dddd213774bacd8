//! What a third party gives to have its store tested.

use std::fmt::Debug;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;

use super::minimum::Minimum;
use crate::env::Env;
use crate::error::Result;
use crate::store::Store;

/// A store under test: how to open one, and what it must promise at least.
///
/// The suite opens each place by a name of its own. A place that was never opened is a store without values; the same
/// place opened again is the same data.
#[async_trait]
pub trait Subject: Debug + Send + Sync + 'static {
    /// Its name in reports: `memory`, `file sync=none`.
    fn name(&self) -> &str;

    /// What it must promise at least, so that it does not pass by refusing.
    fn minimum(&self) -> Minimum;

    /// Opens the store at `place`, created if it is missing, in the environment of the place.
    ///
    /// Called again for a place that is open, it gives another handle on the same data (the same `Arc` where the store
    /// has no second handle). Called again after the last handle was closed, it gives the same data if values outlive
    /// the process ([`Durability::Host`](crate::Durability::Host) or better); a store that promises less may begin
    /// empty.
    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>>;

    /// Removes what is at `place`. Called when a case is over and its handles were closed.
    async fn remove(&self, place: &Place) -> Result<()> {
        let _ = place;
        Ok(())
    }

    /// Sizes of values at which the store changes how it keeps them: its own chunk, part and page limits. The suite
    /// knows 64 KiB, 1 MiB and 16 MiB, and tests each size with its two neighbours.
    fn boundaries(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Whether expiry follows the clock of the place's environment. If not (a service decides it), the suite waits for
    /// seconds where it would otherwise move its clock.
    fn obeys_clock(&self) -> bool {
        true
    }

    /// Waits until nothing that was sent to the service, and given up by its caller, can take effect any more. Only a
    /// store with [`Guarantees::late_landing`](crate::Guarantees::late_landing) needs it.
    async fn settle(&self) {}

    /// How to start another process that opens the same places: usually the test binary itself with the name of a test
    /// that calls [`child`](super::child) first. `None` fails the cases of several processes, if the store promises
    /// anything to them.
    fn process(&self) -> Option<Command> {
        None
    }
}

#[async_trait]
impl<S: Subject + ?Sized> Subject for Arc<S> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn minimum(&self) -> Minimum {
        (**self).minimum()
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        (**self).open(place).await
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        (**self).remove(place).await
    }

    fn boundaries(&self) -> Vec<u64> {
        (**self).boundaries()
    }

    fn obeys_clock(&self) -> bool {
        (**self).obeys_clock()
    }

    async fn settle(&self) {
        (**self).settle().await;
    }

    fn process(&self) -> Option<Command> {
        (**self).process()
    }
}

/// Where a case keeps its values: a name that no other case and no other run uses, and the environment to run in.
#[derive(Debug, Clone)]
pub struct Place {
    name: String,
    env: Env,
}

impl Place {
    /// A place of this name.
    pub fn new(name: impl Into<String>, env: Env) -> Place {
        Place { name: name.into(), env }
    }

    /// 1 to 64 of `a` to `z`, `0` to `9`, `-`: good for a folder, a bucket prefix, a table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The environment that the store is to run in.
    pub fn env(&self) -> &Env {
        &self.env
    }
}
