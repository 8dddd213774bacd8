//! Stacks that several processes share, and that are killed.
//!
//! The campaign of [`kill`] with a stack in the place of a store: processes read, write, delete and write
//! under conditions through fronts and one fence, and are killed; what was answered must be that of one register for
//! each key, whoever asked. A doubt lasts for a moment only, as nothing lands late in a folder: else the fronts would
//! not be asked after the first kills.

use std::path::Path;
use std::time::Duration;

use crate::args::Args;
use crate::kill::{self, Mutant, Tally, Target};
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock, rng};

/// How long doubt lasts.
const WINDOW: Duration = Duration::from_millis(5);

/// A stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// LMDB over files.
    LmdbFile,
    /// Memory over LMDB over files.
    MemoryLmdbFile,
}

impl Shape {
    /// All of them.
    pub const ALL: [Shape; 2] = [Shape::LmdbFile, Shape::MemoryLmdbFile];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Shape::LmdbFile => "lmdb/file",
            Shape::MemoryLmdbFile => "memory/lmdb/file",
        }
    }

    /// Its stack string, for a folder of its own. Few slots, so that keys meet in them.
    ///
    /// # Errors
    /// A folder that is not UTF-8.
    pub fn text(self, folder: &Path) -> Outcome<String> {
        let folder = folder.to_str().ok_or("the folder's name is not UTF-8")?;
        let memory = match self {
            Shape::LmdbFile => "",
            Shape::MemoryLmdbFile => "memory:?capacity=16MiB | ",
        };
        Ok(format!(
            "{memory}lmdb:{folder}/front?role=cache&capacity=32MiB | \
             file:{folder}/origin?sync=none&fresh=sole_writer&fence_slots=8"
        ))
    }
}

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// The stack.
    pub shape: Shape,
    /// A folder of its own.
    pub folder: std::path::PathBuf,
    /// What repeats its choices.
    pub seed: u64,
    /// How many processes are killed, at least.
    pub kills: u64,
    /// How long it goes on, at least.
    pub time: Duration,
    /// The most processes at a time.
    pub processes: u64,
    /// How the workers are broken.
    pub mutant: Mutant,
    /// The program that they run.
    pub program: Program,
}

/// Runs a campaign.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Tally> {
    let folder = options.folder.join("stack");
    std::fs::create_dir_all(&folder)?;
    kill::run(&kill::Options {
        target: Target { text: options.shape.text(&folder)?, folder, window: Some(WINDOW) },
        logs: options.folder.join("logs"),
        seed: options.seed,
        kills: options.kills,
        time: options.time,
        processes: options.processes,
        mutant: options.mutant,
        stop_at_first: options.mutant != Mutant::None,
        program: options.program.clone(),
    })
}

/// Runs the campaign as its options say: `--seconds`, `--kills`, `--processes`, `--mutant`, `--seed`, `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let time = Duration::from_secs(args.number("seconds", 120)?);
    let kills = args.number("kills", 100)?;
    let processes = args.number("processes", 4)?.clamp(1, 15);
    let seed = args.number("seed", rng::fresh_seed())?;
    let mutant = args.text("mutant")?.map_or(Ok(Mutant::None), |name| Mutant::parse(&name))?;
    let dir = args.text("dir")?;
    args.finish()?;
    let mut reports = Vec::new();
    eprintln!("fronts: {} s each, --seed {seed}", time.as_secs());
    for shape in Shape::ALL {
        let place = Place::new(dir.as_deref().map(Path::new))?;
        let program = Program::this()?;
        let options = Options { shape, folder: place.path(), seed, kills, time, processes, mutant, program };
        let (tally, took) = clock::timed(|| run(&options));
        reports.push(tally?.report_stack(shape.name(), seed, took));
    }
    Ok(reports)
}
