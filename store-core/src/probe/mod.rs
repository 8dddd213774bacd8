//! Asking a live store whether it keeps its word.
//!
//! Some services ignore conditions on writes without a word, some list late, some drop what is kept beside a value.
//! [`probe`] tries each promise of [`Guarantees`] that can be tried, in the system key space, so that no value of a
//! user is looked at or touched, and leaves nothing behind. What cannot be tried (durability, sharing, the largest
//! value) stays the store's word.
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> larder_store_core::Result<()> {
//! # use larder_store_core::conformance::{Place, Reference};
//! # let store = Reference::new(&Place::new("doc", larder_store_core::Env::system()));
//! use larder_store_core::{Call, Env, probe};
//!
//! let probed = probe::probe(&store, &Env::system(), &Call::default()).await?;
//! for finding in &probed.findings {
//!     println!("{}: claimed {}, found {}", finding.what, finding.claim, finding.found);
//! }
//! assert!(probed.kept());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "conformance"))]
//! # fn main() {}
//! ```

mod claims;
mod conditions;
mod listing;
mod place;
mod race;
mod values;

use std::fmt;

use crate::call::Call;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Result};
use crate::guarantees::{CasScope, Guarantees};
use crate::store::Store;

pub use conditions::{Conditions, conditions};

use place::Place;

/// What was found about a promise.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Found {
    /// It is kept.
    Kept,
    /// It is not; what was seen instead, in a clause.
    Broken(String),
    /// The store does not promise it, so it was not tried.
    NotPromised,
    /// It could not be found out.
    Unclear(Error),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Kept => f.write_str("kept"),
            Found::Broken(seen) => write!(f, "NOT kept: {seen}"),
            Found::NotPromised => f.write_str("not promised"),
            Found::Unclear(error) => write!(f, "not found out: {}: {}", error.kind(), error.why()),
        }
    }
}

/// A promise, and what was found about it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding {
    /// The promise, in a few words.
    pub what: &'static str,
    /// What [`Guarantees`] says about it.
    pub claim: String,
    /// What was found.
    pub found: Found,
}

/// What a live store was found to keep.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Probed {
    /// Promise by promise, in the order of trying.
    pub findings: Vec<Finding>,
    /// How many milliseconds the service's clock is ahead of ours (below zero: behind), where listings tell its time.
    /// Less than a second is nothing: services tell whole seconds.
    pub clock_ahead_ms: Option<i64>,
}

impl Probed {
    /// Whether nothing was found to be broken. What could not be found out is not broken.
    pub fn kept(&self) -> bool {
        self.findings.iter().all(|finding| !matches!(finding.found, Found::Broken(_)))
    }

    fn add(&mut self, what: &'static str, claim: impl Into<String>, found: Found) {
        self.findings.push(Finding { what, claim: claim.into(), found });
    }

    /// Adds the outcome of a trial. A call that is over ends the probe.
    fn tried(&mut self, what: &'static str, claim: impl Into<String>, found: Result<Found>) -> Result<()> {
        let found = match found {
            Ok(found) => found,
            Err(error) if is_over(&error) => return Err(error),
            Err(error) => Found::Unclear(error),
        };
        self.add(what, claim, found);
        Ok(())
    }
}

/// Whether the caller's time or patience is at its end.
fn is_over(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Closed)
}

/// `Kept`, or what was seen instead.
fn kept(held: bool, seen: impl FnOnce() -> String) -> Found {
    if held { Found::Kept } else { Found::Broken(seen()) }
}

/// Tries every promise that can be tried, with some sixty small calls. What it writes is removed again, also when the
/// call is cancelled meanwhile; what a killed probe left is removed by a later one, after a day.
///
/// # Errors
/// Whatever the first write meets, as there is nothing to be found out then; a call that is over; what removing meets.
pub async fn probe(store: &dyn Store, env: &Env, call: &Call) -> Result<Probed> {
    let place = Place::new(env)?;
    let probed = all(store, env, call, &place).await;
    let cleared = place.clear(store, env).await;
    let probed = probed?;
    cleared?;
    Ok(probed)
}

async fn all(store: &dyn Store, env: &Env, call: &Call, place: &Place) -> Result<Probed> {
    let g = store.guarantees();
    let mut probed = Probed { findings: Vec::new(), clock_ahead_ms: None };
    // As well as can be: who may not list may still be asked the rest.
    if let Err(error) = place::sweep(store, env, call).await
        && is_over(&error)
    {
        return Err(error);
    }
    // Whoever cannot write finds out nothing.
    let first = values::read_after_write(store, call, place).await?;
    probed.add("read after write", "at once", first);
    conditional(&mut probed, store, env, call, place).await?;
    probed.tried("versions", claims::versions(g), values::versions(store, call, place).await)?;
    probed.tried("streams", "as values", values::streams(store, call, place).await)?;
    probed.tried("ranges", claims::ranges(g), values::ranges(store, call, place).await)?;
    probed.tried("attributes", claims::attributes(g), values::attributes(store, call, place).await)?;
    probed.tried("expiry on read", claims::expiry(g), values::expiry(store, env, call, place).await)?;
    probed.tried("longest key", format!("{} B", g.max_key), values::longest_key(store, call, place).await)?;
    probed.tried("listing", claims::listing(g), listing::order(store, call, place).await)?;
    probed.tried("transactions", claims::transactions(g), values::transactions(store, call, place).await)?;
    probed.clock_ahead_ms = listing::clock(store, env, call, place).await?;
    Ok(probed)
}

/// Conditional writes, one after the other and many at once.
async fn conditional(
    probed: &mut Probed,
    store: &dyn Store,
    env: &Env,
    call: &Call,
    place: &Place,
) -> Result<()> {
    const CREATE: &str = "create-only puts";
    const SWAP: &str = "compare-and-swap";
    const DELETE: &str = "conditional deletes";
    const AT_ONCE: &str = "compare-and-swap, eight at once";
    let g: &Guarantees = store.guarantees();
    let scope = g.cas.to_string();
    if g.cas == CasScope::None {
        for what in [CREATE, SWAP, AT_ONCE, DELETE] {
            probed.add(what, scope.clone(), Found::NotPromised);
        }
        return Ok(());
    }
    let (create, swap, delete) = match conditions(store, env, call).await {
        Ok(found) => (
            kept(found.create_only, || "a put that wants the key absent replaced a value".into()),
            kept(found.compare_and_swap, || "a condition on the version was not decided as it stands".into()),
            kept(found.conditional_delete, || "a delete that names another version was made".into()),
        ),
        Err(error) if is_over(&error) => return Err(error),
        Err(e) => (Found::Unclear(e.clone()), Found::Unclear(e.clone()), Found::Unclear(e)),
    };
    probed.add(CREATE, scope.clone(), create);
    probed.add(SWAP, scope.clone(), swap);
    probed.tried(AT_ONCE, scope.clone(), race::at_once(store, call, place).await)?;
    match g.conditional_delete {
        true => probed.add(DELETE, scope, delete),
        false => probed.add(DELETE, "none", Found::NotPromised),
    }
    Ok(())
}
