//! A store in a bucket is used while the wire to it does harm; every key is one register, whoever asks.
//!
//! The service is the S3 double of `larder-cloud-tests`, in this process. Its faults go on through a round, in which
//! several clients work on few keys. At the end of the round they stop, what is late is waited for, and each key is
//! read: then the answers of the round must be those of registers, where a write that got no answer, or one of whose
//! attempts got none, may have happened at any time since it began, twice if it was sent more than once. Every call
//! has a deadline, and none may end past it.

mod client;
mod command;
mod kinds;
mod plan;
mod pulse;
mod round;
mod tally;

use std::collections::BTreeMap;

use larder_cloud_tests::s3::{Double, DoubleOptions};
use larder_store_core::config::StoreConfig;
use larder_store_core::{Call, Key};

pub use command::command;

use crate::Outcome;
use crate::report::Report;
use crate::rng::Rng;
use crate::stores;
use round::Round;
use tally::Tally;

/// The bucket, and the prefix in it.
const PLACE: &str = "wire/here";

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
}

/// What the campaign does.
#[derive(Debug, Clone)]
pub struct Options {
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

/// Runs it.
///
/// # Errors
/// What keeps the campaign from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let double = Double::start(DoubleOptions { buckets: vec!["wire".into()], ..DoubleOptions::default() })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // The futures of many clients, polled in each other, want more than the stack of a test's thread.
    std::thread::scope(|scope| {
        let work = || runtime.block_on(rounds(options, &double));
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)?;
        thread.join().map_err(|_| "the campaign panicked")?
    })
}

async fn rounds(options: &Options, double: &Double) -> Outcome<Report> {
    let layout = options.layout;
    let mut report = Report::new("wire", format!("s3 layout={layout}"), options.seed);
    let url = double.url(PLACE);
    let params = format!("layout={layout}&attempt_timeout=250ms&patience=5s&part_size=5MiB");
    let config = StoreConfig::parse(&format!("{url}&{params}"))?;
    let store = stores::open(&config).await?;
    if options.mutant == Some(Mutant::NoConditions) {
        double.set_conditions(larder_cloud_tests::s3::Conditions::Ignored);
    }
    let keys: Vec<Key> = (0..options.keys).map(|n| Key::new(format!("k/{n}"))).collect::<Result<_, _>>()?;
    let mut rng = Rng::new(options.seed);
    let mut tally = Tally::default();
    let mut states = vec![None; keys.len()];
    let (mut done, mut number) = (0, 0);
    while done < options.operations
        && report.problems().len() < 5
        && (options.mutant.is_none() || tally.wrong_answers == 0)
    {
        let calls = options.operations_of_a_round.min(options.operations - done);
        let round = Round { options, double, store: store.clone(), keys: &keys, number, calls };
        states = round.run(states, &mut rng, &mut tally, &mut report).await?;
        (done, number) = (done + calls, number + 1);
    }
    store.close(&Call::default()).await?;
    report.count("operations", done);
    report.count("rounds", number);
    tally.tell(&mut report);
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    for ((fault, _), count) in double.faults().counts() {
        *faults.entry(fault.to_string()).or_default() += count;
    }
    report.count("requests", double.requests().values().sum());
    report.count("requests that met a fault", faults.values().sum());
    for (fault, count) in faults {
        report.count(fault, count);
    }
    Ok(report)
}
