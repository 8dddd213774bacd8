//! How long opening a stack over an LMDB cache takes: after a clean close of a cache of a thousand entries and of a
//! million, and after sixteen processes died with writes open. The whole, and the parts of the cache and of the fence.

mod command;
mod holder;
mod run;

use std::path::{Path, PathBuf};

pub use command::{command, role};
use larder_store_core::config::Freshness;
pub use run::run;

use crate::generated::{Generated, Sizes};
use crate::process::Program;
use crate::tiers::Tiers;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder of its own.
    pub folder: PathBuf,
    /// How many entries "many" are.
    pub entries: u64,
    /// How often a stack is opened after a clean close.
    pub opens: u64,
    /// How often after the death of sixteen; as often once more for the parts alone.
    pub deaths: u64,
    /// Writes that each of the dead held open.
    pub writes: u64,
    /// Times are only told, not judged: those of a build that is not optimised say nothing.
    pub lenient: bool,
    /// The program of the children.
    pub program: Program,
}

/// Bytes of a value.
const SIZES: Sizes = Sizes::Fixed(64);

fn tiers(folder: &Path) -> Tiers {
    Tiers {
        folder: folder.to_owned(),
        memory: Some(64 << 20),
        cache: 1 << 30,
        fresh: Freshness::SoleWriter,
        slots: larder_tiered::fence::DEFAULT_SLOTS,
    }
}

/// The origin of the stack in a folder. Opening it costs nothing.
fn origin(folder: &Path) -> Generated {
    Generated::new(&folder.display().to_string(), SIZES)
}
