//! What the suites share: the runtime, the folder, the plan, and the outcomes so far.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::args::Args;
use crate::case::{Case, Outcome};
use crate::error::{Result, at};
use crate::measure::{self, Plan, Side};
use crate::place::Place;
use crate::report;
use crate::workload::Workload;

#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) quick: bool,
    pub(crate) place: Place,
    filter: String,
    json: Option<File>,
    outcomes: Vec<Outcome>,
    begun: Instant,
    talks: bool,
}

impl Context {
    pub(crate) fn new(args: &Args) -> Result<Context> {
        let json = args.json.as_ref().map(|path| File::create(path).map_err(|e| at(path, e)));
        let context = Context {
            quick: args.quick,
            place: Place::new(args.dir.as_deref())?,
            filter: args.case.clone().unwrap_or_default(),
            json: json.transpose()?,
            outcomes: Vec::new(),
            begun: Instant::now(),
            talks: std::io::stderr().is_terminal(),
        };
        println!("{}", report::machine(&context.place));
        Ok(context)
    }

    /// A runtime as services have it: one worker for each core.
    pub(crate) fn runtime() -> Result<Runtime> {
        Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
    }

    /// Whether the filter lets a case through.
    pub(crate) fn wants(&self, case: &Case) -> bool {
        case.path().contains(&self.filter)
    }

    /// Whether the filter lets any of these cases through: else what they need is not made.
    pub(crate) fn wants_any(&self, cases: &[Case]) -> bool {
        cases.iter().any(|case| self.wants(case))
    }

    /// Whether the filter lets through cases whose names begin so: else what they need is not made.
    pub(crate) fn wants_text(&self, text: &str) -> bool {
        text.contains(&self.filter) || self.filter.contains(text)
    }

    /// `quick` in a quick run, else `full`.
    pub(crate) fn either<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Says on a terminal what takes long.
    pub(crate) fn say(&self, what: impl std::fmt::Display) {
        if self.talks {
            eprint!("\r\x1b[2K{:>4.0} s  {what}", self.begun.elapsed().as_secs_f64());
        }
    }

    /// A plan for what the thread that asks does by itself: short turns, many rounds.
    pub(crate) fn cpu_plan(&self) -> Plan {
        Plan {
            budget: Duration::from_millis(self.either(300, 10_000)),
            turn: Duration::from_millis(2),
            multiple: 1,
            warm_up: self.either(3, 20),
            one_thread: true,
            min_rounds: 15,
            max_rounds: 2_000,
        }
    }

    /// A plan for what waits for the disk: few operations a turn, since disks have moods.
    pub(crate) fn disk_plan(&self, multiple: usize) -> Plan {
        Plan {
            budget: Duration::from_millis(self.either(1_200, 30_000)),
            turn: Duration::from_millis(self.either(10, 40)),
            multiple,
            warm_up: self.either(1, 5),
            one_thread: false,
            min_rounds: 11,
            max_rounds: 1_000,
        }
    }

    /// A plan for what waits for a server in another process.
    #[cfg(feature = "cloud")]
    pub(crate) fn wire_plan(&self) -> Plan {
        Plan {
            budget: Duration::from_millis(self.either(600, 30_000)),
            turn: Duration::from_millis(self.either(10, 40)),
            multiple: 1,
            warm_up: self.either(2, 20),
            one_thread: false,
            min_rounds: 11,
            max_rounds: 2_000,
        }
    }

    /// Measures a case, if the filter lets it through.
    pub(crate) fn measure(
        &mut self,
        case: Case,
        plan: &Plan,
        workload: &Workload,
        mut ours: Side<'_>,
        mut theirs: Side<'_>,
    ) -> Result<()> {
        if !self.wants(&case) {
            return Ok(());
        }
        self.say(case.path());
        let rounds = measure::pair(plan, workload, &mut ours, &mut theirs)
            .map_err(|e| format!("{}: {e}", case.path()))?;
        self.add(case, &rounds)
    }

    /// Takes in what came of a case's rounds: ours, theirs.
    pub(crate) fn add(&mut self, case: Case, rounds: &[(f64, f64)]) -> Result<()> {
        let outcome = Outcome::new(case, rounds);
        if let Some(json) = &mut self.json {
            writeln!(json, "{}", report::json(&outcome))?;
        }
        self.outcomes.push(outcome);
        Ok(())
    }

    /// The outcomes, in the order of measuring.
    pub(crate) fn finish(self) -> Vec<Outcome> {
        if self.talks {
            eprint!("\r\x1b[2K");
        }
        self.outcomes
    }
}
