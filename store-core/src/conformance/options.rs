//! How much is tested.

use std::time::Duration;

/// How much is tested. The default is the whole suite; see [`Options::quick`] for a loop while editing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Keys in the largest listing: 100,000 in memory and where puts come in batches, else 10,000.
    pub scale: Option<usize>,
    /// Operations of the random walk (10,000).
    pub steps: usize,
    /// Tasks that contend for a counter (64).
    pub tasks: usize,
    /// Increments by each of them (20).
    pub rounds: usize,
    /// Processes that contend for a counter (4).
    pub processes: usize,
    /// Tasks in each of them (16).
    pub process_tasks: usize,
    /// The largest value that is stored, in bytes (16 MiB + 1). Boundaries above it are left out.
    pub largest: u64,
    /// Where randomness starts; drawn anew for each run if `None`, and named in every failure.
    pub seed: Option<u64>,
    /// Cases at work at once (4).
    pub parallel: usize,
    /// How long a case may take until it counts as one that hangs (5 minutes).
    pub patience: Duration,
    /// Only cases whose name contains this.
    pub only: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            scale: None,
            steps: 10_000,
            tasks: 64,
            rounds: 20,
            processes: 4,
            process_tasks: 16,
            largest: (16 << 20) + 1,
            seed: None,
            parallel: 4,
            patience: Duration::from_secs(300),
            only: None,
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $setter:ident: $field:ident = $type:ty => $value:expr,)*) => {
        impl Options {
            $($(#[$doc])*
            pub fn $setter(mut self, $field: $type) -> Options {
                self.$field = $value;
                self
            })*
        }
    };
}

setters! {
    /// Keys in the largest listing.
    with_scale: scale = usize => Some(scale),
    /// Operations of the random walk.
    with_steps: steps = usize => steps,
    /// Tasks that contend for a counter.
    with_tasks: tasks = usize => tasks.max(1),
    /// Increments by each task.
    with_rounds: rounds = usize => rounds.max(1),
    /// Processes that contend for a counter.
    with_processes: processes = usize => processes.max(2),
    /// Tasks in each process.
    with_process_tasks: process_tasks = usize => process_tasks.max(1),
    /// The largest value that is stored, in bytes.
    with_largest: largest = u64 => largest,
    /// Where randomness starts.
    with_seed: seed = u64 => Some(seed),
    /// Cases at work at once.
    with_parallel: parallel = usize => parallel.max(1),
    /// How long a case may take.
    with_patience: patience = Duration => patience,
    /// Only cases whose name contains this.
    with_only: only = impl Into<String> => Some(only.into()),
}

impl Options {
    /// The default ones.
    pub fn new() -> Options {
        Options::default()
    }

    /// Every case, but small: a second on a store in memory.
    pub fn quick() -> Options {
        Options {
            scale: Some(2_001),
            steps: 1_500,
            tasks: 16,
            rounds: 8,
            processes: 2,
            process_tasks: 4,
            largest: (1 << 20) + 1,
            ..Options::default()
        }
    }

    /// The same, changed by `LARDER_CONFORMANCE_SCALE`, `_STEPS`, `_TASKS`, `_ROUNDS`, `_PROCESSES`, `_PROCESS_TASKS`,
    /// `_PARALLEL`, `_PATIENCE` (seconds), `_SEED` and `_ONLY`, so that a failure can be run again and a campaign made longer.
    ///
    /// # Panics
    /// For a number that is none, and for a name of that kind that is not known: a test that ignores what it was told
    /// is worse than one that does not run.
    pub fn from_env(mut self) -> Options {
        for (name, value) in std::env::vars() {
            let Some(what) = name.strip_prefix("LARDER_CONFORMANCE_") else { continue };
            let number = || value.parse::<u64>().unwrap_or_else(|e| panic!("{name}={value}: {e}"));
            self = match what {
                "SCALE" => self.with_scale(number() as usize),
                "STEPS" => self.with_steps(number() as usize),
                "TASKS" => self.with_tasks(number() as usize),
                "ROUNDS" => self.with_rounds(number() as usize),
                "PROCESSES" => self.with_processes(number() as usize),
                "PROCESS_TASKS" => self.with_process_tasks(number() as usize),
                "PARALLEL" => self.with_parallel(number() as usize),
                "PATIENCE" => self.with_patience(Duration::from_secs(number())),
                "SEED" => self.with_seed(number()),
                "ONLY" => self.with_only(value),
                "REPORT" | "CHILD" => self,
                _ => panic!("{name} is not known"),
            };
        }
        self
    }
}
