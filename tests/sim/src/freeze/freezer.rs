//! Freezing, and what must hold meanwhile and after.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::crew::Member;
use super::truth::Truth;
use super::{Fresh, OUTSIDE, OWN, Options, PROCESSES, writer};
use crate::clocks::Machine;
use crate::places::Places;
use crate::report::Report;
use crate::rng::Rng;
use crate::{Outcome, clock};

/// How long a freeze lasts: within the freshness, about as long, and longer.
const LASTS: [u64; 5] = [2, 20, 120, 230, 350];
/// How long the others may take to make a write while one is frozen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How far the calendar is set, at most.
const HOUR: i64 = 3600 * 1_000_000_000;

/// Which clock tells the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum True {
    /// The one since boot. The calendar is set to and fro.
    Boot,
    /// The calendar. The one since boot does not know of suspensions.
    Wall,
    /// None: the calendar is set back by as much as the other one stood.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    One { drained: bool },
    All { drained: bool },
}

const WHATS: &[(u32, What)] = &[
    (6, What::One { drained: false }),
    (3, What::One { drained: true }),
    (4, What::All { drained: false }),
    (2, What::All { drained: true }),
];

struct Campaign {
    folder: PathBuf,
    crew: Vec<Member>,
    machine: Machine,
    truth: Arc<Truth>,
    tells: True,
    rng: Rng,
    problems: Vec<String>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    freezes: u64,
    one: u64,
    all: u64,
    drained: u64,
    processes: u64,
    jumps: u64,
    writes: u64,
    stood: Duration,
}

/// Runs a campaign.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let mut report = Report::new("freeze", options.fresh.params(), options.seed);
    let mut counts = Counts::default();
    let all = if options.both_clocks { vec![True::None] } else { vec![True::Boot, True::Wall] };
    let mut told: Vec<Report> = Vec::new();
    for tells in all.iter().copied() {
        let share = options.freezes.div_ceil(all.len() as u64);
        let mut campaign = Campaign::begin(options, tells)?;
        let mut said = campaign.go(options, share)?;
        counts.add(&campaign.counts);
        campaign.problems.append(&mut said.iter().flat_map(|report| report.problems().to_vec()).collect());
        campaign.problems.into_iter().for_each(|what| report.problem(format!("{tells:?} tells: {what}")));
        told.append(&mut said);
    }
    counts.tell(&mut report);
    sum(&mut report, &told);
    if report.counted("reads that a front answered") == 0 && options.fresh != Fresh::Always {
        report.problem("no front answered anything: who keeps nothing serves nothing that is stale");
    }
    if report.counted("of those whether a version still stands") == 0 {
        report.problem("the origin was never asked whether a version still stands");
    }
    Ok(report)
}

/// Puts together what the processes counted.
fn sum(report: &mut Report, told: &[Report]) {
    let Some(first) = told.first() else { return };
    for name in first.names() {
        let counts = told.iter().map(|one| one.counted(name));
        match name.starts_with("the stalest") {
            true => report.count(name, counts.max().unwrap_or(0)),
            false => report.count(name, counts.sum()),
        }
    }
}

impl Counts {
    fn add(&mut self, other: &Counts) {
        self.freezes += other.freezes;
        self.one += other.one;
        self.all += other.all;
        self.drained += other.drained;
        self.processes += other.processes;
        self.jumps += other.jumps;
        self.writes += other.writes;
        self.stood += other.stood;
    }

    fn tell(&self, report: &mut Report) {
        report.count("freezes", self.freezes);
        report.count("of one process", self.one);
        report.count("of all at once", self.all);
        report.count("after a drain", self.drained);
        report.count("processes stopped", self.processes);
        report.count("times that the calendar was set", self.jumps);
        report.time("frozen in all", self.stood);
        report.count("writes past the fence", self.writes);
    }
}

impl Campaign {
    fn begin(options: &Options, tells: True) -> Outcome<Campaign> {
        let folder = options.folder.join(format!("{tells:?}"));
        std::fs::create_dir_all(&folder)?;
        let text = folder.to_str().ok_or("the folder's name is not UTF-8")?;
        let stack = format!(
            "memory:?capacity=8MiB | lmdb:{text}/front?role=cache&capacity=32MiB | \
             file:{text}/origin?sync=none&fence_slots=256&{}",
            options.fresh.params()
        );
        let machine = Machine::begin(&folder.join("clocks"))?;
        let truth = Arc::new(Truth::create(&folder.join("truth"), OUTSIDE + PROCESSES * OWN)?);
        let mut rng = Rng::part(options.seed, tells as u64);
        let begin = |who| Member::begin(options, &folder, &stack, options.fresh.limit(), who, rng.word());
        let mut crew = (0..PROCESSES).map(begin).collect::<Outcome<Vec<_>>>()?;
        crew.iter_mut().try_for_each(|member| member.hear("ready"))?;
        let (problems, counts) = (Vec::new(), Counts::default());
        Ok(Campaign { folder, crew, machine, truth, tells, rng, problems, counts })
    }

