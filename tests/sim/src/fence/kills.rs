//! Processes that write through one fence are killed.

use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use larder_store_core::Env;
use larder_tiered::fence::{Mapped, OWNERS, Table};

use super::ledger::{self, Note};
use super::{attach, file, worker};
use crate::Outcome;
use crate::process::{Program, Running};
use crate::report::Report;
use crate::rng::Rng;

/// Slots of the table.
const SLOTS: u32 = 1 << 16;
/// Slots that a round works on; they are not used again, as doubt outlasts the campaign.
const SPAN: u32 = 64;

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder of its own.
    pub folder: PathBuf,
    /// How many processes are killed.
    pub kills: u64,
    /// The most at a time.
    pub processes: u64,
    /// What repeats its choices.
    pub seed: u64,
    /// The program of the children.
    pub program: Program,
}

struct Worker {
    running: Running,
    ledger: PathBuf,
}

struct Campaign<'a> {
    options: &'a Options,
    path: PathBuf,
    rng: Rng,
    rounds: u32,
    kills: u64,
    report: Report,
    /// Slots of this round that must be in doubt, and those that may be.
    must: [bool; SPAN as usize],
    may: [bool; SPAN as usize],
    counts: [u64; 3],
}

/// Runs a campaign.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let mut campaign = Campaign {
        options,
        path: options.folder.join("fence"),
        rng: Rng::new(options.seed),
        rounds: 0,
        kills: 0,
        report: Report::new("fence", "kills", options.seed),
        must: [false; SPAN as usize],
        may: [false; SPAN as usize],
        counts: [0; 3],
    };
    // A table that was made anew would know nothing of what was open.
    let incarnation = attach(&campaign.file())?.incarnation();
    while campaign.kills < options.kills && campaign.report.is_good() {
        if (campaign.rounds + 2) * SPAN > SLOTS {
            std::fs::remove_file(&campaign.path)?;
            campaign.rounds = 0;
            return Err("more rounds than the table has slots for: fewer kills, please".into());
        }
        campaign.round()?;
        let now = attach(&campaign.file())?.incarnation();
        if now != incarnation {
            campaign.report.problem("the table was made anew");
        }
    }
    let Campaign { mut report, kills, rounds, counts, .. } = campaign;
    report.count("kills", kills);
    report.count("rounds", rounds.into());
    for (name, n) in ["slots in doubt, rightly", "slots in which it was open", "slots that stayed clean"]
        .into_iter()
        .zip(counts)
    {
        report.count(name, n);
    }
    Ok(report)
}

