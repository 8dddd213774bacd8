//! Damage in a fence file: while processes have it open, with writes under way, or at rest.
//!
//! Two tables stand for two processes. What the origin holds is a number for each slot, and what a front holds an entry
//! with a stamp. After the damage everything goes on: a read that a front serves must give a number that the origin
//! held since the read began, or since a write began that is still under way; entries that were replaced must never be
//! served again; and when the longest doubt has passed, every slot is clean and a hit.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use larder_store_core::Env;
use larder_store_core::env::{BoxFuture, Clock};
use larder_tiered::fence::{FenceFile, FrontSays, Mapped, OpenWrite, Stamp, Table};

use super::{WINDOW, attach, file};
use crate::Outcome;
use crate::report::Report;
use crate::rng::Rng;

const SLOTS: u32 = 1024;
const PAGE: u64 = 4096;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// A clock that stands until it is moved.
#[derive(Debug)]
struct Hands(Instant, AtomicU64);

impl Clock for Hands {
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn boot(&self) -> Duration {
        Duration::ZERO
    }
    fn now(&self) -> Instant {
        self.0 + Duration::from_micros(self.1.load(Ordering::SeqCst))
    }
    fn sleep_until(&self, _deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How a file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Flip,
    TwoFlips,
    Word,
    ZeroPage,
    NoisePage,
    SwapWords,
}

const HARMS: [Harm; 6] =
    [Harm::Flip, Harm::TwoFlips, Harm::Word, Harm::ZeroPage, Harm::NoisePage, Harm::SwapWords];

/// What a slot's key is.
#[derive(Debug, Clone, Default)]
struct Cell {
    origin: u32,
    front: Option<(Stamp, u32)>,
    /// Entries that were replaced: a front may hold them still.
    old: Vec<(Stamp, u32)>,
    /// The number that the origin held when the oldest write began that is under way.
    before: Option<u32>,
}

struct Case {
    file: FenceFile,
    hands: Arc<Hands>,
    tables: Vec<Arc<Table<Mapped>>>,
    cells: Vec<Cell>,
    writes: Vec<(u32, bool, OpenWrite<Mapped>)>,
    next: u32,
    wrong: Option<String>,
    hits: u64,
}

/// Damages a file in `folder` so many times, each time a new one.
///
/// # Errors
/// What keeps it from going on.
pub fn run(folder: PathBuf, cases: u64, seed: u64) -> Outcome<Report> {
    let mut report = Report::new("fence", "damage", seed);
    let (mut kinds, mut unseen, mut hits, mut anew) = ([0u64; HARMS.len()], 0, 0, 0);
    for number in 0..cases {
        let mut rng = Rng::part(seed, number);
        let kind = rng.index(HARMS.len());
        kinds[kind] += 1;
        let path = folder.join("damaged");
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        let mut case = Case::new(path)?;
        let before = case.tables[0].incarnation();
        case.work(&mut rng, 300);
        let at_rest = rng.one_in(3);
        let hurt = case.hurt(HARMS[kind], at_rest, &mut rng)?;
        unseen += u64::from(case.is_unseen(hurt));
        anew += u64::from(case.tables[0].incarnation() != before);
        case.work(&mut rng, 300);
        case.heal();
        hits += case.hits;
        if let Some(wrong) = case.wrong {
            report.problem(format!("case {number}, {:?}, at rest {at_rest}: {wrong}", HARMS[kind]));
        }
    }
    for (harm, n) in HARMS.iter().zip(kinds) {
        report.count(format!("{harm:?}"), n);
    }
    report.count("words that passed their check", unseen);
    report.count("tables made anew", anew);
    report.count("hits", hits);
    Ok(report)
}

impl Case {
    fn new(path: PathBuf) -> Outcome<Case> {
        let hands = Arc::new(Hands(Instant::now(), AtomicU64::new(0)));
        let file = file(&path, SLOTS, Env::system().with_clock(hands.clone()));
        let tables = vec![attach(&file)?, attach(&file)?];
        let cells = vec![Cell::default(); SLOTS as usize];
        Ok(Case { file, hands, tables, cells, writes: Vec::new(), next: 0, wrong: None, hits: 0 })
    }

    /// Reads and writes, of few slots in each page, so that they meet.
    fn work(&mut self, rng: &mut Rng, operations: u64) {
        for _ in 0..operations {
            let slot = (rng.below(4) * 256 + rng.below(12)) as u32;
            let table = self.tables[rng.index(2)].clone();
            match rng.below(8) {
                0 | 1 if self.writes.len() < 6 => self.begin(slot, &table),
                2 | 3 if !self.writes.is_empty() => self.go_on(rng),
                _ => self.read(slot, &table),
            }
        }
    }

    fn begin(&mut self, slot: u32, table: &Arc<Table<Mapped>>) {
        match table.open_write(slot) {
            Ok(write) => {
                let cell = &mut self.cells[slot as usize];
                cell.before.get_or_insert(cell.origin);
                self.writes.push((slot, false, write));
            }
            Err(e) => {
                self.wrong.get_or_insert(format!("a write is refused: {e}"));
            }
        }
    }

