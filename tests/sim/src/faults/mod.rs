//! Faults of every kind in every front of a stack: no call fails, and nothing stale is seen.
//!
//! A stack of memory over LMDB over an origin lives many lives. In each of them the calls of the two fronts go wrong as
//! core's [fault layer](larder_store_core::layer::fault) can make them, and every life is about one kind of fault; the
//! origin is sound. Clients call the stack in every way. Each key has one who writes it, so it is known what it holds,
//! and whoever reads it must see that, or what was being written meanwhile. The clock stands unless somebody waits for it,
//! so that the timeouts of fronts and the pauses of their breakers cost no time.
//!
//! A matrix says how often each fault struck each call of each front. A cell that stays zero fails the run, unless there
//! is a reason why it cannot be otherwise, which is given and looked after.

mod client;
mod command;
mod life;
mod matrix;
mod model;
mod plan;
mod writes;

use std::path::PathBuf;

pub use command::command;

use crate::clocks::StillClock;
use crate::report::Report;
use crate::rng::Rng;
use crate::{Outcome, stores};
use life::{Counts, FRONTS, World};
use matrix::Matrix;

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder of its own.
    pub folder: PathBuf,
    /// Calls to be made.
    pub calls: u64,
    /// Calls of one life.
    pub calls_of_a_life: u64,
    /// Clients of the stack.
    pub clients: usize,
    /// Keys of each.
    pub keys: usize,
    /// Bytes of the memory front.
    pub memory: usize,
    /// The origin is LMDB, which has transactions, instead of files.
    pub transactions: bool,
    /// Goes on until every fault had its turn, and judges whether each has struck every call.
    pub whole: bool,
    /// Broken on purpose: writes go to the origin past the fence.
    pub past_fence: bool,
    /// What repeats its choices.
    pub seed: u64,
}

/// Runs a campaign.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let shape = if options.transactions { "memory/lmdb/lmdb" } else { "memory/lmdb/file" };
    let mut report = Report::new("faults", shape, options.seed);
    let clock = StillClock::new();
    let _mover = clock.move_when_idle();
    let mut rng = Rng::new(options.seed);
    let mut world = World {
        options,
        folder: options.folder.join("0"),
        clock: clock.clone(),
        model: None,
        matrices: [Matrix::default(), Matrix::of_the_fence()],
        counts: Counts::default(),
    };
    let mut failed: u64 = 0;
    while world.counts.calls < options.calls || (options.whole && world.counts.lives < plan::Plan::turn()) {
        let lived = stores::block_on(world.life(options.calls_of_a_life, &mut rng))?;
        if let Err(wrong) = lived {
            failed += 1;
            eprintln!("faults: {}", wrong.chars().take(600).collect::<String>());
            report.problem(wrong);
            if failed >= 10 || options.past_fence {
                break;
            }
            // What is wrong now would be found again in each life to come.
            world.folder = options.folder.join(failed.to_string());
        }
    }
    tell(&mut report, &world, failed);
    report.count("jumps of the clock", clock.jumps());
    if options.whole && !options.past_fence {
        for (front, matrix) in FRONTS.into_iter().zip(&world.matrices) {
            matrix.tell(front, &mut report);
        }
    }
    Ok(report)
}

fn tell(report: &mut Report, world: &World<'_>, failed: u64) {
    let counts = &world.counts;
    report.count("calls", counts.calls);
    report.count("calls that failed, or gave what is wrong", failed);
    report.count("lives", counts.lives);
    report.count("writes", counts.writes);
    report.count("drains, sweeps and closes that a front held up until the deadline", counts.at_deadline);
    report.count("openings refused, as a front said that it is the wrong one", counts.refused);
    for (at, front) in FRONTS.into_iter().enumerate() {
        report.count(format!("{front}: faults"), world.matrices[at].struck());
        report.count(format!("{front}: errors that were noted"), counts.errors[at]);
        report.count(format!("{front}: hits"), counts.hits[at]);
        if counts.hits[at] == 0 {
            report.problem(format!("{front} had no hit: who keeps nothing serves nothing that is stale"));
        }
    }
    report.count("reads of the origin", counts.origin_reads);
    report.count("reads that joined another", counts.joined);
}