impl Campaign<'_> {
    fn file(&self) -> larder_tiered::fence::FenceFile {
        file(&self.path, SLOTS, Env::system())
    }

    fn first(&self) -> u32 {
        self.rounds * SPAN
    }

    fn round(&mut self) -> Outcome {
        self.rounds += 1;
        (self.must, self.may) = ([false; SPAN as usize], [false; SPAN as usize]);
        let n = self.rng.between(1, self.options.processes);
        let mut crew = (0..n).map(|who| self.begin(who)).collect::<Outcome<Vec<_>>>()?;
        // Somebody who lives through it has to see the same as who comes later.
        let witness = if self.rng.one_in(2) { Some(attach(&self.file())?) } else { None };
        let starting = self.rng.one_in(8);
        if !starting {
            for worker in &mut crew {
                ready(&mut worker.running)?;
            }
        }
        if let Some(witness) = &witness
            && !starting
            && n > 1
        {
            self.one_dies(&mut crew, witness)?;
        }
        self.pause();
        for worker in &mut crew {
            worker.running.kill()?;
        }
        for worker in crew {
            self.bury(worker)?;
        }
        if let Some(witness) = witness {
            for slot in self.first()..self.first() + SPAN {
                witness.tend(&witness.lease(slot));
            }
            self.look(&witness, "one who lived through it");
        }
        let heir = attach(&self.file())?;
        self.look(&heir, "the next one");
        drop(heir);
        if self.rounds.is_multiple_of(8) {
            self.all_places_are_free()?;
        }
        Ok(())
    }

    /// One is killed while the others go on.
    fn one_dies(&mut self, crew: &mut Vec<Worker>, witness: &Arc<Table<Mapped>>) -> Outcome {
        self.pause();
        let mut dead = crew.swap_remove(self.rng.index(crew.len()));
        dead.running.kill()?;
        let notes = self.bury(dead)?;
        for (slot, note) in (self.first()..).zip(&notes) {
            witness.tend(&witness.lease(slot));
            if *note == Note::Open && !witness.lease(slot).is_doubted() {
                self.report.problem(format!(
                    "round {}: slot {slot} was open in the dead and is not in doubt",
                    self.rounds
                ));
            }
        }
        Ok(())
    }

    fn begin(&mut self, who: u64) -> Outcome<Worker> {
        let ledger = self.options.folder.join(format!("ledger-{who}"));
        // The file of who had this name before says nothing of this one.
        if ledger.exists() {
            std::fs::remove_file(&ledger)?;
        }
        let text = |path: &PathBuf| path.to_str().map(str::to_owned).ok_or("the folder's name is not UTF-8");
        let (path, notes) = (text(&self.path)?, text(&ledger)?);
        let (slots, first, span) = (SLOTS.to_string(), self.first().to_string(), SPAN.to_string());
        let seed = self.rng.word().to_string();
        let args = [
            ["--path", &path],
            ["--ledger", &notes],
            ["--slots", &slots],
            ["--first", &first],
            ["--span", &span],
            ["--seed", &seed],
        ];
        let mut command = self.options.program.role(worker::ROLE, args.into_iter().flatten());
        let running = Running::begin(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
        Ok(Worker { running, ledger })
    }

    fn pause(&mut self) {
        std::thread::sleep(Duration::from_micros(self.rng.below(3000)));
    }

    /// Takes a dead one away, and reads what it was doing.
    fn bury(&mut self, mut worker: Worker) -> Outcome<Vec<Note>> {
        use std::os::unix::process::ExitStatusExt;
        let status = worker.running.wait()?;
        if status.signal() != Some(rustix::process::Signal::KILL.as_raw()) {
            let complaint = worker.running.complaint();
            self.report.problem(format!("a worker ended by itself, {status}: {complaint}"));
        }
        self.kills += 1;
        let notes = ledger::read(&worker.ledger, SPAN)?;
        for (at, note) in notes.iter().enumerate() {
            self.must[at] |= note.is_doubt();
            self.may[at] |= note.may_be_doubt();
            self.counts[1] += u64::from(*note == Note::Open);
        }
        Ok(notes)
    }

    /// With all workers dead, nothing is open; doubt is where it must be, and nowhere else.
    fn look(&mut self, table: &Table<Mapped>, who: &str) {
        for at in 0..SPAN as usize {
            let lease = table.lease(self.first() + at as u32);
            let (open, doubted) = (lease.is_open(), lease.is_doubted());
            let wrong = match (open, doubted, self.must[at], self.may[at]) {
                (true, ..) => "is still open",
                (_, false, true, _) => "is not in doubt, and a write was open there",
                (_, true, _, false) => "is in doubt, and nothing happened there",
                _ => {
                    self.counts[if doubted { 0 } else { 2 }] += 1;
                    continue;
                }
            };
            self.report.problem(format!("round {}: slot {at} {wrong}, as {who} sees it", self.rounds));
        }
        // The next round's slots are untouched.
        if let Some(slot) =
            (self.first() + SPAN..self.first() + 2 * SPAN).find(|slot| !table.lease(*slot).is_clean())
        {
            self.report
                .problem(format!("round {}: slot {slot}, which nobody used, is not clean", self.rounds));
        }
    }

    /// As many as ever can attach, and each can write.
    fn all_places_are_free(&mut self) -> Outcome {
        let tables = (0..OWNERS).map(|_| attach(&self.file())).collect::<Outcome<Vec<_>>>()?;
        let slot = SLOTS - 1;
        for table in &tables {
            let write = table.open_write(slot)?;
            if !tables[0].lease(slot).is_open() || write.answered().is_none() {
                self.report.problem(format!("round {}: a place that was free does not write", self.rounds));
            }
        }
        if self.file().try_attach().is_ok() {
            self.report.problem("a seventeenth is attached");
        }
        Ok(())
    }
}

/// Waits until a worker is attached.
fn ready(running: &mut Running) -> Outcome {
    if let Some(pipe) = &mut running.child().stdout {
        // Nothing to read means that it has ended; whoever buries it says so.
        let _ = pipe.read(&mut [0])?;
    }
    Ok(())
}
