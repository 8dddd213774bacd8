//! A process that opens writes and holds them until it is killed.

use std::io::Write;
use std::path::PathBuf;

use larder_store_core::Env;

use crate::args::Args;
use crate::rng::Rng;
use crate::{Outcome, process};

pub(super) const ROLE: &str = "role-fence-holder";

/// Plays the role.
///
/// # Errors
/// It cannot attach.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let path = PathBuf::from(args.need("path")?);
    let slots = args.number("slots", 0)? as u32;
    let writes = args.number("writes", 0)?;
    let seed = args.number("seed", 0)?;
    args.finish()?;
    let table = super::attach(&super::file(&path, slots, Env::system()))?;
    let mut rng = Rng::new(seed);
    let mut held = Vec::new();
    for _ in 0..writes {
        held.push(table.open_write(rng.below(u64::from(slots)) as u32)?);
    }
    std::io::stdout().write_all(b"!")?;
    std::io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}
