//! A process that writes until it is killed.

use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;

use futures_util::future::join_all;

use super::client::{Client, Shared};
use super::log::{Log, Record};
use super::mutant::Mutant;
use super::target::Target;
use crate::args::Args;
use crate::clock::Span;
use crate::rng::Rng;
use crate::{Outcome, keys, process, stores};

/// The name of the role.
pub(super) const ROLE: &str = "role-kill-worker";

/// Plays the role.
///
/// # Errors
/// The store gave an answer that is wrong whatever the others do.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let target = Target::take(&mut args)?;
    let log = PathBuf::from(args.need("log")?);
    let who = args.number("who", 0)? as u32;
    let seed = args.number("seed", 0)?;
    let clients = args.number("clients", 1)?;
    let mutant = Mutant::parse(&args.need("mutant")?)?;
    args.finish()?;

    let log = Log::create(&log)?;
    stores::block_on(async {
        let span = Span::begin();
        let opened = target.open(mutant).await?;
        log.add(&[Record::Opened(span.end())])?;
        // Whoever waits for it, to kill it while it writes, hears that it is there.
        std::io::stdout().write_all(b"!")?;
        std::io::stdout().flush()?;
        let shared = Rc::new(Shared::new(opened, keys::neighbours(), log, who, mutant));
        let all = (0..clients).map(|n| Client::new(shared.clone(), Rng::part(seed, n)).work());
        join_all(all).await.into_iter().collect::<Outcome>()
    })
}