    /// Freezes so many times beside the writer, and gives what the processes have to report.
    fn go(&mut self, options: &Options, freezes: u64) -> Outcome<Vec<Report>> {
        let stop = AtomicBool::new(false);
        let (truth, origin) = (self.truth.clone(), self.folder.join("origin"));
        let seed = self.rng.word();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| writer::write(&origin, &truth, seed, &stop));
            let frozen = (0..freezes).try_for_each(|_| self.one_freeze(options));
            let told = frozen.and_then(|()| self.crew.drain(..).map(Member::end).collect());
            // Whoever still stands could hold up the writer.
            self.crew.clear();
            stop.store(true, Ordering::Relaxed);
            self.counts.writes += writer.join().map_err(|_| "the writer panicked")??;
            told
        })
    }

    fn one_freeze(&mut self, options: &Options) -> Outcome {
        std::thread::sleep(Duration::from_micros(self.rng.below(30_000)));
        self.counts.freezes += 1;
        if self.rng.one_in(3) {
            // Somebody sets the calendar while everybody works.
            self.set_calendar()?;
        }
        let what = match options.both_clocks {
            true => What::All { drained: false },
            false => *self.rng.weighted(WHATS),
        };
        match what {
            What::One { drained } => self.freeze_one(drained),
            What::All { drained } => self.freeze_all(drained),
        }
    }

    fn lasts(&mut self) -> Duration {
        Duration::from_millis(*self.rng.pick(&LASTS) + self.rng.below(10))
    }

    fn freeze_one(&mut self, drained: bool) -> Outcome {
        let (at, lasts) = (self.rng.index(self.crew.len()), self.lasts());
        if drained {
            self.crew[at].say("drain")?;
            self.crew[at].hear("drained")?;
        }
        self.crew[at].stop()?;
        self.crew[at].wait_stopped()?;
        let begin = Instant::now();
        if drained {
            self.counts.drained += 1;
            let (pid, places) = (self.crew[at].pid(), self.places()?);
            if places.reading.contains(&pid) {
                self.problems.push("a process that was drained holds a snapshot of LMDB".to_owned());
            }
            self.others_go_on(at)?;
        }
        std::thread::sleep(lasts.saturating_sub(begin.elapsed()));
        if self.rng.one_in(2) {
            self.set_calendar()?;
        }
        self.counts.stood += begin.elapsed();
        self.crew[at].thaw()?;
        if drained {
            self.crew[at].say("go")?;
        }
        self.counts.one += 1;
        self.counts.processes += 1;
        Ok(())
    }

    /// Those who run write, through the fence and into the fronts, whoever is frozen.
    fn others_go_on(&mut self, frozen: usize) -> Outcome {
        let others: Vec<u64> = (0..PROCESSES).filter(|who| *who != frozen as u64).collect();
        let made =
            |who: &u64| (0..OWN).map(|n| self.truth.begun(OUTSIDE + who * OWN + n)).sum::<Outcome<u64>>();
        let before = others.iter().map(made).collect::<Outcome<Vec<_>>>()?;
        let begin = Instant::now();
        loop {
            let now = others.iter().map(made).collect::<Outcome<Vec<_>>>()?;
            if now.iter().zip(&before).all(|(now, before)| now > before) {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                self.problems.push("while one who was drained is frozen, another does not go on".to_owned());
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn freeze_all(&mut self, drained: bool) -> Outcome {
        let lasts = self.lasts();
        if drained {
            self.crew.iter_mut().try_for_each(|member| member.say("drain"))?;
            self.crew.iter_mut().try_for_each(|member| member.hear("drained"))?;
        }
        self.crew.iter_mut().try_for_each(Member::stop)?;
        self.crew.iter_mut().try_for_each(Member::wait_stopped)?;
        let begin = clock::nanos();
        if drained {
            self.counts.drained += 1;
            let places = self.places()?;
            if !places.reading.is_empty() || places.open > 0 {
                self.problems.push(format!("after a drain of all something is left: {places:?}"));
            }
        }
        std::thread::sleep(lasts);
        let mut offsets = self.machine.offsets();
        let stood = (clock::nanos() - begin).cast_signed();
        offsets.monotonic -= stood;
        if self.tells != True::Boot {
            offsets.boot -= stood;
        }
        if self.tells == True::None {
            offsets.wall -= stood;
        }
        self.machine.set(offsets)?;
        if self.rng.one_in(2) {
            self.set_calendar()?;
        }
        self.counts.stood += Duration::from_nanos(stood.unsigned_abs());
        self.crew.iter_mut().try_for_each(Member::thaw)?;
        if drained {
            self.crew.iter_mut().try_for_each(|member| member.say("go"))?;
        }
        self.counts.all += 1;
        self.counts.processes += PROCESSES;
        Ok(())
    }

    /// Sets the calendar, if it is not the one clock that tells the truth.
    fn set_calendar(&mut self) -> Outcome {
        if self.tells != True::Boot {
            return Ok(());
        }
        let mut offsets = self.machine.offsets();
        // By hours, and by about as much as an answer may be old.
        let far = if self.rng.one_in(2) { HOUR } else { 300_000_000 };
        offsets.wall = self.rng.below(2 * far.unsigned_abs()).cast_signed() - far;
        self.counts.jumps += 1;
        self.machine.set(offsets)
    }

    fn places(&self) -> Outcome<Places> {
        Places::of(&self.folder.join("front"))
    }
}
