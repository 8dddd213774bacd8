//! What the store promises, and who it is.

use crate::conformance::case::{Case, Held, T, cases, check, same};
use crate::error::ErrorKind;

pub(super) const CASES: &[Case] = cases![
    "minimum.guarantees": guarantees = "it promises what its kind must promise, and the same each time",
    "minimum.identity": identity = "handles on the same data have the same id, others have others",
];

async fn guarantees(t: &T) -> Held {
    let missing = t.subject.minimum().missing(&t.g);
    check!(t, missing.is_empty(), "it promises too little: {}", missing.join("; "));
    let (_, other) = t.fresh().await?;
    same!(t, *other.guarantees(), t.g, "the guarantees of another store of this subject");
    check!(t, t.g.cas > crate::CasScope::None || !t.g.conditional_delete, "conditional deletes without CAS");
    if let Some(limit) = t.g.transactions {
        check!(t, limit.max_steps > 0 && limit.max_bytes > 0, "transactions of nothing: {limit:?}");
    }
    Ok(())
}

async fn identity(t: &T) -> Held {
    let again = t.open(&t.place).await?;
    same!(t, again.id(), t.store.id(), "the id of another handle");
    let (_, other) = t.fresh().await?;
    check!(t, other.id() != t.store.id(), "two stores have the id {}", t.store.id());
    // Its errors say who it is.
    let key = crate::conformance::values::key("identity");
    let over = crate::Call::default().with_deadline(t.env().now());
    let get = crate::GetOptions::new().with_call(over);
    let error =
        t.refuses(t.store.get_opts(&key, &get).await, ErrorKind::Timeout, "a get past its deadline")?;
    same!(t, error.store(), Some(t.store.id()), "the store that an error names");
    Ok(())
}
