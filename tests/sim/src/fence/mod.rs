//! The fence file: how long it takes to open, what a write costs, and that kills and damage never make it lie.
//!
//! - [`open`]: attaching after a clean close, and after sixteen processes died with writes open.
//! - [`cost`]: processor time of a fenced write beyond the origin's own.
//! - [`stack`]: the same for a whole stack over an LMDB front.
//! - [`kills`]: processes that open, answer and drop writes are killed; doubt must stand where a write was open, and
//!   nowhere else.
//! - [`damage`]: flips, zeroes and noise in a file that is in use, or at rest; nothing old may be served.
//! - [`cut`]: a file that ends early under a living process, which may die of it; the next one heals it.

mod command;
pub mod cost;
pub mod cut;
pub mod damage;
mod holder;
pub mod kills;
mod ledger;
pub mod open;
pub mod stack;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder_store_core::{Env, StoreId};
use larder_tiered::fence::{FenceFile, FrontSays, Layout, Mapped, Table};

pub use command::{command, role};

use crate::Outcome;

/// How long doubt lasts here: longer than a campaign.
const WINDOW: Duration = Duration::from_secs(3600);

/// A fence file of so many slots.
pub fn file(path: &Path, slots: u32, env: Env) -> FenceFile {
    FenceFile {
        path: path.to_owned(),
        origin: StoreId::new("file", "/origin", "record"),
        layout: Layout::new(slots),
        window: WINDOW,
        front: FrontSays::Empty,
        fears_the_past: true,
        env,
    }
}

/// Attaches; another opener is waited for.
///
/// # Errors
/// Those of attaching.
pub fn attach(file: &FenceFile) -> Outcome<Arc<Table<Mapped>>> {
    loop {
        if let Some(table) = file.try_attach()? {
            return Ok(Arc::new(table));
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}
