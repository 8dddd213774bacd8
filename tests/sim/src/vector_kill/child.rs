//! A process that writes into a collection until it is killed, or another one takes over.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use larder_store_core::config::StoreConfig;
use larder_store_core::{Error, ErrorKind, Result};
use larder_vector::{Collection, CollectionOptions, Metric, Schema, SearchOptions, VectorStore};

use super::log::{Fate, Log};
use super::model::{self, DIMS, IDS};
use crate::args::Args;
use crate::rng::Rng;
use crate::{Outcome, process, stores};

/// The name of the role.
pub(super) const ROLE: &str = "role-vector-kill";
/// What a child says that another one fenced.
pub(super) const FENCED: &str = "fenced";
/// Callers at once in a child, each with ids of its own.
const CLIENTS: u64 = 2;

/// How collections of this campaign are opened: small segments, and budgets that do not hold all of them.
pub(super) fn options(local: &Path) -> CollectionOptions {
    CollectionOptions::new()
        .with_schema(Schema::new(DIMS as u32, Metric::L2))
        .with_seal_rows(48)
        .with_book_rows(120)
        .with_code_width(2)
        .with_memory(48 << 10)
        .with_disk(32 << 10)
        .with_guard(1.0)
        .with_rebalance(Duration::from_millis(15))
        .with_retain(Duration::ZERO)
        .with_local(local.to_owned())
}

/// Plays the role.
///
/// # Errors
/// The collection gave an answer that is wrong.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let store = StoreConfig::parse(&args.need("at")?)?;
    let log = PathBuf::from(args.need("log")?);
    let local = PathBuf::from(args.need("local")?);
    let (who, seed) = (args.number("who", 0)?, args.number("seed", 0)?);
    let ack_first = args.flag("ack-first")?;
    args.finish()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let log = Log::create(&log)?;
        let store = stores::open(&store).await?;
        let collection = Arc::new(Collection::open(store, options(&local)).await?);
        // Whoever waits for it hears that it is there.
        std::io::stdout().write_all(b"!")?;
        std::io::stdout().flush()?;
        let client = |n: u64| {
            let client =
                Client { collection: &collection, log: &log, who, n, ack_first, rng: Rng::part(seed, n) };
            client.work()
        };
        let clients = futures_util::future::try_join_all((0..CLIENTS).map(client));
        let other = Rng::part(seed, 99);
        futures_util::future::try_join(clients, maintain(&collection, &log, other)).await.map(drop)
    })
}

struct Client<'a> {
    collection: &'a Collection,
    log: &'a Log,
    who: u64,
    n: u64,
    ack_first: bool,
    rng: Rng,
}

impl Client<'_> {
    async fn work(mut self) -> Outcome {
        for number in 1.. {
            let op = (self.who << 24 | number) * CLIENTS + self.n;
            let rows = if self.rng.one_in(8) { self.rng.between(2, 40) } else { 1 };
            // Children that follow each other, and those that meet, write other ids.
            let class = self.who % 2 * CLIENTS + self.n;
            let step = 2 * CLIENTS;
            let mut ids: Vec<u64> = (0..rows).map(|_| self.rng.below(IDS / step) * step + class).collect();
            ids.sort_unstable();
            ids.dedup();
            let delete = self.rng.one_in(4);
            self.log.begin(op, delete, &ids)?;
            if self.ack_first {
                self.log.end(op, Fate::Made)?;
            }
            let done = match delete {
                true => self.collection.delete(ids.iter().map(|id| (*id).into()).collect()).await,
                false => self.collection.upsert(ids.iter().map(|id| model::row(*id, op)).collect()).await,
            };
            match done {
                Ok(()) => self.log.end(op, Fate::Made)?,
                Err(error) => {
                    self.log.end(op, if error.settled() { Fate::NotMade } else { Fate::Open })?;
                    return ended(self.log, &error);
                }
            }
        }
        Ok(())
    }
}

/// Everything but writes, all the time.
async fn maintain(collection: &Collection, log: &Log, mut rng: Rng) -> Outcome {
    loop {
        let done: Result<()> = match rng.below(12) {
            0..3 => collection.flush().await,
            3 => collection.optimize().await,
            4..6 => collection.vacuum().await,
            6..8 => collection.rebalance().await,
            _ => {
                let query = model::vector(rng.below(IDS), rng.word() >> 24);
                let exact = SearchOptions::new().with_exact(rng.one_in(2));
                collection.search(&query, 5, &exact).await.map(drop)
            }
        };
        match done {
            // Objects that the next writer has removed.
            Err(error) if error.kind().is_retryable() => log.say("retryable")?,
            Err(error) => return ended(log, &error),
            Ok(()) => {}
        }
        tokio::time::sleep(Duration::from_micros(rng.below(4000))).await;
    }
}

/// That it is right for a child to end with this error: then it says why, and ends.
fn ended(log: &Log, error: &Error) -> Outcome {
    if error.is(ErrorKind::Conflict) && error.to_string().contains("another writer has taken over") {
        log.say(FENCED)?;
        std::process::exit(0);
    }
    log.say(&format!("failed: {error}"))?;
    Err(error.to_string().into())
}