    /// The origin takes a write that is open, or one that it took is answered.
    fn go_on(&mut self, rng: &mut Rng) {
        let at = rng.index(self.writes.len());
        let (slot, taken, write) = self.writes.swap_remove(at);
        let cell = &mut self.cells[slot as usize];
        if !taken {
            self.next += 1;
            cell.origin = self.next;
            self.writes.push((slot, true, write));
            return;
        }
        let value = cell.origin;
        let stamp = write.answered();
        if let Some(stamp) = stamp {
            cell.old.extend(cell.front.replace((stamp, value)));
        }
        if !self.writes.iter().any(|(other, ..)| *other == slot) {
            self.cells[slot as usize].before = None;
        }
    }

    fn read(&mut self, slot: u32, table: &Arc<Table<Mapped>>) {
        let lease = table.lease(slot);
        let cell = &mut self.cells[slot as usize];
        let open = cell.before.is_some();
        let right = |value: u32| value == cell.origin || open;
        for (stamp, value) in cell.front.iter().chain(&cell.old) {
            if table.serves(&lease, stamp) && !right(*value) {
                self.wrong
                    .get_or_insert(format!("slot {slot} gives {value}, the origin has {}", cell.origin));
            }
        }
        if let Some((stamp, _)) = &cell.front
            && table.serves(&lease, stamp)
        {
            self.hits += 1;
            return;
        }
        if !lease.is_clean() {
            table.tend(&lease);
        }
        if let Some(stamp) = table.fill(&lease) {
            cell.old.extend(cell.front.replace((stamp, cell.origin)));
        }
    }

    /// Damages the file; gives the word that was hit, if it was one.
    fn hurt(&mut self, harm: Harm, at_rest: bool, rng: &mut Rng) -> Outcome<Option<u64>> {
        if at_rest {
            // Their owners are asked no more: the writes end in doubt.
            for (slot, _, write) in self.writes.drain(..) {
                drop(write);
                self.cells[slot as usize].before = None;
            }
            self.file.front = FrontSays::Incarnation(self.tables[0].incarnation());
            self.tables.clear();
        }
        let raw = File::options().read(true).write(true).open(&self.file.path)?;
        let len = raw.metadata()?.len();
        // A third of the harm to the head and the marks, which are a few pages, else to the slots in use.
        let slots_at = len - u64::from(SLOTS) * 16;
        let word = match rng.one_in(3) {
            true => rng.below(slots_at / 8) * 8,
            false => slots_at + (rng.below(4) * 256 + rng.below(12)) * 16 + rng.below(2) * 8,
        };
        let get = |at: u64| -> Outcome<u64> {
            let mut bytes = [0; 8];
            raw.read_exact_at(&mut bytes, at)?;
            Ok(u64::from_le_bytes(bytes))
        };
        let page = word / PAGE * PAGE;
        match harm {
            Harm::Flip => raw.write_all_at(&(get(word)? ^ 1 << rng.below(64)).to_le_bytes(), word)?,
            Harm::TwoFlips => {
                let flipped = get(word)? ^ 1 << rng.below(64) ^ 1 << rng.below(64);
                raw.write_all_at(&flipped.to_le_bytes(), word)?;
            }
            Harm::Word => raw.write_all_at(&rng.word().to_le_bytes(), word)?,
            Harm::ZeroPage => raw.write_all_at(&[0; PAGE as usize], page)?,
            Harm::NoisePage => {
                let noise: Vec<u8> = (0..PAGE).map(|_| rng.word() as u8).collect();
                raw.write_all_at(&noise, page)?;
            }
            Harm::SwapWords => {
                let other = slots_at + rng.below(u64::from(SLOTS)) * 16;
                let (a, b) = (get(word)?, get(other)?);
                raw.write_all_at(&b.to_le_bytes(), word)?;
                raw.write_all_at(&a.to_le_bytes(), other)?;
            }
        }
        if at_rest {
            self.tables = vec![attach(&self.file)?, attach(&self.file)?];
        }
        Ok((harm == Harm::Word && word >= slots_at).then(|| (word - slots_at) / 16))
    }

    /// Whether a slot whose word was replaced by noise looks as if nothing had happened.
    fn is_unseen(&self, hurt: Option<u64>) -> bool {
        hurt.is_some_and(|slot| self.tables[0].lease(slot as u32).is_clean())
    }

    /// All writes end, the window passes: every slot must be a hit at the third read.
    fn heal(&mut self) {
        while let Some((slot, taken, write)) = self.writes.pop() {
            if !taken {
                self.next += 1;
                self.cells[slot as usize].origin = self.next;
            }
            write.answered();
            self.cells[slot as usize].before = None;
        }
        self.cells.iter_mut().for_each(|cell| cell.before = None);
        for pass in 0..4 {
            let before = self.hits;
            for slot in 0..SLOTS {
                // By both: a bit that damage has set is taken for an open write of whoever it belongs to, and only that
                // process knows better.
                for table in self.tables.clone() {
                    self.read(slot, &table);
                }
            }
            // What was noticed only now has its window from now on; and a time of doubt that damage made up, and that
            // passed its check, lasts for a day at most.
            if pass == 0 {
                self.hands.1.fetch_add((WINDOW + DAY).as_micros() as u64, Ordering::SeqCst);
            }
            let missed = 2 * u64::from(SLOTS) - (self.hits - before);
            if pass == 3 && missed > 0 {
                self.wrong.get_or_insert(format!("{missed} slots did not heal"));
            }
        }
    }
}
