//! A store behind a network is used while the wire to it does harm; every key is one register, whoever asks.
//!
//! The service is one of `larder-cloud-tests`, and the harm is its own or that of a proxy before it. It goes on through a
//! round, in which several clients work on few keys. At the end of the round they stop, what is late is waited for, and each key is
//! read: then the answers of the round must be those of registers, where a write that got no answer, or one of whose
//! attempts got none, may have happened at any time since it began, twice if it was sent more than once. Every call
//! has a deadline, and none may end past it. Counters that the clients add to by `update` stand between what was
//! acknowledged and that and what got no answer.

mod client;
mod command;
mod kinds;
mod plan;
mod pulse;
mod reads;
mod round;
mod service;
mod tally;
mod values;
mod way;
mod writes;

use larder_store_core::config::StoreConfig;
use larder_store_core::{Call, Key};

pub use command::command;

use crate::Outcome;
use crate::report::Report;
use crate::rng::Rng;
use crate::stores;
use round::Round;
use service::Service;
use tally::{Counted, Tally};

/// Counters that all clients add to.
const COUNTERS: usize = 3;

/// Clients that share a store, as those of a process: connections, and what may be tried again, are each store's own.
const OF_A_STORE: usize = 4;

/// Bytes of the stack that the clients are polled on.
const STACK: usize = 64 << 20;

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The service ignores conditions.
    NoConditions,
    /// Conditional writes whose only attempt succeeded are told 412, as by a proxy that sends requests again by itself.
    /// Nobody can tell that from a conflict.
    ResendingProxy,
    /// What the proxy passed on and answered it sends again a while later.
    ReplayingProxy,
}

/// Which service, and who does the harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The S3 double, which harms by itself.
    S3,
    /// The S3 double behind the proxy.
    S3Proxy,
    /// The GCS double: its REST behind the proxy, its gRPC harmed by itself.
    #[cfg(feature = "gs")]
    Gs,
    /// MiniStack's DynamoDB behind the proxy.
    #[cfg(feature = "dynamodb")]
    DynamoDb,
    /// dynalite behind the proxy.
    #[cfg(feature = "dynamodb")]
    Dynalite,
    /// A Redis server behind the proxy.
    #[cfg(feature = "redis")]
    Redis,
}

impl On {
    /// Every one.
    pub const ALL: &'static [On] = &[
        On::S3,
        On::S3Proxy,
        #[cfg(feature = "gs")]
        On::Gs,
        #[cfg(feature = "dynamodb")]
        On::DynamoDb,
        #[cfg(feature = "dynamodb")]
        On::Dynalite,
        #[cfg(feature = "redis")]
        On::Redis,
    ];

    /// As `--on` names it.
    pub fn name(self) -> &'static str {
        match self {
            On::S3 => "s3",
            On::S3Proxy => "s3-proxy",
            #[cfg(feature = "gs")]
            On::Gs => "gs",
            #[cfg(feature = "dynamodb")]
            On::DynamoDb => "dynamodb",
            #[cfg(feature = "dynamodb")]
            On::Dynalite => "dynalite",
            #[cfg(feature = "redis")]
            On::Redis => "redis",
        }
    }

    /// The layouts that its stores have.
    pub fn layouts(self) -> &'static [&'static str] {
        match self {
            On::S3 | On::S3Proxy => &["plain", "record"],
            #[cfg(feature = "gs")]
            On::Gs => &["plain"],
            #[cfg(feature = "dynamodb")]
            On::DynamoDb | On::Dynalite => &["record"],
            #[cfg(feature = "redis")]
            On::Redis => &["record"],
        }
    }

    /// How many ask at once, on how many keys, and for how many calls of a round, where nothing is said of it.
    /// Fewer of a slow server, which more would wait for longer than an attempt may take.
    pub fn crowd(self) -> (usize, usize, u64) {
        match self {
            #[cfg(feature = "dynamodb")]
            On::DynamoDb | On::Dynalite => (8, 12, 600),
            #[cfg(feature = "gs")]
            On::Gs => (48, 24, 2500),
            _ => (128, 48, 2500),
        }
    }

    /// Bytes of a value that goes up in several parts.
    fn large(self) -> usize {
        match self {
            // Their pieces are smaller, whatever the value.
            #[cfg(feature = "gs")]
            On::Gs => 700 << 10,
            #[cfg(feature = "dynamodb")]
            On::DynamoDb | On::Dynalite => 1 << 20,
            #[cfg(feature = "redis")]
            On::Redis => 3 << 19,
            On::S3 | On::S3Proxy => 17 << 20,
        }
    }
}

/// What the campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// Against what.
    pub on: On,
    /// Calls in all.
    pub operations: u64,
    /// Calls of a round.
    pub operations_of_a_round: u64,
    /// Who ask at once.
    pub clients: usize,
    /// The keys of all.
    pub keys: usize,
    /// Of the attempts that it can be done to, the share that meets a group of faults.
    pub rate: f64,
    /// `plain` or `record`.
    pub layout: &'static str,
    /// To show that harm is seen. The first answer that is wrong ends the campaign then.
    pub mutant: Option<Mutant>,
    /// Decides what can be decided.
    pub seed: u64,
}

/// Runs it. `None` where the service is not installed, which it says.
///
/// # Errors
/// What keeps the campaign from going on.
pub fn run(options: &Options) -> Outcome<Option<Report>> {
    let Some(service) = Service::start(options)? else { return Ok(None) };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // The futures of many clients, polled in each other, want more than the stack of a test's thread.
    std::thread::scope(|scope| {
        let work = || runtime.block_on(rounds(options, &service));
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)?;
        thread.join().map_err(|_| "the campaign panicked")?.map(Some)
    })
}

async fn rounds(options: &Options, service: &Service) -> Outcome<Report> {
    let mut report =
        Report::new("wire", format!("{} layout={}", options.on.name(), options.layout), options.seed);
    let config = StoreConfig::parse(&service.url(options))?;
    let mut opened = Vec::new();
    for _ in 0..options.clients.div_ceil(OF_A_STORE) {
        opened.push(stores::open(&config).await?);
    }
    let keys: Vec<Key> = (0..options.keys).map(|n| Key::new(format!("k/{n}"))).collect::<Result<_, _>>()?;
    let counters: Vec<Key> =
        (0..COUNTERS).map(|n| Key::new(format!("counter/{n}"))).collect::<Result<_, _>>()?;
    let mut rng = Rng::new(options.seed);
    let mut tally = Tally { counters: vec![Counted::default(); COUNTERS], ..Tally::default() };
    let mut states = vec![None; keys.len()];
    let (mut done, mut number) = (0, 0);
    while done < options.operations
        && report.problems().len() < 5
        && (options.mutant.is_none() || tally.wrong_answers == 0)
    {
        let calls = options.operations_of_a_round.min(options.operations - done);
        let round =
            Round { options, service, stores: &opened, keys: &keys, counters: &counters, number, calls };
        states = round.run(states, &mut rng, &mut tally, &mut report).await?;
        (done, number) = (done + calls, number + 1);
    }
    for store in opened {
        store.close(&Call::default()).await?;
    }
    report.count("operations", done);
    report.count("rounds", number);
    tally.tell(&mut report);
    service.tell(&mut report);
    Ok(report)
}
