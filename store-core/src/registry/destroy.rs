//! Two steps to the end of a store.

use std::fmt;

use crate::env::BoxFuture;
use crate::error::Result;

/// What destroying a store would delete. Dropped, it deletes nothing.
#[must_use = "nothing is deleted before confirm()"]
pub struct Destroy {
    names: Vec<String>,
    run: BoxFuture<'static, Result<()>>,
}

impl Destroy {
    /// `names` say what will be deleted (folders, files, tables, prefixes of a bucket); `run` deletes it.
    pub fn new(names: Vec<String>, run: impl Future<Output = Result<()>> + Send + 'static) -> Destroy {
        Destroy { names, run: Box::pin(run) }
    }

    /// What will be deleted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Deletes it.
    ///
    /// # Errors
    /// Whatever deleting meets; what is left can be destroyed again.
    pub async fn confirm(self) -> Result<()> {
        self.run.await
    }
}

impl fmt::Debug for Destroy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Destroy").field(&self.names).finish()
    }
}
