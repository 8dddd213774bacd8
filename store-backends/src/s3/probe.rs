//! Asking the live service whether it keeps its word.

use std::fmt;

use larder_store_core::{
    Call, CasScope, DeleteOptions, Error, ErrorKind, Got, Guarantees, Op, Precondition, PutOptions, Result,
    Store, Version, WriteId, system,
};

use super::store::S3Store;
use super::wire::Wire;

/// What a live service was found to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// A put that wants the key absent is refused where there is a value.
    pub create_only: bool,
    /// A put that names another version is refused.
    pub compare_and_swap: bool,
    /// A delete that names another version is refused.
    pub conditional_delete: bool,
    /// A value is read as it was written, at once.
    pub read_after_write: bool,
}

impl Probe {
    /// Whether conditional writes can be relied on.
    pub fn conditions_hold(&self) -> bool {
        self.create_only && self.compare_and_swap
    }

    /// Takes what does not hold out of the guarantees, so that it is refused by name.
    pub(super) fn weaken(&self, guarantees: &mut Guarantees) {
        if !self.conditions_hold() {
            guarantees.cas = CasScope::None;
        }
        guarantees.conditional_delete &= self.conditional_delete && self.conditions_hold();
    }
}

impl fmt::Display for Probe {
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

/// Whether a write was refused, as it had to be.
fn refused<T>(done: Result<T>) -> Result<bool> {
    match done {
        Ok(_) => Ok(false),
        Err(error) if error.is(ErrorKind::Conflict) => Ok(true),
        // A service that says it offers no such thing keeps its word in its own way.
        Err(error) if error.is(ErrorKind::Unsupported) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes, reads and removes an object that nobody else knows.
pub(super) async fn probe(store: &S3Store, wire: &Wire, call: &Call) -> Result<Probe> {
    let id = WriteId::random(&wire.env);
    let key = system::key(format!("probe/{id}"))?;
    let named = |e: Error| e.during(Op::Open).at(store.id()).on(&key);
    let put = |pre: Precondition| PutOptions::new().with_pre(pre).with_call(call.clone());
    // An ETag that no content has.
    let wrong = || Version::of_service("\"00000000000000000000000000000000\"", None, []);
    let first = store.put_opts(&key, "first".into(), &put(Precondition::Any)).await.map_err(named)?;
    let result = async {
        let create_only = refused(store.put_opts(&key, "second".into(), &put(Precondition::Absent)).await)?;
        let stale = put(Precondition::Matches(wrong()));
        let compare_and_swap = refused(store.put_opts(&key, "third".into(), &stale).await)?;
        let got = store.get_opts(&key, &get(call)).await?;
        let unharmed = matches!(&got, Got::Found { body, meta, .. }
            if body == "first" && meta.write_id == Some(first.write_id));
        let only = DeleteOptions::new().with_only(wrong()).with_call(call.clone());
        let conditional_delete = refused(store.delete_opts(&key, &only).await)?;
        let read_after_write = unharmed || !(create_only && compare_and_swap);
        Ok(Probe { create_only, compare_and_swap, conditional_delete, read_after_write })
    };
    let result = result.await.map_err(named);
    let gone = store.delete_opts(&key, &DeleteOptions::new().with_call(call.clone())).await;
    let probe = result?;
    gone.map_err(named)?;
    Ok(probe)
}

fn get(call: &Call) -> larder_store_core::GetOptions {
    larder_store_core::GetOptions::new().with_call(call.clone())
}
