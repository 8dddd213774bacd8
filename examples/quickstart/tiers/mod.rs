//! The stack: memory over LMDB over a folder of files.

mod damage;
mod kill;
mod latencies;
mod ledger;
mod reads;
mod stack;
mod writer;

use std::path::Path;

use crate::Outcome;
use crate::tree::Tree;
use stack::Place;

pub(crate) use writer::{child_of, write_until_killed};

/// Shows it all, over the file store that holds the tree already.
pub(crate) async fn show(scratch: &Path, tree: &Tree) -> Outcome<()> {
    let place = Place::new(scratch, tree)?;
    println!("2. The same files through three tiers");
    place.introduce();
    reads::show(&place).await?;

    println!("3. Damage in the cache");
    damage::show(&place).await?;

    println!("4. A process that is killed while it writes");
    kill::show(&place).await
}

/// Fails if what was claimed is not so.
fn claim(holds: bool, what: impl FnOnce() -> String) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("this does not hold: {}", what()).into()) }
}
