//! A process that has writes open until it is killed.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_store_core::{Key, PutOptions, Store};

use super::{SIZES, origin, tiers};
use crate::args::Args;
use crate::rng::Rng;
use crate::{Outcome, process};

pub(super) const ROLE: &str = "role-open-holder";

/// Plays the role.
///
/// # Errors
/// The stack is not opened, or a write ends.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let folder = PathBuf::from(args.need("folder")?);
    let (writes, entries) = (args.number("writes", 0)?, args.number("entries", 1)?);
    let mut rng = Rng::new(args.number("seed", 0)?);
    args.finish()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    runtime.block_on(async {
        let waiting = Arc::new(AtomicU64::new(0));
        let stack = tiers(&folder).over(origin(&folder).holding(waiting.clone()))?.open().await?;
        for _ in 0..writes {
            let (stack, key) = (stack.clone(), Key::new(rng.below(entries).to_string())?);
            let body = SIZES.make(key.as_str());
            tokio::spawn(async move { stack.put_opts(&key, body, &PutOptions::new()).await });
        }
        while waiting.load(Ordering::SeqCst) < writes {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        std::io::stdout().write_all(b"!")?;
        std::io::stdout().flush()?;
        std::future::pending().await
    })
}
