//! A process that opens, answers and drops writes until it is killed.

use std::io::Write;
use std::path::PathBuf;

use larder_store_core::Env;

use super::ledger::{Ledger, Note};
use crate::args::Args;
use crate::rng::Rng;
use crate::{Outcome, process};

pub(super) const ROLE: &str = "role-fence-worker";

/// Writes that a worker holds open at most.
const HELD: usize = 12;

/// Plays the role.
///
/// # Errors
/// It cannot attach, or its write is refused.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let path = PathBuf::from(args.need("path")?);
    let ledger = PathBuf::from(args.need("ledger")?);
    let (slots, first, span) =
        (args.number("slots", 0)? as u32, args.number("first", 0)? as u32, args.number("span", 1)? as u32);
    let seed = args.number("seed", 0)?;
    args.finish()?;
    let ledger = Ledger::create(&ledger)?;
    let table = super::attach(&super::file(&path, slots, Env::system()))?;
    std::io::stdout().write_all(b"!")?;
    std::io::stdout().flush()?;
    let mut rng = Rng::new(seed);
    let mut held = Vec::new();
    // Where it dropped a write it is not seen again, so that the note stands.
    let mut dropped = vec![false; span as usize];
    loop {
        let at = rng.below(u64::from(span)) as u32;
        let free = !dropped[at as usize] && held.iter().all(|(other, _)| *other != at);
        if free && held.len() < HELD && rng.one_in(2) {
            ledger.note(at, Note::Opening)?;
            let write = table.open_write(first + at)?;
            ledger.note(at, Note::Open)?;
            held.push((at, write));
        } else if !held.is_empty() {
            let (at, write) = held.swap_remove(rng.index(held.len()));
            // Most are answered, else soon nothing would be left that is not in doubt.
            if rng.one_in(40) {
                ledger.note(at, Note::Dropping)?;
                drop(write);
                dropped[at as usize] = true;
                ledger.note(at, Note::Dropped)?;
            } else {
                ledger.note(at, Note::Answering)?;
                write.answered();
                ledger.note(at, Note::Quiet)?;
            }
        }
        // Reads put slots in order that others died in.
        let lease = table.lease(first + rng.below(u64::from(span)) as u32);
        table.tend(&lease);
    }
}
